"""One program for any number of rows: found where there is one, refused where there is none."""

from typing import Any

import numpy as np
import pytest

import backlit
from backlit.compiler.lowering import lower
from backlit.compiler.rows import SAMPLES, Affine, Inverse, NotUniform, agree, at, stays_inside, uniform
from backlit.core.tensor_base import Symbol, make
from backlit.graph.trace import Traced
from backlit.nn import functional as F


def traced(function: Any, rows: int) -> Any:
    return Traced(function, (make(Symbol((rows, 3), np.dtype("f4"))),), {}).graph


def found(function: Any) -> Any:
    return uniform(*(lower(traced(function, rows)) for rows in SAMPLES))


def test_sizes_follow_the_rows() -> None:
    program = found(lambda x: backlit.cat([x, x[:2]]).mean())
    assert [at(n, 5) for step in program.steps for n in step.shape if isinstance(n, Affine)].count(7) >= 1
    values = [step.attrs for step in program.steps if step.kind == "constant"]
    assert any(isinstance(v, Affine | Inverse) for v in values)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 if len(x) % 2 else x * 3,
        lambda x: x.sum() if len(x) > SAMPLES[0] else x.sum(0),
    ],
)
def test_what_is_not_the_same_for_all_rows(function: Any) -> None:
    with pytest.raises(NotUniform):
        found(function)


def test_a_third_trace_agrees_or_not() -> None:
    def function(x: Any) -> Any:
        return x[:4] * 2 if len(x) > 10 else x[:4] * 3

    graphs = [traced(function, rows) for rows in SAMPLES]
    agree(graphs[0], graphs[1], traced(function, 20), 20)
    with pytest.raises(NotUniform):
        agree(graphs[0], graphs[1], traced(function, 5), 5)


def test_what_two_traces_take_for_a_line_a_third_shows_to_be_none() -> None:
    graphs = [traced(lambda x: x * len(x) ** 2, rows) for rows in (*SAMPLES, 20)]
    with pytest.raises(NotUniform):
        agree(*graphs, 20)
    assert backlit.compile(lambda x: x * len(x) ** 2)(backlit.ones(3)).tolist() == [9] * 3


@pytest.mark.parametrize(
    ("function", "fewest"),
    [
        (lambda x: x[:4], 4),
        (lambda x: x[2:], 2),
        (lambda x: x[-3:-1], 3),
        (lambda x: x + 1, 0),
        (lambda x: F.pad(x[2:].exp(), (0, 0, 2, 0)), 3),
        (lambda x: backlit.cat([x[2:].exp(), x[:1]]), 3),
    ],
)
def test_parts_that_few_rows_lack(function: Any, fewest: int) -> None:
    program = found(function)
    assert all(stays_inside(program, rows) for rows in range(fewest, 30))
    assert not any(stays_inside(program, rows) for rows in range(fewest))


def test_arithmetic_with_the_number_of_rows() -> None:
    size = Affine(2, 3)
    assert [at(v, 10) for v in (size, size * 2, 3 * size, size + 1, size + size, Inverse(5.0), 7)] == [
        23, 46, 69, 24, 46, 0.5, 7,
    ]  # fmt: skip
    assert (str(size), str(Affine(1)), str(Inverse(2.0))) == ("2r+3", "r", "2.0/r")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: backlit.ones(len(x), len(x), dtype=x.dtype) @ x,
        lambda x: x.t()[:, :, None] * x.t()[:, None, :],
        lambda x: ((x[:, None] - x[None]) ** 2).sum(-1),
        lambda x: x.sum(1).repeat(len(x), 2),
        lambda x: (x.t()[:, :, None] @ x.t()[:, None, :]).softmax(-1) @ x.t()[:, :, None],
    ],
)
def test_sizes_that_grow_with_the_square_of_the_rows(function: Any) -> None:
    compiled = backlit.compile(function)
    for rows in (9, 1, 40):
        x = backlit.randn(rows, 4, dtype=backlit.float64)
        np.testing.assert_allclose(compiled(x).numpy(), function(x).numpy(), rtol=1e-12, atol=1e-12)
