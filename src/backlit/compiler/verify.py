"""The check that a program is well formed, run after every pass."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backlit.compiler.program import Program, Step
from backlit.compiler.rows import SAMPLES, Affine, Inverse, at, has_room
from backlit.compiler.symbolic import SCANS
from backlit.compiler.values import can_emit
from backlit.core.primitive import Primitive
from backlit.errors import GraphError

_REDUCTIONS = {"sum", "prod", "max", "min", "argmax", "argmin"}


def verify_program(program: Program, after: str, before: Program | None = None) -> Program:
    """Check that every step reads only earlier ones, and that all types are what the kinds and operations say.

    Args:
        program: The program.
        after: What was done last, for the message.
        before: The program that it was made of, if that has passed this check: the steps before the first new one are
            not looked at again.

    Returns:
        The program itself.

    Raises:
        GraphError: The step and the types that do not fit.
    """
    steps = program.steps
    for number in range(_same_steps(program, before), len(steps)):
        step = steps[number]
        args = []
        for a in step.args:
            if not 0 <= a < number:
                raise GraphError(f"after {after}: step %{number}, {step}, reads what no earlier step makes")
            args.append(steps[a])
        check = _CHECKS.get(step.kind)
        wrong = f"{step.kind} is no kind of step" if check is None else check(step, args)
        if wrong:
            given = f", given {', '.join(a.type() for a in args)}" if args else ""
            raise GraphError(f"after {after}: step %{number}, {step}{given}: {wrong}")
    inputs = {step.attrs: step for step in steps if step.kind == "input"}
    for end in program.ends():
        if not 0 <= end < len(steps):
            raise GraphError(f"after {after}: %{end} is asked for, but no step makes it")
    for place, final in program.writes:
        old, new = inputs.get(place), steps[final]
        if old is not None and (old.shape, old.dtype) != (new.shape, new.dtype):
            raise GraphError(f"after {after}: %{final}, {new}, is left in input {place}, which holds {old.type()}")
    return program


def _same_steps(program: Program, before: Program | None) -> int:
    """How many steps, from the first, are those of another program."""
    known = () if before is None else before.steps
    pairs = enumerate(zip(program.steps, known, strict=False))
    return next((n for n, (step, old) in pairs if step is not old), min(len(program.steps), len(known)))


def _input(step: Step, args: Sequence[Step]) -> str | None:
    return None if isinstance(step.attrs, int) and not args else "an input has a number, and no arguments"


def _constant(step: Step, args: Sequence[Step]) -> str | None:
    fits = isinstance(step.attrs, (int, float, Affine, Inverse)) and not args
    return None if fits else "a constant is a number, without arguments"


def _iota(step: Step, args: Sequence[Step]) -> str | None:
    return None if step.dtype == "i8" and len(step.shape) == 1 and not args else "indices are a vector of i8"


@functools.cache
def _result(op: str, kinds: tuple[str, ...]) -> str | None:
    """The element type of an elementwise operation's result; None if there is no such operation."""
    if op == "cast":
        return "any" if len(kinds) == 1 else None
    if op == "select":
        return kinds[1] if len(kinds) == 3 and kinds[0] == "b1" and kinds[1] == kinds[2] else None
    if not kinds or not can_emit(op, kinds[0]) or len(set(kinds)) > 1:
        return None
    ufunc = getattr(np, op, None)
    if not isinstance(ufunc, np.ufunc):
        # What NumPy lacks has one argument and its type.
        return kinds[0] if len(kinds) == 1 else None
    if ufunc.nin != len(kinds):
        return None
    found = ufunc.resolve_dtypes((*map(np.dtype, kinds), None))
    return found[-1].str[1:] if all(f.str[1:] == k for f, k in zip(found, kinds, strict=False)) else None


def _pointwise(step: Step, args: Sequence[Step]) -> str | None:
    shape, kinds = step.shape, []
    for a in args:
        if a.shape != shape:
            return "elementwise operations take arguments of their own shape"
        kinds.append(a.dtype)
    found = _result(step.op, tuple(kinds))
    if found is None:
        return f"there is no {step.op} of these"
    return None if found in (step.dtype, "any") else f"{step.op} of these makes {found}"


def _view(step: Step, args: Sequence[Step]) -> str | None:
    if len(args) != 1 or args[0].dtype != step.dtype:
        return "a view has one argument, of its own type"
    offset, strides = step.attrs
    if len(strides) != len(step.shape):
        return "a view has a stride for each dimension"
    rows = SAMPLES[0]
    first = last = at(offset, rows)
    for size, stride in zip(step.shape, strides, strict=True):
        if stride != 0:
            reach = at(stride, rows) * (at(size, rows) - 1)
            if reach > 0:
                last += reach
            else:
                first += reach
    # Of no elements, none is outside.
    if 0 in step.shape or (first >= 0 and last < math.prod([at(n, rows) for n in args[0].shape])):
        return None
    return "the view reaches outside of its argument"


def _pad(step: Step, args: Sequence[Step]) -> str | None:
    if len(args) != 1 or args[0].dtype != step.dtype or len(args[0].shape) != len(step.shape):
        return "a pad has one argument, of its own type and dimensions"
    if not has_room(step, args[0], SAMPLES[0]):
        return "a pad has room for its argument"
    return None if isinstance(step.attrs[2], (int, float, Affine, Inverse)) else "what a pad adds is a number"


def _join(step: Step, args: Sequence[Step]) -> str | None:
    dim = step.attrs
    kinds = {(a.dtype, *a.shape[:dim], *a.shape[dim + 1 :]) for a in args}
    if kinds != {(step.dtype, *step.shape[:dim], *step.shape[dim + 1 :])}:
        return "what is joined has one type, and the same shape along other dimensions"
    length = sum(at(a.shape[dim], SAMPLES[0]) for a in args)
    return None if length == at(step.shape[dim], SAMPLES[0]) else "a join is as long as its arguments together"


def _reduce(step: Step, args: Sequence[Step]) -> str | None:
    if len(args) != 1 or step.op not in _REDUCTIONS:
        return f"there is no reduction {step.op} of these"
    (source,), dims = args, step.attrs
    if len(set(dims)) != len(dims) or any(not 0 <= d < len(source.shape) for d in dims):
        return "the dimensions are not the argument's"
    if step.shape != tuple(n for d, n in enumerate(source.shape) if d not in dims):
        return "the result has the dimensions that are not reduced"
    expected = "i8" if step.op.startswith("arg") else source.dtype
    return None if step.dtype == expected else f"{step.op} of {source.dtype} makes {expected}"


def _product(step: Step, args: Sequence[Step]) -> str | None:
    if len(args) != 2 or {a.dtype for a in args} != {step.dtype}:
        return "a product has two arguments, of its own type"
    left, right = args[0].shape, args[1].shape
    if min(len(left), len(right)) < 2 or left[-1] != right[-2] or left[:-2] != right[:-2]:
        return "the sizes of the factors do not match"
    return None if step.shape == (*left[:-1], right[-1]) else f"the product has the shape {(*left[:-1], right[-1])}"


def _picked(base: Step, picks: Sequence[Step], dims: Any) -> tuple[Any, ...] | None:
    """The shape in which indices stand in for dimensions; None if they cannot."""
    if not dims or len(picks) != len(dims) or any(p.dtype != "i8" or p.shape != picks[0].shape for p in picks):
        return None
    if dims != tuple(range(dims[0], dims[0] + len(dims))) or not 0 <= dims[0] <= dims[-1] < len(base.shape):
        return None
    return (*base.shape[: dims[0]], *picks[0].shape, *base.shape[dims[-1] + 1 :])


def _take(step: Step, args: Sequence[Step]) -> str | None:
    shape = _picked(args[0], args[1:], step.attrs) if args else None
    fits = shape == step.shape and args[0].dtype == step.dtype and step.op in ("", "inside")
    return None if fits else "the indices do not pick this from the first argument"


def _scatter(step: Step, args: Sequence[Step]) -> str | None:
    base = args[0] if len(args) > 2 else None
    if base is None or (base.shape, base.dtype) != (step.shape, step.dtype) or step.op not in ("add", "set"):
        return "a scatter changes its first argument, and has its type"
    fits = args[1].dtype == step.dtype and args[1].shape == _picked(base, args[2:], step.attrs)
    return None if fits else "the indices do not name places for the second argument"


def _scan(step: Step, args: Sequence[Step]) -> str | None:
    if len(args) != 1 or (args[0].shape, args[0].dtype) != (step.shape, step.dtype):
        return "a scan has one argument, and its type"
    fits = step.op in SCANS and isinstance(step.attrs, int) and 0 <= step.attrs < len(step.shape)
    return None if fits and step.dtype != "b1" else f"there is no scan {step.op} of these"


def _random(step: Step, args: Sequence[Step]) -> str | None:
    fits = len(args) == 1 and args[0].dtype == "i8" and args[0].shape == (3,) and step.dtype == "u8"
    return None if fits and len(step.shape) == 1 else "words u8 are drawn from a generator's state, i8[3]"


def _measure(step: Step, args: Sequence[Step]) -> str | None:
    if step.dtype[0] != "f" or {a.dtype for a in args} != {step.dtype} or len(step.shape) != 2:
        return "a measure is a matrix of floats of its arguments' type"
    marked = step.op == "at_least"
    fits = step.shape[0] == len(args) - marked and (args[0].shape == step.shape if marked else step.op == "moments")
    return None if fits else f"there is no measure {step.op} of these"


def _call(step: Step, args: Sequence[Step]) -> str | None:
    if step.op not in Primitive.registry:
        return f"there is no operation {step.op}"
    places = step.attrs[0]
    return None if sum(p is None for p in places) == len(args) else "a call has a place for each argument"


_CHECKS: dict[str, Any] = {
    "input": _input,
    "constant": _constant,
    "iota": _iota,
    "pointwise": _pointwise,
    "view": _view,
    "pad": _pad,
    "join": _join,
    "reduce": _reduce,
    "product": _product,
    "take": _take,
    "scatter": _scatter,
    "scan": _scan,
    "random": _random,
    "measure": _measure,
    "call": _call,
}
