"""Layout of images: what is done to each element is done in the order in which the elements lie.

A product gives channels side by side, and what follows a convolution sees them as images, one channel after the other.
Elementwise steps, borders and sums of such a view are computed in the order of the memory that it shows, and are seen
through the same view; in the very shape of what is there where all of it is seen, so that they can join its kernel.
"""

from collections.abc import Sequence
from typing import Any

from backlit.compiler.passes.algebra import merged_view, seen
from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.program import Program, Step, plain_strides

# Matrices read the other way round are a matter of products.
_FEWEST = 3


def follow_memory(program: Program) -> Program:
    """The program with such steps computed in the order of memory."""
    return rewritten(program, _rule)


def _rule(b: Rewriter, step: Step, number: int) -> int | None:
    if step.kind == "view":
        return merged_view(b, step)
    rule = {"pointwise": _pointwise, "pad": _pad, "join": _join, "reduce": _reduce}.get(step.kind)
    if rule is None:
        return None
    for a in step.args:
        order = _order(b.steps[a])
        if order is not None:
            return rule(b, step, order)
    return None


def _order(step: Step) -> tuple[int, ...] | None:
    """A view's dimensions in the order in which they lie in memory; None where that is their own, or there is none."""
    if step.kind != "view" or len(step.shape) < _FEWEST:
        return None
    strides = step.attrs[1]
    if not all(isinstance(s, int) and (s > 0 or n == 1) for s, n in zip(strides, step.shape, strict=True)):
        return None
    # The rows of a batch stay the outermost, and single elements where they are.
    moved = [d for d in range(1, len(strides)) if step.shape[d] != 1]
    found = sorted(moved, key=lambda d: -strides[d])
    if found == moved or (strides[0] and strides[found[0]] > strides[0]):
        return None
    left = iter(found)
    return tuple(next(left) if d in moved else d for d in range(len(strides)))


def _turned(values: Sequence[Any], order: Sequence[int]) -> tuple[Any, ...]:
    return tuple(values[d] for d in order)


def _in_order(b: Rewriter, number: int, order: Sequence[int]) -> int:
    """A step with its dimensions in another order."""
    step = b.steps[number]
    shape = _turned(step.shape, order)
    if step.kind == "constant":
        return b.add("constant", "", (), step.attrs, shape, step.dtype)
    return seen(b, number, 0, _turned(plain_strides(step.shape), order), shape)


def _back(b: Rewriter, number: int, order: Sequence[int], shape: tuple[Any, ...]) -> int:
    """What was computed in an order, seen in `shape`, whose dimensions those are."""
    strides = plain_strides(_turned(shape, order))
    return seen(b, number, 0, tuple(strides[order.index(d)] for d in range(len(order))), shape)


def _pointwise(b: Rewriter, step: Step, order: Sequence[int]) -> int:
    args = tuple(_in_order(b, a, order) for a in step.args)
    shape = _turned(step.shape, order)
    flat = _flat(b, args)
    if flat is not None:
        args, shape = flat
    return _back(b, b.add("pointwise", step.op, args, (), shape, step.dtype), order, step.shape)


def _flat(b: Rewriter, args: Sequence[int]) -> tuple[tuple[int, ...], tuple[Any, ...]] | None:
    """Arguments in the shape of what one of them is a plain view of, and that shape; None if there is no such."""
    steps = [b.steps[a] for a in args]
    plain = [s for s in steps if s.kind == "view" and s.attrs == (0, plain_strides(s.shape))]
    if not plain:
        return None
    shape = b.steps[plain[0].args[0]].shape
    found = []
    for a, step in zip(args, steps, strict=True):
        if step.kind == "constant":
            found.append(b.add("constant", "", (), step.attrs, shape, step.dtype))
            continue
        base, offset, strides = (
            (step.args[0], *step.attrs) if step.kind == "view" else (a, 0, plain_strides(step.shape))
        )
        merged = _merged(step.shape, strides, shape)
        if merged is None:
            return None
        found.append(b.view(base, offset, merged, shape))
    return tuple(found), shape


def _merged(shape: Sequence[Any], strides: Sequence[Any], into: Sequence[Any]) -> tuple[Any, ...] | None:
    """The strides of a view of `shape` in another shape of as many elements; None if no strides are right for that."""
    found: list[Any] = []
    left = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    for size in reversed(into):
        if size == 1:
            found.append(0)
            continue
        if not left:
            return None
        n, stride = left.pop()
        reach = stride * n if stride != 0 else 0
        while n != size:
            if not left or left[-1][1] != reach:
                return None
            more, _ = left.pop()
            n = more * n
            reach = reach * more if stride != 0 else 0
        found.append(stride)
    return None if left else tuple(reversed(found))


def _pad(b: Rewriter, step: Step, order: Sequence[int]) -> int:
    lows, steps, value = step.attrs
    attrs = (_turned(lows, order), _turned(steps, order), value)
    source = _in_order(b, step.args[0], order)
    return _back(b, b.add("pad", "", (source,), attrs, _turned(step.shape, order), step.dtype), order, step.shape)


def _join(b: Rewriter, step: Step, order: Sequence[int]) -> int:
    args = tuple(_in_order(b, a, order) for a in step.args)
    found = b.add("join", "", args, order.index(step.attrs), _turned(step.shape, order), step.dtype)
    return _back(b, found, order, step.shape)


def _reduce(b: Rewriter, step: Step, order: Sequence[int]) -> int | None:
    if step.op.startswith("arg"):
        return None
    dims = tuple(place for place, d in enumerate(order) if d in step.attrs)
    kept = [d for d in order if d not in step.attrs]
    places = [sorted(kept).index(d) for d in kept]
    source = _in_order(b, step.args[0], order)
    found = b.add("reduce", step.op, (source,), dims, _turned(step.shape, places), step.dtype)
    return _back(b, found, places, step.shape)
