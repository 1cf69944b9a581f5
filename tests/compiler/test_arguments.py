"""Arguments and results of compiled functions that are no tensors, and numbers that change from call to call."""

import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import backlit
from backlit.errors import GraphError
from tests.compiler.test_inside import Plain, x_of

# -- arguments and results that are no tensors -----------------------------------------------------------------------


@dataclass
class Batch:
    x: Any
    y: Any = None
    scale: float = 1.0

    def scaled(self) -> Any:
        return self.x * self.scale + offset


offset = 0.0


def test_dataclasses_are_arguments_and_results(monkeypatch: pytest.MonkeyPatch, traces: list[None]) -> None:
    def function(batch: Batch) -> Batch:
        return Batch(batch.scaled(), batch.y, batch.scale + 1)

    compiled = backlit.compile(function)
    for rows in (4, 4, 1, 7):
        result = compiled(Batch(x_of(rows, 3), scale=2.0))
        assert isinstance(result, Batch)
        assert result.scale == 3.0
        assert np.array_equal(result.x.numpy(), 2 * x_of(rows, 3).numpy())
    known = len(traces)
    compiled(Batch(x_of(4, 3), scale=2.0))
    assert len(traces) == known
    assert np.array_equal(compiled(Batch(x_of(4, 3), scale=3.0)).x.numpy(), 3 * x_of(4, 3).numpy())
    # What its methods find by name is looked at too.
    monkeypatch.setitem(globals(), "offset", 1.0)
    assert np.array_equal(compiled(Batch(x_of(4, 3), scale=2.0)).x.numpy(), 2 * x_of(4, 3).numpy() + 1)


def changes_dict(batch: Any) -> Any:
    batch["out"] = batch["x"] * 2
    return batch["out"]


def empties_dict(batch: Any) -> Any:
    return batch.pop("x") * 2


def changes_list(batch: Any) -> Any:
    batch[0] = batch[0] * 2
    return batch[0]


def changes_object(batch: Any) -> Any:
    batch.x = batch.x * 2
    return batch.x


def test_objects_that_hold_tensors_are_no_results() -> None:
    with pytest.raises(GraphError, match=r"returns an object of Plain that holds tensors.*dataclass"):
        backlit.compile(lambda x: Plain(x * 2))(x_of(3))
    kept = Plain(1)
    assert backlit.compile(lambda x: (x * 2, kept))(x_of(3))[1] is kept


@pytest.mark.parametrize("function", [changes_dict, empties_dict, changes_list, changes_object])
def test_arguments_that_are_changed_in_python_are_refused(function: Any) -> None:
    x = x_of(4, 3)
    batch: Any = [x] if function is changes_list else Batch(x) if function is changes_object else {"x": x}
    with pytest.raises(GraphError, match=r"changes a list, a dict or an object among.*return what is new"):
        backlit.compile(function)(batch)


def test_tensors_in_a_dict_may_be_written() -> None:
    batch = {"x": x_of(4, 3)}

    def function(batch: Any) -> None:
        batch["x"] += 1

    backlit.compile(function)(batch)
    assert np.array_equal(batch["x"].numpy(), x_of(4, 3).numpy() + 1)


# -- numbers that change each time -----------------------------------------------------------------------------------


class Factor:
    def __init__(self, value: float) -> None:
        self.value = value

    def __rmul__(self, x: Any) -> Any:
        return x * self.value


def test_numbers_that_change_each_time_are_told_of_once() -> None:
    kept = {"weight": 0.0}

    def function(x: Any, factor: Any = 1.0) -> Any:
        return x * factor * kept["weight"]

    x, told = x_of(4), backlit.tensor(0.0)
    for kind in ("argument", "object", "outside", "tensor", "sizes"):
        kept["weight"] = 1.0
        compiled = backlit.compile(function)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for call in range(12):
                if kind == "outside":
                    kept["weight"] = float(call)
                factor = {"argument": float(call), "object": Factor(call), "tensor": told.fill_(call)}.get(kind, 1.0)
                given = x_of(4, call + 1) if kind == "sizes" else x
                assert np.allclose(compiled(given, factor).numpy(), function(given, factor).numpy(), rtol=1e-12)
        words = {"outside": "'weight' is another one.*fill_"}
        words |= dict.fromkeys(("argument", "object"), "a number or object among its arguments.*tensor.*dataclass")
        assert len(caught) == (kind in words)
        assert all(re.search(words[kind], str(one.message)) and one.filename == __file__ for one in caught)
