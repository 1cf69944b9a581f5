"""Machine code that functions share, and the numbers of rows for which it is right."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler import family
from backlit.data import IterableDataset
from backlit.train import Trainer
from tests.compiler.test_compiled import same


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows by the number of rows of each trace."""
    seen: list[Any] = []
    trace = family.Tracing.trace
    monkeypatch.setattr(family.Tracing, "trace", lambda self, rows: seen.append(rows) or trace(self, rows))
    return seen


def doubles(x: Any) -> Any:
    return x * 2


def triples(rows: int) -> Callable[[Any], Any]:
    """What doubles, but triples so many rows."""
    return lambda x: x * 2 if len(x) != rows else x * 3


@pytest.mark.parametrize("rows", [1, 5, 1500])
@pytest.mark.parametrize("first", [1, 5, 7, 1500])
def test_a_function_that_is_another_for_some_rows_shares_no_code_there(first: int, rows: int) -> None:
    plain, branch = backlit.compile(doubles), backlit.compile(triples(rows))
    for n in (first, rows, 7):
        x = backlit.ones(n, 3)
        same(plain(x), x * 2)
        same(branch(x), x * (3 if n == rows else 2))


def test_other_numbers_of_rows_are_not_traced_when_they_come(traces: list[Any]) -> None:
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LayerNorm(8))
    compiled = backlit.compile(lambda x: net(x)[:-1])
    compiled(backlit.randn(8, 3))
    traces.clear()
    for rows in (1, 2, 1021, 3000):
        x = backlit.randn(rows, 3)
        same(compiled(x), net(x)[:-1])
    assert not traces


def test_a_part_that_was_the_whole_of_all_samples(traces: list[Any]) -> None:
    compiled = backlit.compile(lambda x: x[3:2000].sum(0))
    for rows in (8, 1999, 2000, 2001, 5000):
        assert compiled(backlit.ones(rows)).item() == min(rows, 2000) - 3
    assert 5000 in traces


def first_rows(x: Any) -> Any:
    return backlit.stack([row for number, row in enumerate(x) if number < 3])


def by_another_name(x: Any) -> Any:
    return x * 2 if operator.attrgetter("shape")(x)[0] > 4 else x * 3


@pytest.mark.parametrize("function", [first_rows, by_another_name])
def test_functions_that_are_another_for_few_rows(function: Any) -> None:
    compiled = backlit.compile(function)
    for rows in (7, 2, 5):
        x = backlit.randn(rows, 3)
        same(compiled(x), function(x))


def test_layers_that_refuse_a_single_row_or_drop_its_dimension() -> None:
    norm = nn.BatchNorm1d(3)
    normed, squeezed = backlit.compile(norm), backlit.compile(lambda x: x.squeeze())
    for rows in (8, 1, 5):
        x = backlit.randn(rows, 3)
        assert squeezed(x).shape == x.squeeze().shape
        if rows == 1:
            with pytest.raises(ValueError, match="more than 1"):
                normed(x)
        else:
            normed(x)


def test_functions_first_called_with_other_rows_share_code(emitted: list[Any]) -> None:
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU())
    for rows in (1, 2, 8, 100):
        x = backlit.randn(rows, 3)
        same(backlit.compile(lambda x: net(x))(x), net(x))
    assert len(emitted) == 1
    # Code that takes threads, which pay for so many, is other code.
    backlit.compile(lambda x: net(x))(backlit.randn(100_000, 3))
    assert len(emitted) == 2


class Stream(IterableDataset):
    def __init__(self, *arrays: Any) -> None:
        self._arrays = arrays

    def __iter__(self) -> Any:
        return zip(*self._arrays, strict=True)


scale: Any = 1.0


@pytest.mark.parametrize("stream", [False, True])
def test_names_in_a_loss_are_looked_at_in_each_fit(stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(3, 1)
    X, y = backlit.randn(16, 3), backlit.randn(16, 1)
    trainer = Trainer(model, lambda p, t: ((p - t) ** 2).mean() * scale, optim.SGD(model.parameters(), lr=0.0))
    data: Any = Stream(X, y) if stream else (X, y)
    losses = []
    for value in (1.0, 3.0):
        monkeypatch.setitem(globals(), "scale", value)
        losses.append(trainer.fit(data, epochs=trainer.epoch + 1).history["loss"][-1])
    assert losses[1] == pytest.approx(3 * losses[0])


def test_an_array_made_of_the_number_of_rows() -> None:
    compiled = backlit.compile(lambda x: x + np.full(3, 1 / len(x)))
    for rows in (4, 7, 4, 1):
        same(compiled(backlit.zeros(rows, 3)), backlit.full((rows, 3), 1 / rows, dtype=backlit.float64))


def test_an_array_that_two_tensors_show_is_one() -> None:
    count = np.zeros(3)
    compiled = backlit.compile(lambda x: backlit.from_numpy(count).add_(x) * 1)
    for times in (1, 2, 3):
        same(compiled(backlit.ones(3, dtype=backlit.float64)), backlit.full((3,), float(times), dtype=backlit.float64))
    assert count.tolist() == [3, 3, 3]
