"""Constants: what is known when the program is compiled is computed then.

Numbers that depend on the number of rows stay; views and casts of them are constants too.
"""

import math
from typing import Any

import numpy as np

from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.plan.reading import same_dims
from backlit.compiler.program import Program, Step
from backlit.compiler.rows import Affine, Inverse


def fold_constants(program: Program) -> Program:
    """The program with steps of constants replaced by constants."""
    return rewritten(program, _fold)


def _fold(builder: Rewriter, step: Step, number: int) -> int | None:
    rule = _RULES.get(step.kind)
    if rule is None:
        return None
    args = [builder.steps[a] for a in step.args]
    # An index that is looked at may be out of range, which must be noticed.
    only_first = step.kind in ("view", "reduce") or (step.kind == "take" and step.op == "inside")
    if any(a.kind != "constant" for a in (args[:1] if only_first else args)):
        return None
    value = rule(step, args)
    return None if value is None else builder.constant(value, step)


def _view(step: Step, args: list[Step]) -> Any:
    (source,) = args
    # A part of what depends on the number of rows may be missing, which must be noticed.
    is_whole = same_dims(step, source) is not None or not (step.attrs[0] or any(step.attrs[1]))
    return source.attrs if is_whole or all(isinstance(n, int) for n in source.shape) else None


def _take(step: Step, args: list[Step]) -> Any:
    return args[0].attrs


def _pointwise(step: Step, args: list[Step]) -> Any:
    if any(isinstance(a.attrs, Affine | Inverse) for a in args):
        return None
    with np.errstate(all="ignore"):
        values = [np.asarray(a.attrs).astype(a.dtype)[()] for a in args]
        if step.op == "cast":
            # Beyond the range of integers, machine code saturates, and NumPy does not.
            if args[0].dtype[0] == "f" and step.dtype[0] in "iu":
                return None
            return values[0].astype(step.dtype).item()
        if step.op == "select":
            return args[1].attrs if values[0] else args[2].attrs
        ufunc = getattr(np, step.op, None)
        return ufunc(*values).item() if isinstance(ufunc, np.ufunc) else None


def _reduce(step: Step, args: list[Step]) -> Any:
    (source,), value = args, args[0].attrs
    sizes = [source.shape[d] for d in step.attrs]
    if step.op in ("max", "min"):
        return value if all(isinstance(n, int) and n > 0 for n in sizes) else None
    # Whole numbers, whose sum is exact; of floats, only as far as they hold all of them.
    whole = isinstance(value, int | float) and math.isfinite(value) and value == int(value)
    if step.op != "sum" or not whole:
        return None
    total: Any = int(value) * math.prod(sizes)
    if isinstance(total, int):
        return total if step.dtype[0] != "f" or abs(total) < 2**24 else None
    return total if isinstance(total, Affine) and isinstance(total.scale, int) else None


def _pad(step: Step, args: list[Step]) -> Any:
    inside, border = args[0].attrs, step.attrs[2]
    # 0.0 and -0.0 are equal, but not the same number.
    return inside if repr(inside) == repr(border) else None


_RULES: dict[str, Any] = {"view": _view, "pad": _pad, "take": _take, "pointwise": _pointwise, "reduce": _reduce}
