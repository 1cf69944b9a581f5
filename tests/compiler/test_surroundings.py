"""What a function finds by name: which changes are seen, and what is left alone."""

import functools
import importlib
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.compiler.surroundings import Surroundings

number: Any = 1
text = "a"
table: Any = {"a": [1, 2], "b": {3}}
tensor: Any = backlit.zeros(2)
long: list[Any] = list(range(5000))
long_of_tensors: list[Any] = [backlit.ones(1) for _ in range(1500)]
long_array = np.zeros(5000)
too_long = list(range(10_001))


def inner() -> Any:
    return number, text


def outer() -> Any:
    def nested() -> Any:
        return inner(), tensor

    return nested(), table, long, long_of_tensors, long_array, too_long


def changes(**names: Any) -> Callable[[pytest.MonkeyPatch], None]:
    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in names.items():
            monkeypatch.setitem(globals(), name, value)

    return change


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (changes(number=2), True),
        (changes(number=1.0), True),
        (changes(number=True), True),
        (changes(number=int("1")), False),
        (changes(text="".join(["a"])), False),
        (changes(tensor=backlit.zeros(2)), True),
        (changes(inner=lambda: 0), True),
        (changes(unused=3), False),
        (lambda patch: patch.setitem(table, "a", [1, 2]), True),
        (lambda patch: table["a"].insert(0, 5), True),
        (lambda patch: patch.setitem(table, "c", 5), True),
        (lambda patch: patch.setitem(table, "b", {4}), True),
        (lambda patch: tensor.fill_(1), False),
        (lambda patch: long.__setitem__(4000, 7), True),
        (lambda patch: long.__setitem__(3000, int("3000")), False),
        (lambda patch: long.append(7), True),
        (lambda patch: long_of_tensors.__setitem__(1400, backlit.ones(1)), True),
        (lambda patch: long_of_tensors[1400].add_(0), False),
        (lambda patch: long_array.__setitem__(4000, 1.0), True),
        (lambda patch: too_long.append(7), False),
    ],
)
def test_changes_of_a_module_s_names(change: Any, seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "table", {"a": [1, 2], "b": {3}})
    found = Surroundings(outer)
    assert not found.changed()
    change(monkeypatch)
    assert found.changed() == seen


def test_a_name_that_gets_its_value_later() -> None:
    def function() -> Any:
        return later

    found = Surroundings(function)
    later = 3
    assert found.changed()
    found = Surroundings(function)
    later = 4
    assert found.changed()
    function()


def test_partial_and_wrapped_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    @functools.wraps(inner)
    def wrapper() -> Any:
        return inner()

    options = [1]
    for function in (functools.partial(inner), wrapper, backlit.compile(inner)):
        found = Surroundings(function)
        monkeypatch.setitem(globals(), "number", number + 1)
        assert found.changed()
    found = Surroundings(functools.partial(inner, options))
    options.append(2)
    assert found.changed()


class Thing:
    """An object with settings."""

    def __init__(self) -> None:
        self.used, self.unused = 1, 1

    def method(self) -> Any:
        return self.helper()

    def helper(self) -> Any:
        return self.used


@pytest.mark.parametrize("as_argument", [False, True])
def test_attributes_of_an_object(as_argument: bool) -> None:
    thing = Thing()
    found = Surroundings(Thing.method, [thing]) if as_argument else Surroundings(thing.method)
    thing.unused = 2
    assert not found.changed()
    thing.used = 2
    assert found.changed()


def test_modules_are_found_wherever_they_are() -> None:
    nets = [nn.Linear(2, 2) for _ in range(4)]
    first, second, third, fourth = nets
    options = {"net": second, "more": [third]}

    def function(x: Any) -> Any:
        return first(x), options

    found = Surroundings(function, [fourth])
    assert {id(net) for net in found.owners} == {id(net) for net in nets}


def test_functions_that_call_each_other_come_to_an_end() -> None:
    def one() -> Any:
        return two()

    def two() -> Any:
        return one()

    assert not Surroundings(one).changed()


# -- attributes of what a name leads to ------------------------------------------------------------------------------


class Plain:
    factor = 2.0


class WithProperty:
    def __init__(self) -> None:
        self._hidden = 2.0

    @property
    def factor(self) -> float:
        return self._hidden


@dataclass(slots=True)
class Slotted:
    factor: float = 2.0


def namespaces() -> Any:
    return SimpleNamespace(factor=2.0)


def module() -> Any:
    made = ModuleType("settings")
    made.factor = 2.0  # type: ignore[attr-defined]
    return made


def scaled(x: Any, holder: Any) -> Any:
    return x * holder.factor


HOLDERS = [
    (Plain, "factor"), (WithProperty, "_hidden"), (Slotted, "factor"), (namespaces, "factor"), (module, "factor"),
]  # fmt: skip
READERS = [
    lambda o: lambda x: x * o.factor,
    lambda o: lambda x, held=(o,): x * held[0].factor,
    lambda o: lambda x, *, held={"o": o}: x * held["o"].factor,
    lambda o: lambda x: x * getattr(deque([o])[0], "factor"),  # noqa: B009
    lambda o: functools.partial(lambda o, x: x * o.factor, o),
    lambda o: lambda x: scaled(x, o),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("holder", "attribute"), HOLDERS)
def test_attributes_of_objects_are_followed(holder: Any, attribute: str, reader: Any) -> None:
    held = holder()
    compiled = backlit.compile(reader(held))
    for value in (2.0, 3.0):
        setattr(held, attribute, value)
        assert compiled(backlit.ones(1)).item() == value


def test_attributes_of_classes_and_modules_of_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.settings = Plain()

        def forward(self, x: Any) -> Any:
            return x * self.settings.factor * Plain.factor

    compiled = backlit.compile(nn.Sequential(Layer()))
    assert compiled(backlit.ones(1)).item() == 4
    monkeypatch.setattr(Plain, "factor", 3.0)
    assert compiled(backlit.ones(1)).item() == 9


def test_an_attribute_may_come_to_hide_that_of_the_class() -> None:
    held = Plain()
    compiled = backlit.compile(lambda x: x * held.factor)
    assert compiled(backlit.ones(1)).item() == 2
    held.factor = 3.0
    assert compiled(backlit.ones(1)).item() == 3


def test_arrays_and_queues_are_looked_at() -> None:
    array, queue = np.ones(2, np.float32), deque([1.0])
    compiled = backlit.compile(lambda x: x * backlit.tensor(array) * queue[0])
    assert compiled(backlit.ones(2)).tolist() == [1, 1]
    array[1] = 5
    queue[0] = 2.0
    assert compiled(backlit.ones(2)).tolist() == [2, 10]


@pytest.mark.parametrize(("knows", "expected"), [("import backlit", 6), ("", 4)])
def test_only_packages_that_know_tensors_are_followed(
    knows: str, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    name = "knows_tensors" if knows else "knows_none"
    (folder / f"{name}.py").write_text(f"{knows}\nheld_here = 2.0\ndef times_held(x):\n    return x * held_here\n")
    monkeypatch.syspath_prepend(folder)
    package = importlib.import_module(name)
    compiled = backlit.compile(lambda x: package.times_held(x))
    assert compiled(backlit.ones(1)).item() == 2
    package.held_here = 3.0
    assert compiled(2 * backlit.ones(1)).item() == expected


def test_the_main_module_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    # A notebook's main module has the file of what runs notebooks, which is installed.
    main = ModuleType("__main__")
    main.__file__ = "/somewhere/site-packages/launcher.py"
    monkeypatch.setitem(sys.modules, "__main__", main)
    exec("factor = 2.0\ndef scaled(x):\n    return x * factor", main.__dict__)
    compiled = backlit.compile(main.scaled)
    assert compiled(backlit.ones(1)).item() == 2
    main.factor = 3.0
    assert compiled(backlit.ones(1)).item() == 3
