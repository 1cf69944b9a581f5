"""What a Python function finds by name outside of itself, noted so that a later change is seen.

A traced program has fixed the tensors and numbers to which the names of its closures and of its module led. Names are
followed into the functions of the user's program that it calls, and into short lists and dicts, not into attributes.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

from backlit.core.stateful import Stateful, is_stateful

_ABSENT = object()
# Longer containers are data, not settings.
_LONGEST = 1000
_LIBRARIES = {"backlit", "numpy", *sys.stdlib_module_names}


class Surroundings:
    """The values that a function's names led to.

    Args:
        function: Any callable; only Python functions have names to follow.

    Attributes:
        owners: The modules and optimizers among what was found.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._cells: list[tuple[CellType, Any]] = []
        self._names: list[tuple[dict[str, Any], str, Any]] = []
        self._containers: list[tuple[Any, Any]] = []
        self.owners: list[Stateful] = []
        self._seen: set[int] = set()
        self._follow(function)

    def changed(self) -> bool:
        """Whether a name leads to something else now."""
        # Nearly every value is the same object, and this is asked at each call.
        for place, name, value in self._names:
            now = place.get(name, _ABSENT)
            if now is not value and _other(now, value):
                return True
        for cell, value in self._cells:
            now = _content(cell)
            if now is not value and _other(now, value):
                return True
        return any(_differ(container, copy) for container, copy in self._containers) if self._containers else False

    def _follow(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, MethodType):
            self._follow(value.__self__)
            self._follow(value.__func__)
        elif isinstance(value, FunctionType):
            value = inspect.unwrap(value)
            if (value.__module__ or "").partition(".")[0] in _LIBRARIES:
                return
            for cell in value.__closure__ or ():
                self._cells.append((cell, _content(cell)))
                self._follow(self._cells[-1][1])
            place = value.__globals__
            for name in _names(value.__code__):
                if name in place:
                    self._names.append((place, name, place[name]))
                    self._follow(place[name])
        elif isinstance(value, list | dict | set) and len(value) <= _LONGEST:
            self._containers.append((value, value.copy()))
            for part in value.values() if isinstance(value, dict) else value:
                self._follow(part)
        elif is_stateful(value):
            self.owners.append(value)


def _names(code: Any) -> Iterator[str]:
    """The names that code and the functions defined in it may look up in its module."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _names(constant)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # A name that has no value yet.
        return _ABSENT


def _other(now: Any, before: Any) -> bool:
    """Whether two values are not the same object, nor equal numbers or words."""
    return now is not before and (
        type(now) is not type(before) or not isinstance(now, bool | int | float | str) or repr(now) != repr(before)
    )


def _differ(now: Any, before: Any) -> bool:
    if len(now) != len(before):
        return True
    if isinstance(now, dict):
        return any(_other(now.get(key, _ABSENT), value) for key, value in before.items())
    if isinstance(now, set):
        return bool(now != before)
    return any(map(_other, now, before))
