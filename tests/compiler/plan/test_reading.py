"""Views of views, read from memory at once."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backlit.compiler.plan import access, same_dims
from backlit.compiler.plan.reading import composed
from backlit.compiler.program import ProgramBuilder, Step
from backlit.compiler.rows import Affine
from backlit.core.namespace import NUMPY


def looked(builder: ProgramBuilder, number: int, view: Any) -> int:
    """The step of what NumPy's `view` of an array of this shape shows."""
    step = builder.steps[number]
    origin = np.empty(step.shape, np.uint8)
    found = view(origin)
    offset = found.__array_interface__["data"][0] - origin.__array_interface__["data"][0]
    strides = tuple(0 if n == 1 else s for s, n in zip(found.strides, found.shape, strict=True))
    return builder.add("view", "", (number,), (offset, strides), found.shape, step.dtype)


VIEWS = st.sampled_from(
    [
        lambda a: a.T,
        lambda a: a[None],
        lambda a: a[..., None],
        lambda a: a[::-1] if a.ndim else a[...],
        lambda a: a[1:] if a.ndim and len(a) > 1 else a[...],
        lambda a: a[..., ::2] if a.ndim else a[...],
        lambda a: np.broadcast_to(a, (2, *a.shape)),
        lambda a: a.reshape(-1) if a.flags.c_contiguous else a[...],
        lambda a: np.moveaxis(a, 0, -1) if a.ndim else a[...],
        lambda a: a[..., 1::2] if a.ndim and a.shape[-1] > 1 else a[...],
        lambda a: a[::-2] if a.ndim else a[...],
        lambda a: NUMPY.windows(a, (0,), (2,), (1,), (1,)) if a.ndim and len(a) > 1 else a[...],
        lambda a: NUMPY.windows(a, (a.ndim - 1,), (2,), (1,), (2,)) if a.ndim and a.shape[-1] > 2 else a[...],
    ]
)


@given(st.lists(VIEWS, min_size=1, max_size=4))
def test_access_finds_what_the_views_show(views: list[Any]) -> None:
    builder = ProgramBuilder()
    number = builder.add("input", "", (), 0, (3, 4, 5), "f8")
    values = np.arange(60).reshape(3, 4, 5)
    for view in views:
        number = looked(builder, number, lambda a, view=view: np.asarray(view(a)))
        # Each view is of values in row-major order.
        values = np.ascontiguousarray(view(values))
    found = access(builder.finished([number]), number, {0})
    if found is not None:
        flat = np.arange(60)[found.offset :]
        strides = [s * flat.itemsize for s in found.strides]
        step = builder.steps[number]
        np.testing.assert_array_equal(np.lib.stride_tricks.as_strided(flat, step.shape, strides), values)


def test_parts_and_windows_of_turned_images_are_read_through() -> None:
    """Images of any number of rows, of which channels lie side by side, seen channel by channel."""
    shape, turned = (Affine(1), 3, 6, 8), (144, 1, 24, 3)
    part = Step("view", "", (0,), (8, (144, 48, 16, 2)), (Affine(1), 3, 3, 4), "f4")
    assert composed(shape, 0, turned, part) == (24, (144, 1, 48, 6))
    windows = Step("view", "", (0,), (0, (144, 48, 8, 1, 8, 1)), (Affine(1), 3, 5, 7, 2, 2), "f4")
    assert composed(shape, 0, turned, windows) == (0, (144, 1, 24, 3, 24, 3))
    # What goes on from the end of a line to the next is in no line of an image that is turned.
    across = Step("view", "", (0,), (7, (144, 48, 8, 1)), (Affine(1), 3, 3, 4), "f4")
    assert composed(shape, 0, turned, across) is None
    few_rows = Step("view", "", (0,), (144, (144, 48, 8, 1)), (Affine(1, -1), 3, 6, 8), "f4")
    assert composed(shape, 0, turned, few_rows) is None


def test_a_transpose_of_a_part_is_not_read_through() -> None:
    builder = ProgramBuilder()
    whole = builder.add("input", "", (), 0, (4, 6), "f4")
    part = looked(builder, whole, lambda a: a[1:, ::2])
    program = builder.finished([part])
    assert access(program, part, {whole}) == (whole, 6, (6, 2))
    assert access(program, part, set()) is None


def test_same_dims_names_the_dimensions_of_the_source() -> None:
    builder = ProgramBuilder()
    source = builder.add("input", "", (), 0, (3, 1, 4), "f4")
    turned = looked(builder, source, lambda a: np.broadcast_to(a.transpose(2, 1, 0), (5, 4, 1, 3)))
    part = looked(builder, source, lambda a: a[1:])
    assert same_dims(builder.steps[turned], builder.steps[source]) == [3, None, 1]
    assert same_dims(builder.steps[part], builder.steps[source]) is None
