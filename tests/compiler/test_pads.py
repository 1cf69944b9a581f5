"""Borders and strided places in machine code are those of NumPy, wherever vectors run."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.program import ProgramBuilder, plain_strides
from backlit.nn import functional as F
from tests.compiler.courses import same_course
from tests.compiler.evaluation import ends, native

SIDES = st.tuples(st.integers(1, 20), st.integers(0, 3), st.integers(1, 3), st.integers(0, 4))


def padded(sides: list[tuple[int, int, int, int]], order: list[int], computed: bool, value: float) -> Any:
    """A program that turns a padded array, whose argument is an input or computed; and such an input."""
    builder = ProgramBuilder()
    shape = tuple(n for n, *_ in sides)
    number = builder.add("input", "", (), 0, shape, "f4")
    if computed:
        number = builder.add("pointwise", "exp", (number,), (), shape, "f4")
    lows, steps = tuple(low for _, low, _, _ in sides), tuple(step for _, _, step, _ in sides)
    whole = tuple(low + step * (n - 1) + 1 + high for n, low, step, high in sides)
    number = builder.add("pad", "", (number,), (lows, steps, value), whole, "f4")
    turned, strides = tuple(whole[d] for d in order), tuple(plain_strides(whole)[d] for d in order)
    seen = builder.add("view", "", (number,), (0, strides), turned, "f4")
    result = builder.add("pointwise", "negative", (seen,), (), turned, "f4")
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return builder.finished([result]), x


@given(st.data(), st.lists(SIDES, min_size=1, max_size=3), st.booleans(), st.sampled_from([0, 1.5]))
def test_pads(data: st.DataObject, sides: list[tuple[int, int, int, int]], computed: bool, value: float) -> None:
    order = data.draw(st.permutations(range(len(sides))))
    program, x = padded(sides, order, computed, value)
    (found,), (expected,) = native(program, [x]), ends(program, [x])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_nothing_beyond_what_is_there_is_read() -> None:
    """Of an array in the middle of NaN, none is seen in a border."""
    program, x = padded([(5, 3, 1, 2), (3, 2, 1, 14)], [0, 1], computed=False, value=0)
    wide = np.full((11, 3), np.nan, np.float32)
    wide[3:8] = x
    (found,) = native(program, [wide[3:8]])
    np.testing.assert_array_equal(found, ends(program, [x])[0])


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_places_without_a_look_at_the_bounds_are_caught(monkeypatch: pytest.MonkeyPatch, order: list[int]) -> None:
    program, x = padded([(5, 1, 1, 1), (6, 1, 1, 1)], order, computed=True, value=7.0)

    def unbounded(k: Any, n: int, index: Any) -> Any:
        return k.value(k.steps[n].args[0], tuple((i, lanes) for i, lanes in index))

    monkeypatch.setattr(KernelEmitter, "_padded", unbounded)
    monkeypatch.setattr("backlit.compiler.cache.load", lambda key: None)
    monkeypatch.setattr("backlit.compiler.cache.save", lambda key, code: None)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(native(program, [x])[0], ends(program, [x])[0], rtol=1e-6)


@pytest.mark.parametrize("kind", ["take", "pointwise"])
@pytest.mark.parametrize("steps", [(1, 1), (1, 2), (2, 1)])
def test_values_that_borders_share(kind: str, steps: tuple[int, int]) -> None:
    """A number for each row, wanted by two borders, of which each sees it in other lanes."""
    builder, rng = ProgramBuilder(), np.random.default_rng(0)
    table, index = builder.add("input", "", (), 0, (5,), "f8"), builder.add("input", "", (), 1, (3,), "i8")
    other = builder.add("input", "", (), 2, (3,), "f8")
    picks = (table, index) if kind == "take" else (other,)
    number = builder.add(kind, "" if kind == "take" else "exp", picks, (0,) if kind == "take" else (), (3,), "f8")
    column = builder.add("view", "", (number,), (0, (1, 0)), (3, 1), "f8")
    inner = builder.add("pad", "", (column,), ((0, 1), (1, 1), 0.0), (3, 4), "f8")
    borders = [
        builder.add("pad", "", (inner,), ((0, low), (1, step), 0.0), (3, 18), "f8")
        for low, step in zip((3, 1), steps, strict=True)
    ]
    program = builder.finished([builder.add("pointwise", "add", tuple(borders), (), (3, 18), "f8")])
    arrays = [rng.normal(size=5), rng.integers(1, 5, 3), rng.normal(size=3)]
    (found,), (expected,) = native(program, arrays), ends(program, arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("columns", [3, 6])
def test_borders_around_short_rows(columns: int) -> None:
    """A kernel whose vectors run down a matrix sees borders beside, above and below it."""

    def function(x: Any) -> Any:
        beside, around, below = F.pad(x, (1, 2)), F.pad(x, (0, 1, 2, 1), value=0.5), F.pad(x, (0, 0, 0, 3))
        results = beside.softmax(-1), around.softmax(-1), below.sum(-1), below.logsumexp(-1), x.amax(-1)
        sum(r.sin().sum() for r in results).backward()
        return [r.detach() for r in results]

    calls = [(np.random.default_rng(0).normal(size=(rows, columns)),) for rows in (2, 5, 19)]
    same_course(lambda: (function, dict), calls)


def test_borders_keep_the_signs_of_zeros() -> None:
    def function(x: Any) -> Any:
        zeros = backlit.zeros((2, 2))
        borders = [F.pad(inside, (1, 1), value=value) for inside in (x, zeros, -zeros) for value in (0.0, -0.0)]
        return [1 / border for border in borders]

    same_course(lambda: (function, dict), [(np.ones((3, 2)),)])


def test_borders_around_hundreds_of_borders() -> None:
    def function(x: Any) -> Any:
        for turn in range(400):
            x = F.pad(x, (turn % 2, 1 - turn % 2))
        return x.exp()

    same_course(lambda: (function, dict), [(np.ones((3, 2)),)])


def test_a_border_may_hold_a_number_that_follows_the_rows() -> None:
    def bordered(x: Any) -> Any:
        return F.pad(x, (1, 2), value=float(x.shape[0])) * 2

    compiled = backlit.compile(bordered)
    for rows in (4, 7, 1):
        x = backlit.rand(rows, 3)
        np.testing.assert_array_equal(compiled(x).numpy(), bordered(x).numpy())
