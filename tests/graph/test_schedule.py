"""Steps inside a traced program: taken before each run, undone where it fails, and refused where they fit no longer."""

from collections.abc import Callable
from typing import Any

import pytest

import backlit
from backlit.core.stepped import Stepped
from backlit.errors import ShapeError
from backlit.graph.schedule import Outdated
from backlit.graph.trace import trace


class Dial(Stepped):
    """Doubles a number at each step; at `edit`, something else of its owner's changes too."""

    def __init__(self, edit: int = 100) -> None:
        self.rate, self.steps, self.edit = backlit.tensor(1.0), 0, edit
        self.structure_version = 0

    def step(self, factor: float = 2.0) -> None:
        self.steps += 1
        self.structure_version += self.steps == self.edit
        self.rate._array[()] *= factor

    def state_tensors(self) -> Any:
        return [self.rate]

    def step_owner(self) -> Any:
        return self

    def step_tensors(self) -> Any:
        return [self.rate]

    def step_edits(self) -> int:
        return self.structure_version

    def step_undo(self) -> Callable[[], None]:
        before = self.steps, self.structure_version, self.rate._array.item()

        def undo() -> None:
            self.steps, self.structure_version, self.rate._array[()] = before

        return undo


def test_each_run_takes_the_steps_and_reads_the_number_before_and_after_each() -> None:
    dial = Dial()

    def function(x: Any) -> Any:
        first = x * dial.rate
        dial.step()
        dial.step(factor=3.0)
        return first, x + dial.rate, x - dial.steps

    traced = trace(function, backlit.zeros(1))
    assert (dial.steps, dial.rate.item()) == (0, 1.0)
    assert str(traced.schedule) == "Dial.step(), Dial.step(factor=3.0)"
    assert "rate 0 after step 1, Dial.step(factor=3.0)" in str(traced.graph)
    for start in (1.0, 6.0):
        assert [r.item() for r in traced.run(backlit.ones(1))] == [start, 1 + 6 * start, -1.0]
    assert (dial.steps, dial.rate.item()) == (4, 36.0)


def test_a_trace_or_a_run_that_fails_takes_no_step() -> None:
    dial = Dial()

    def bad(x: Any) -> Any:
        dial.step()
        return x.reshape(5)

    with pytest.raises(ShapeError):
        trace(bad, backlit.zeros(2))
    assert (dial.steps, dial.rate.item()) == (0, 1.0)

    def function(x: Any, place: Any) -> Any:
        dial.step()
        return (x * dial.rate).index_select(0, place)

    traced = trace(function, backlit.zeros(2), backlit.tensor([0]))
    with pytest.raises(Exception, match="out of"):
        traced.run(backlit.zeros(2), backlit.tensor([7]))
    assert (dial.steps, dial.rate.item()) == (0, 1.0)


def test_a_step_that_changes_the_program_is_undone() -> None:
    dial = Dial(edit=2)

    def function(x: Any) -> Any:
        dial.step()
        return x * dial.rate

    traced = trace(function, backlit.ones(1))
    assert traced.run(backlit.ones(1)).item() == 2
    with pytest.raises(Outdated, match=r"Dial.step\(\) changed other options"):
        traced.run(backlit.ones(1))
    assert (dial.steps, dial.structure_version, dial.rate.item()) == (1, 0, 2.0)
    assert not traced.is_current()
    assert trace(function, backlit.ones(1)).run(backlit.ones(1)).item() == 4


def test_a_last_step_may_change_the_program_that_comes_next() -> None:
    dial = Dial(edit=2)

    def function(x: Any) -> Any:
        found = x * dial.rate
        dial.step()
        return found

    traced = trace(function, backlit.ones(1))
    assert [traced.run(backlit.ones(1)).item() for _ in range(3)] == [1, 2, 4]
    dial.rate = backlit.tensor(5.0)
    assert not traced.is_current()
