"""One number added in each row of an array, at a place that a label names: the gradient of picking one class a row.

As a scatter it would write the whole array and come back to it; as a comparison of each place with the row's label it
is computed where it is used.
"""

from dataclasses import dataclass

from backlit.compiler.passes.rewriting import Rewriter, rewritten
from backlit.compiler.program import Program, Step, plain_strides


@dataclass(frozen=True)
class OneHot:
    """A scatter in which every row has one place.

    Attributes:
        base: What is added to.
        values: What is added.
        labels: The places, along `dim`.
        dim: The dimension of the base that the labels are indices of.
        value_strides: How the values are read at a place of the base, 0 along `dim`.
        label_strides: The same for the labels.
    """

    base: int
    values: int
    labels: int
    dim: int
    value_strides: tuple[object, ...]
    label_strides: tuple[object, ...]


def one_hot(builder: Rewriter, step: Step) -> OneHot | None:
    """What a step adds in each row, if that is what it does: all indices but one count the rows."""
    if step.kind != "scatter" or step.op != "add":
        return None
    base, values, *picks = step.args
    first, after = step.attrs[0], step.attrs[-1] + 1
    inner = builder.steps[picks[0]].shape
    counted = {d: _counts(builder, p, step.shape[d]) for d, p in zip(step.attrs, picks, strict=True)}
    free = [d for d, along in counted.items() if along is None]
    along = {d: j for d, j in counted.items() if j is not None}
    # Each row is counted once, and there is nothing besides rows.
    if len(free) != 1 or len(set(along.values())) != len(along):
        return None
    if any(n != 1 for j, n in enumerate(inner) if j not in along.values()):
        return None
    own, places = plain_strides(builder.steps[values].shape), plain_strides(inner)
    shift = len(inner) - len(step.attrs)

    def stride(d: int) -> object:
        if first <= d < after:
            return own[first + along[d]] if d in along else 0
        return own[d if d < first else d + shift]

    dims = range(len(step.shape))
    return OneHot(
        base,
        values,
        picks[free[0] - first],
        free[0],
        tuple(stride(d) for d in dims),
        tuple(places[along[d]] if d in along else 0 for d in dims),
    )


def _counts(builder: Rewriter, pick: int, size: object) -> int | None:
    """Along which of its dimensions an index array is 0, 1, 2, ... up to `size`."""
    step = builder.steps[pick]
    if step.kind == "iota":
        return 0 if step.shape[0] == size else None
    if step.kind != "view" or builder.steps[step.args[0]].kind != "iota" or step.attrs[0] != 0:
        return None
    moving = [d for d, s in enumerate(step.attrs[1]) if s != 0]
    fits = len(moving) == 1 and step.attrs[1][moving[0]] == 1 and step.shape[moving[0]] == size
    return moving[0] if fits else None


def compare_labels(program: Program) -> Program:
    """The program with such scatters made comparisons, where the labels are checked elsewhere."""

    def rule(b: Rewriter, step: Step, number: int) -> int | None:
        found = one_hot(b, step)
        if found is None or not _is_checked(b, found.labels, step.shape[found.dim]):
            return None
        size, labels = step.shape[found.dim], b.steps[found.labels]
        # Labels below 0 count from the end.
        is_below = b.pointwise("less", found.labels, b.constant(0, labels), dtype="b1")
        from_end = b.pointwise("add", found.labels, b.constant(size, labels))
        wrapped = b.pointwise("select", is_below, from_end, found.labels)
        place = b.add("iota", "", (), (), (size,), "i8")
        own = tuple(int(d == found.dim) for d in range(len(step.shape)))
        here = b.pointwise(
            "equal", b.view(place, 0, own, step.shape), b.view(wrapped, 0, found.label_strides, step.shape), dtype="b1"
        )
        value = b.view(found.values, 0, found.value_strides, step.shape)
        return b.pointwise("select", here, b.pointwise("add", found.base, value), found.base)

    return rewritten(program, rule)


def _is_checked(builder: Rewriter, labels: int, size: object) -> bool:
    """Whether the labels pick from as many elements elsewhere, where one out of range is noticed."""
    return any(
        step.kind == "take" and step.op != "inside" and builder.steps[step.args[0]].shape[d] == size
        for step in builder.steps
        if labels in step.args[1:] and step.kind == "take"
        for d, pick in zip(step.attrs, step.args[1:], strict=True)
        if pick == labels
    )
