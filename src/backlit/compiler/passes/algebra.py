"""Algebraic rules: a step replaced by a cheaper one of the same value.

NaN, infinities and the signs of zeros come out as before. Rounding may differ where a power becomes a product (by at
most 2 units in the last place for the exponent 4), and is smaller in `sigmoid` than in the formula that it replaces.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from backlit.compiler.passes.one_hot import one_hot
from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.plan.reading import Sight, composed, sight
from backlit.compiler.program import Program, Step, plain_strides
from backlit.compiler.rows import Affine

PointwiseRule = Callable[[Rewriter, Step, Sequence[int]], int | None]


def simplify(program: Program) -> Program:
    """The program with all rules applied, arguments first."""
    return rewritten(program, _apply)


def _apply(builder: Rewriter, step: Step, number: int) -> int | None:
    if step.kind == "pointwise":
        rule = _POINTWISE.get(step.op)
        return None if rule is None else rule(builder, step, step.args)
    if step.kind == "view":
        return merged_view(builder, step)
    return _reduce(builder, step) if step.kind == "reduce" else None


def _is(builder: Rewriter, number: int, value: float) -> bool:
    """Whether a step is this constant, the sign of zero included."""
    step = builder.steps[number]
    found = step.attrs
    if step.kind != "constant" or not isinstance(found, int | float) or found != value:
        return False
    # An integer zero has no sign, and a float's type says that it is positive.
    return step.dtype[0] != "f" or math.copysign(1, found) == math.copysign(1, value)


def _of(builder: Rewriter, number: int, op: str) -> tuple[int, ...] | None:
    """The arguments of an elementwise step, if it is this operation."""
    step = builder.steps[number]
    return step.args if step.kind == "pointwise" and step.op == op else None


# -- sums and products -------------------------------------------------------------------------------------------------


def _add(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    for x, y in (args, args[::-1]):
        if _is(b, y, -0.0) or (step.dtype[0] != "f" and _is(b, y, 0)):
            return x
        if step.dtype != "b1" and (inner := _of(b, y, "negative")):
            return b.pointwise("subtract", x, *inner)
    return None


def _subtract(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    x, y = args
    if _is(b, y, 0.0):
        return x
    inner = _of(b, y, "negative")
    return b.pointwise("add", x, *inner) if inner else None


def _multiply(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    for x, y in (args, args[::-1]):
        if _is(b, y, 1):
            return x
        if step.dtype[0] in "fi" and _is(b, y, -1):
            return b.pointwise("negative", x)
    first, second = (_of(b, a, "negative") for a in args)
    return b.pointwise("multiply", *first, *second) if first and second else None


def _divide(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    x, y = args
    if _is(b, y, 1):
        return x
    if _is(b, x, 1) and (found := _sigmoid(b, step, (y,))):
        return found
    divisor = b.steps[y].attrs
    if b.steps[y].kind != "constant" or not isinstance(divisor, int | float) or not _is_power_of_two(divisor):
        return None
    # Exact, as neither the divisor nor its reciprocal is rounded.
    return b.pointwise("multiply", x, b.constant(1 / divisor, step))


def _is_power_of_two(value: float) -> bool:
    """Whether a number and its reciprocal are powers of two, in either float type without loss."""
    return math.isfinite(value) and 2.0**-126 <= abs(value) <= 2.0**126 and abs(math.frexp(value)[0]) == 0.5


def _negative(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    inner = _of(b, args[0], "negative")
    return inner[0] if inner else None


def _positive(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    return args[0]


def _absolute(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    inner = _of(b, args[0], "negative") or _of(b, args[0], step.op)
    return b.pointwise(step.op, *inner) if inner else None


def _idempotent(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    return args[0] if args[0] == args[1] else None


# -- choices and casts -------------------------------------------------------------------------------------------------


def _select(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    condition, yes, no = args
    known = b.steps[condition]
    if yes == no:
        return yes
    if known.kind == "constant":
        return yes if known.attrs else no
    inner = _of(b, condition, "logical_not")
    return b.pointwise("select", *inner, no, yes) if inner and b.steps[inner[0]].dtype == "b1" else None


def _logical_not(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    inner = _of(b, args[0], "logical_not")
    return inner[0] if inner and b.steps[inner[0]].dtype == "b1" else None


# How many bits of whole numbers a float type holds.
_EXACT = {"f4": 24, "f8": 53}


def _holds(wide: str, narrow: str) -> bool:
    """Whether a type has all values of another."""
    if narrow == "b1" or wide == narrow:
        return True
    if wide == "b1":
        return False
    bits = int(narrow[1:]) * 8
    if wide[0] == "f":
        return int(wide[1:]) >= int(narrow[1:]) if narrow[0] == "f" else bits <= _EXACT[wide]
    if narrow[0] == "f" or (wide[0] == "u" and narrow[0] == "i"):
        return False
    return int(wide[1:]) * 8 >= bits + (wide[0] != narrow[0])


def _cast(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    source = b.steps[args[0]]
    if source.dtype == step.dtype:
        return args[0]
    inner = _of(b, args[0], "cast")
    if inner is None or not _holds(source.dtype, b.steps[inner[0]].dtype):
        return None
    return inner[0] if b.steps[inner[0]].dtype == step.dtype else b.pointwise("cast", *inner, dtype=step.dtype)


# -- powers and their kin ----------------------------------------------------------------------------------------------


def _power(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    x, exponent = args
    if b.steps[exponent].kind != "constant":
        return None
    rule = _POWERS.get(b.steps[exponent].attrs)
    return None if rule is None else rule(b, step, x)


def _root(b: Rewriter, step: Step, x: int) -> int:
    # The power of -0 is +0, and that of -inf is inf, of which the root is neither.
    lowest = b.constant(-math.inf, step)
    root = b.pointwise("sqrt", b.pointwise("add", x, b.constant(0.0, step)))
    is_lowest = b.pointwise("equal", x, lowest, dtype="b1")
    return b.pointwise("select", is_lowest, b.constant(math.inf, step), root)


def _squared(b: Rewriter, x: int) -> int:
    return b.pointwise("multiply", x, x)


_POWERS: dict[Any, Callable[[Rewriter, Step, int], int]] = {
    0: lambda b, step, x: b.constant(1, step),
    1: lambda b, step, x: x,
    2: lambda b, step, x: _squared(b, x),
    3: lambda b, step, x: b.pointwise("multiply", _squared(b, x), x),
    4: lambda b, step, x: _squared(b, _squared(b, x)),
    -1: lambda b, step, x: b.pointwise("reciprocal", x),
    -2: lambda b, step, x: _squared(b, b.pointwise("reciprocal", x)),
    0.5: _root,
    -0.5: lambda b, step, x: b.pointwise("reciprocal", _root(b, step, x)),
}


def _sigmoid(b: Rewriter, step: Step, args: Sequence[int]) -> int | None:
    for x, y in _both_ways(_of(b, args[0], "add")):
        power = _of(b, x, "exp")
        opposite = _of(b, power[0], "negative") if power else None
        if opposite and _is(b, y, 1):
            return b.pointwise("sigmoid", *opposite)
    return None


def _both_ways(pair: tuple[int, ...] | None) -> tuple[tuple[int, ...], ...]:
    return (pair, pair[::-1]) if pair else ()


_POINTWISE: dict[str, PointwiseRule] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "positive": _positive,
    "absolute": _absolute,
    "fabs": _absolute,
    "maximum": _idempotent,
    "minimum": _idempotent,
    "select": _select,
    "logical_not": _logical_not,
    "cast": _cast,
    "power": _power,
    "reciprocal": _sigmoid,
}

# -- views and reductions ----------------------------------------------------------------------------------------------


def merged_view(b: Rewriter, step: Step) -> int | None:
    """A view of all as what it shows, and one of a view as one of what that shows; None for any other."""
    (number,), (offset, strides) = step.args, step.attrs
    source = b.steps[number]
    if offset == 0 and step.shape == source.shape and strides == plain_strides(source.shape):
        return number
    if source.kind in ("join", "pad"):
        return _seen_inside(b, step)
    if source.kind != "view":
        return None
    below, through = source.attrs
    found = composed(source.shape, below, through, step)
    return None if found is None else seen(b, source.args[0], *found, step.shape)


def seen(b: Rewriter, number: int, offset: Any, strides: tuple[Any, ...], shape: tuple[Any, ...]) -> int:
    """A view of a step, or what is left of it, which may be nothing at all."""
    view = Step("view", "", (number,), (offset, strides), shape, b.steps[number].dtype)
    merged = merged_view(b, view)
    return b.append(view) if merged is None else merged


def _seen_inside(b: Rewriter, step: Step) -> int | None:
    """A view of nothing but one part of what is joined, of what has a border, or of the border, as one of that."""
    source = b.steps[step.args[0]]
    found = sight(source.shape, step)
    if found is None:
        return None
    return (_in_part if source.kind == "join" else _in_border)(b, step, source, found)


def _in_part(b: Rewriter, step: Step, source: Step, shown: Sight) -> int | None:
    dim, begin = source.attrs, 0
    for part in source.args:
        size = b.steps[part].shape[dim]
        if not isinstance(size, int):
            return None
        if begin <= shown.lows[dim] and shown.highs[dim] < begin + size:
            strides = plain_strides(b.steps[part].shape)
            return seen(b, part, *shown.read(-begin * strides[dim], strides), step.shape)
        begin += size
    return None


def _in_border(b: Rewriter, step: Step, source: Step, shown: Sight) -> int | None:
    (number,), (lows, steps, value) = source.args, source.attrs
    inside = b.steps[number].shape
    begins, moves = list(shown.begins), list(shown.moves)
    for d, (low, stride, size) in enumerate(zip(lows, steps, inside, strict=True)):
        if (low, stride, size) == (0, 1, source.shape[d]):
            continue
        if not isinstance(low, int) or not isinstance(size, int) or not isinstance(source.shape[d], int):
            return None
        along = [times for move in shown.moves if move is not None and move[0] == d for times in move[1:]]
        if any(times % stride for times in along):
            return None
        last = low + stride * (size - 1)
        if shown.highs[d] < low or shown.lows[d] > last or (shown.begins[d] - low) % stride:
            return b.constant(value, step)
        if shown.lows[d] < low or shown.highs[d] > last:
            return None
        begins[d] = (shown.begins[d] - low) // stride
        moves = [(d, move[1] // stride) if move is not None and move[0] == d else move for move in moves]
    found = shown._replace(begins=tuple(begins), moves=tuple(moves)).read(0, plain_strides(inside))
    return seen(b, number, *found, step.shape)


def _reduce(b: Rewriter, step: Step) -> int | None:
    number, dims = step.args[0], step.attrs
    source = b.steps[number]
    single = [d for d in dims if source.shape[d] == 1]
    if single:
        if step.op.startswith("arg"):
            return b.constant(0, step)
        left = [d for d in range(len(source.shape)) if d not in single]
        strides, shape = plain_strides(source.shape), tuple(source.shape[d] for d in left)
        squeezed = b.view(number, 0, tuple(strides[d] for d in left), shape)
        others = tuple(left.index(d) for d in dims if d not in single)
        return b.like(step, "reduce", step.op, (squeezed,), others) if others else _alone(b, step, squeezed)
    if source.kind == "view" and step.op in ("sum", "max", "min"):
        return _of_repeated(b, step, source)
    return _of_one_hot(b, step) if step.op == "sum" else None


def _alone(b: Rewriter, step: Step, number: int) -> int:
    """What a reduction makes of a single number: the sum of -0 is +0."""
    is_sum = step.op == "sum" and step.dtype[0] == "f"
    return b.pointwise("add", number, b.constant(0.0, step)) if is_sum else number


def _of_repeated(b: Rewriter, step: Step, source: Step) -> int | None:
    """A reduction over a dimension along which a view repeats itself."""
    offset, strides = source.attrs
    repeated = next((d for d in step.attrs if strides[d] == 0), None)
    if repeated is None:
        return None
    size = source.shape[repeated]
    # The sum of nothing is 0, and the largest of nothing an error, whatever is repeated.
    if not (isinstance(size, int) and size > 0) and not (isinstance(size, Affine) and step.op == "sum"):
        return None
    left = [d for d in range(len(strides)) if d != repeated]
    once = b.view(source.args[0], offset, tuple(strides[d] for d in left), tuple(source.shape[d] for d in left))
    others = tuple(left.index(d) for d in step.attrs if d != repeated)
    found = b.like(step, "reduce", step.op, (once,), others) if others else _alone(b, step, once)
    return b.pointwise("multiply", found, b.constant(size, step)) if step.op == "sum" else found


def _of_one_hot(b: Rewriter, step: Step) -> int | None:
    """The sum over rows in each of which one number was added to zeros is that number."""
    number = step.args[0]
    opposite = _of(b, number, "negative")
    found = one_hot(b, b.steps[opposite[0] if opposite else number])
    if found is None or step.attrs != (found.dim,) or not _is(b, found.base, 0):
        return None
    strides = tuple(s for d, s in enumerate(found.value_strides) if d != found.dim)
    value = b.view(found.values, 0, strides, step.shape)
    return _alone(b, step, b.pointwise("negative", value) if opposite else value)
