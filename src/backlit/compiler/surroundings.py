"""What a Python function finds by name outside of itself, noted so that a later change is seen.

A traced program has fixed the tensors and numbers to which the names of its closures and of its module led. Names are
followed into the functions of the user's program that it calls, into lists and dicts that are short, and into those
attributes of objects, of their classes and of modules that one of these functions names. Longer lists, and arrays, are
compared whole; what has more than 10,000 elements is not looked at.
"""

import functools
import inspect
import sys
from collections import UserDict, UserList, deque
from collections.abc import Callable, Iterable, Iterator
from operator import is_
from pathlib import Path
from types import CellType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from backlit.core.stateful import Stateful, is_stateful
from backlit.core.stepped import Stepped
from backlit.core.tensor_base import Symbol, TensorBase

_ABSENT = object()
# What equals itself wherever it is made.
_PLAIN = bool | int | float | str
# The elements of longer containers are data, not settings, and not followed.
_LONGEST = 1000
# Longer lists and arrays are not looked at: each call would pay for it.
_TOO_LONG = 10_000
# What asks for a size, or gives as many parts as a size says.
_SIZES = {"shape", "size", "len", "numel", "nelement", "nbytes", "getattr", "attrgetter", "unbind", "chunk", "unfold"}
_SIZES |= {"split", "tensor_split", "vsplit", "hsplit", "dsplit"}
_FIXED = {"backlit", "numpy"}
# Python's own tests are in nobody's program; a user's module may well be called so.
_LIBRARIES = {*_FIXED, *sys.stdlib_module_names} - {"test"}
# Where packages are installed.
_INSTALLED = {"site-packages", "dist-packages"}


class _Plain(list[Any]):
    """A copy of a long list of numbers and words, which Python compares at once; 1, 1.0 and True are the same to it."""


class _Slots:
    """The attributes of an object that keeps none in a dict, asked for like those of one that does."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def get(self, name: str, default: Any) -> Any:
        """The value of an attribute."""
        return getattr(self._owner, name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        setattr(self._owner, name, value)

    def pop(self, name: str) -> None:
        """Delete an attribute."""
        delattr(self._owner, name)


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
        given = tuple(constants)
        # An object's attributes may be named in any of the functions, so those are gone through until no name is new.
        self._words: frozenset[str] = frozenset()
        found: set[str] = set()
        while True:
            self._cells: list[tuple[str, CellType, Any]] = []
            self._names: list[tuple[Any, str, Any]] = []
            self._containers: list[tuple[Any, Any]] = []
            self.owners: list[Stateful] = []
            # By identity, with the objects, whose identities are theirs alone only while they live.
            self._seen: dict[Any, Any] = {}
            self._found = found
            self._follow(function)
            for constant in given:
                self._follow(constant)
                self._follow_function(function, constant)
            if found <= self._words:
                break
            self._words = frozenset(found)
        self._seen.clear()
        self.reads_sizes = not self._words.isdisjoint(_SIZES)

    def changed(self) -> bool:
        """Whether a name leads to something else now."""
        # Nearly every value is the same object, and this is asked at each call.
        for place, name, value in self._names:
            now = place.get(name, _ABSENT)
            if now is not value and _other(now, value):
                return True
        for _, cell, value in self._cells:
            now = _content(cell)
            if now is not value and _other(now, value):
                return True
        return any(_differ(container, copy) for container, copy in self._containers) if self._containers else False

    def counted(self) -> str | None:
        """A name that leads to another number or word now, which what has run since then must have set."""
        for name, now, value in (
            *((name, place.get(name, _ABSENT), value) for place, name, value in self._names),
            *((name, _content(cell), value) for name, cell, value in self._cells),
            *(
                (repr(key), container.get(key, _ABSENT), value)
                for container, copy in self._containers
                if isinstance(container, dict)
                for key, value in copy.items()
            ),
        ):
            if now is not value and isinstance(value, _PLAIN) and isinstance(now, _PLAIN) and _other(now, value):
                return name
        return None

    def put_back(self) -> list[str]:
        """Put back what was set to tensors of a program that was traced, which have no values.

        Returns:
            The names and keys of what was put back.
        """
        found = []
        for place, name, value in self._names:
            now = place.get(name, _ABSENT)
            # What a class has is in no dict that can be written.
            if now is not value and valueless(now) and isinstance(place, dict | _Slots):
                found.append(name)
                if value is _ABSENT:
                    place.pop(name)
                else:
                    place[name] = value
        for name, cell, value in self._cells:
            now = _content(cell)
            if now is not value and valueless(now):
                found.append(name)
                if value is _ABSENT:
                    del cell.cell_contents
                else:
                    cell.cell_contents = value
        for container, copy in self._containers:
            if not isinstance(container, list | dict | deque):
                continue
            before = copy.values() if isinstance(container, dict) else copy
            known = set(map(id, before))
            given = [key for key, value in _items(container) if id(value) not in known and valueless(value)]
            if given:
                place = f"[{given[0]!r}]" if isinstance(given[0], _PLAIN) else "an element"
                found.append(f"{place} of a {type(container).__name__}")
                container.clear()
                (container.update if isinstance(container, dict) else container.extend)(copy)
        return found

    def _follow(self, value: Any) -> None:
        """Follow a value, and those of its attributes that are named in one of the functions."""
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
        elif isinstance(value, UserDict | UserList):
            self._follow(value.data)
        elif isinstance(value, np.ndarray):
            if value.size <= _TOO_LONG:
                self._containers.append((value, (value.shape, value.dtype, value.tobytes())))
        elif isinstance(value, list) and _LONGEST < len(value) <= _TOO_LONG:
            plain = all(isinstance(part, _PLAIN) for part in value)
            self._containers.append((value, _Plain(value) if plain else value.copy()))
        elif isinstance(value, list | dict | set | deque | tuple) and len(value) <= _LONGEST:
            if not isinstance(value, tuple):
                self._containers.append((value, value.copy()))
            for part in value.values() if isinstance(value, dict) else value:
                self._follow(part)
        elif is_stateful(value):
            self.owners.append(value)
            # That of an optimizer of the user's may count, or make its state late.
            self._follow_function(getattr(type(value), "step", None), value)
            modules = getattr(type(value), "modules", None)
            for part in (value,) if modules is None else modules(value):
                self._follow_function(getattr(type(part), "forward", None), part)
                hooks = getattr(type(part), "hook_functions", None)
                for hook in () if hooks is None else hooks(part):
                    self._follow(hook)
        elif isinstance(wrapped := getattr(value, "__dict__", {}).get("__wrapped__"), FunctionType | MethodType):
            self._follow(wrapped)
        elif not isinstance(value, _PLAIN | TensorBase):
            self._follow_function(inspect.getattr_static(type(value), "__call__", None), value)
            # Other objects of Python's own, such as a namespace, hold what the user put there.
            fixed = _LIBRARIES if isinstance(value, ModuleType | type) else _FIXED
            if isinstance(value, Stepped) or not _of(value, fixed):
                self._follow_attributes(value)

    def _follow_function(self, function: Any, owner: Any) -> None:
        """Follow the names in a function, which is a method of `owner` where there is one."""
        function = inspect.unwrap(function) if callable(function) else function
        key = id(function), id(owner)
        if not isinstance(function, FunctionType) or key in self._seen:
            return
        self._seen[key] = function, owner
        if _of(function, _LIBRARIES) or _is_foreign(function.__globals__.get("__name__", "")):
            return
        names = set(_names(function.__code__))
        self._found |= names
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._cells.append((name, cell, _content(cell)))
            self._follow(self._cells[-1][2])
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            self._follow(default)
        # In one order, for a message that is the same each time.
        for name in sorted(names & function.__globals__.keys()):
            self._note(function.__globals__, name)
        if owner is not None:
            self._follow_attributes(owner)

    def _follow_attributes(self, owner: Any) -> None:
        """Follow the attributes of an object that are named, its own and those of its class."""
        own = getattr(owner, "__dict__", {})
        for name in sorted(self._words):
            shared = None if isinstance(owner, ModuleType) else inspect.getattr_static(type(owner), name, None)
            method = _function_of(shared)
            if name in own or method is not None:
                self._note(own, name)
            elif isinstance(shared, MemberDescriptorType):
                self._note(_Slots(owner), name)
            elif shared is not None:
                # One of its own may come to hide it.
                self._note(own, name)
                for kind in type(owner).__mro__:
                    if name in vars(kind) and not _of(kind, _LIBRARIES):
                        self._note(vars(kind), name)
            # What a scheduler's step counts is no change: it is taken anew at each call.
            if name != "step" or not isinstance(owner, Stepped):
                self._follow_function(method, owner)

    def _note(self, place: Any, name: str) -> None:
        value = place.get(name, _ABSENT)
        self._names.append((place, name, value))
        self._follow(value)


def _of(value: Any, libraries: set[str]) -> bool:
    """Whether a function, class or module, or the class of an object, belongs to one of these libraries."""
    named = value if isinstance(value, FunctionType | type) else type(value)
    name = value.__name__ if isinstance(value, ModuleType) else named.__module__
    return (name or "").partition(".")[0] in libraries


@functools.cache
def _is_foreign(name: str) -> bool:
    """Whether a module was installed and does not know tensors: whole packages hang on its names, and no settings."""
    module = sys.modules.get(name)
    # What is typed into a notebook is in the main module, whose file may be an installed one: the notebook's own.
    if name == "__main__" or _INSTALLED.isdisjoint(Path(getattr(module, "__file__", None) or "").parts):
        return False
    named = (value for value in vars(module).values() if isinstance(value, ModuleType | FunctionType | type))
    return not any(_of(value, {"backlit"}) for value in named)


def _function_of(attribute: Any) -> Any:
    """The function that runs when an attribute of a class is asked for or called; None if none does."""
    if isinstance(attribute, property):
        return attribute.fget
    if isinstance(attribute, staticmethod | classmethod):
        return attribute.__func__
    return attribute if isinstance(attribute, FunctionType) else None


def _names(code: Any) -> Iterator[str]:
    """The names that code and the functions defined in it may look up, those in words such as `getattr`'s included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _names(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            yield constant


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # A name that has no value yet.
        return _ABSENT


def _items(container: Any) -> Iterable[tuple[Any, Any]]:
    return container.items() if isinstance(container, dict) else enumerate(container)


def valueless(value: Any, depth: int = 2) -> bool:
    """Whether a value is a tensor of a program that was traced, or holds one."""
    if isinstance(value, TensorBase):
        return isinstance(value._array, Symbol)
    if not depth or not isinstance(value, list | tuple | dict) or len(value) > _LONGEST:
        return False
    return any(valueless(part, depth - 1) for _, part in _items(value))


def _other(now: Any, before: Any) -> bool:
    """Whether two values are not the same object, nor equal numbers or words."""
    return now is not before and (
        type(now) is not type(before) or not isinstance(now, _PLAIN) or repr(now) != repr(before)
    )


def _differ(now: Any, before: Any) -> bool:
    if isinstance(now, np.ndarray):
        return bool((now.shape, now.dtype) != before[:2] or now.tobytes() != before[2])
    if len(now) != len(before):
        return True
    if isinstance(before, _Plain):
        return bool(now != before)
    if isinstance(now, dict):
        return any(_other(now.get(key, _ABSENT), value) for key, value in before.items())
    if isinstance(now, set):
        return bool(now != before)
    # Nearly every element is the same object, and a loop in Python takes twice as long.
    return not all(map(is_, now, before)) and any(map(_other, now, before))
