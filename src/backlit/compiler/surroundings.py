"""What a Python function finds by name outside of itself, noted so that a later change is seen.

A traced program has fixed the tensors and numbers to which the names of its closures and of its module led. Names are
followed into the functions of the user's program that it calls, into short lists and dicts, and, in methods, into the
attributes of the object and of its modules that the method names.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

from backlit.core.stateful import Stateful, is_stateful

_ABSENT = object()
# Longer containers are data, not settings.
_LONGEST = 1000
# What asks for a size, or gives as many parts as a size says.
_SIZES = {"shape", "size", "len", "numel", "nelement", "nbytes", "getattr", "unbind", "chunk", "unfold"}
_SIZES |= {"split", "tensor_split", "vsplit", "hsplit", "dsplit"}
_LIBRARIES = {"backlit", "numpy", *sys.stdlib_module_names}


class Surroundings:
    """The values that a function's names led to.

    Args:
        function: Any callable; only Python functions have names to follow.
        constants: Its arguments that are no tensors; their attributes are followed as those of a method's object are.

    Attributes:
        owners: The modules and optimizers among what was found.
        reads_sizes: Whether code of the user's asks for a size, or for parts whose number depends on one.
    """

    def __init__(self, function: Callable[..., Any], constants: Iterable[Any] = ()) -> None:
        self._cells: list[tuple[CellType, Any]] = []
        self._names: list[tuple[dict[str, Any], str, Any]] = []
        self._containers: list[tuple[Any, Any]] = []
        self.owners: list[Stateful] = []
        self.reads_sizes = False
        # By identity, with the objects, whose identities are theirs alone only while they live.
        self._seen: dict[Any, Any] = {}
        self._follow(function)
        for constant in constants:
            self._follow(constant)
            self._follow_function(function, constant)
        self._seen.clear()

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
        self._seen[id(value)] = value
        if isinstance(value, MethodType):
            self._follow(value.__self__)
            self._follow_function(value.__func__, value.__self__)
        elif isinstance(value, FunctionType):
            self._follow_function(value, None)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self._follow(part)
        elif isinstance(value, list | dict | set) and len(value) <= _LONGEST:
            self._containers.append((value, value.copy()))
            for part in value.values() if isinstance(value, dict) else value:
                self._follow(part)
        elif is_stateful(value):
            self.owners.append(value)
            modules = getattr(type(value), "modules", None)
            for part in (value,) if modules is None else modules(value):
                self._follow_function(getattr(type(part), "forward", None), part)
                hooks = getattr(type(part), "hook_functions", None)
                for hook in () if hooks is None else hooks(part):
                    self._follow(hook)
        elif isinstance(getattr(value, "__wrapped__", None), FunctionType | MethodType):
            self._follow(value.__wrapped__)
        else:
            self._follow_function(inspect.getattr_static(type(value), "__call__", None), value)

    def _follow_function(self, function: Any, owner: Any) -> None:
        """Follow the names in a function, which is a method of `owner` where there is one."""
        function = inspect.unwrap(function) if callable(function) else function
        key = id(function), id(owner)
        if not isinstance(function, FunctionType) or key in self._seen:
            return
        self._seen[key] = function, owner
        if (function.__module__ or "").partition(".")[0] in _LIBRARIES:
            return
        for cell in function.__closure__ or ():
            self._cells.append((cell, _content(cell)))
            self._follow(self._cells[-1][1])
        for name in _names(function.__code__):
            self.reads_sizes = self.reads_sizes or name in _SIZES
            method = None if owner is None else inspect.getattr_static(type(owner), name, None)
            for place in (function.__globals__, getattr(owner, "__dict__", {})):
                if name in place or method is not None:
                    self._names.append((place, name, place.get(name, _ABSENT)))
                    self._follow(place.get(name))
            self._follow_function(method, owner)


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
