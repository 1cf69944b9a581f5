"""Arguments and results as trees: tensors in tuples, lists, dicts and dataclasses, and constants between them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from backlit.core.stateful import is_stateful
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentTypeError


class Constant:
    """Something in a tree that is no tensor. 1, 1.0, True and `np.int64(1)` are different ones, as are 0.0 and -0.0."""

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        number = isinstance(value, int | float | complex | np.generic)
        self._key = type(value), repr(value) if number else value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and bool(self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)


# Where a tensor stands in a skeleton.
TENSOR = object()


@dataclass(frozen=True)
class Again:
    """Where a tensor stands in a skeleton that has come before, as the one of this number."""

    number: int


def flatten(tree: Any, what: str, *, once: bool = False) -> tuple[list[TensorBase], Any]:
    """The tensors of a tree in order, and its skeleton, which can be hashed and compared.

    Args:
        tree: Tensors and constants in tuples, named tuples, lists, dicts and dataclasses that compare by their fields.
        what: What the tree is, for the message.
        once: Whether a tensor that stands in several places is given only once.

    Raises:
        ArgumentTypeError: Something that is no tensor cannot be a constant.
    """
    tensors: list[TensorBase] = []
    numbers: dict[int, int] = {}

    def walk(part: Any) -> Any:
        if isinstance(part, TensorBase):
            if once and id(part) in numbers:
                return Again(numbers[id(part)])
            numbers[id(part)] = len(tensors)
            tensors.append(part)
            return TENSOR
        if isinstance(part, tuple | list):
            return type(part), tuple(map(walk, part))
        if isinstance(part, dict):
            return type(part), tuple(map(Constant, part)), tuple(map(walk, part.values()))
        if _is_record(part):
            names = dict.fromkeys((*(f.name for f in fields(part)), *getattr(part, "__dict__", ())))
            held = {name: getattr(part, name) for name in names if hasattr(part, name)}
            return type(part), tuple(held), tuple(map(walk, held.values()))
        if isinstance(part, np.ndarray):
            raise ArgumentTypeError(f"{what}: got a NumPy array; make it a tensor with backlit.from_numpy(...)")
        if isinstance(part, Iterator):
            raise ArgumentTypeError(f"{what}: a {type(part).__name__} can be read only once; make it a list or a tuple")
        try:
            hash(part)
        except TypeError as error:
            raise ArgumentTypeError(
                f"{what}: {type(part).__name__} is neither a tensor nor a constant that can be hashed; give its "
                "tensors one by one, or in a tuple, a dict or a dataclass"
            ) from error
        return Constant(part)

    return tensors, walk(tree)


def _is_record(part: Any) -> bool:
    """Whether something is what its fields are, and no more."""
    kind = type(part)
    return is_dataclass(kind) and kind.__eq__ is not object.__eq__ and not is_stateful(part)


def constants(skeleton: Any) -> Iterator[Any]:
    """The constants in a skeleton, and the classes whose methods may be called."""
    if isinstance(skeleton, Constant):
        yield skeleton.value
    elif isinstance(skeleton, tuple):
        if is_dataclass(skeleton[0]):
            yield skeleton[0]
        for part in skeleton[-1]:
            yield from constants(part)


def outline(skeleton: Any) -> Any:
    """A skeleton with the kinds of numbers, and of objects that equal nothing but themselves, in their places."""
    if isinstance(skeleton, Constant):
        kind: Any = type(skeleton.value)
        number = isinstance(skeleton.value, int | float | np.number) and kind is not bool
        return kind if number or kind.__hash__ is object.__hash__ else skeleton
    return tuple(map(outline, skeleton)) if isinstance(skeleton, tuple) else skeleton


def unflatten(skeleton: Any, tensors: Iterator[Any]) -> Any:
    """The tree of a skeleton with these tensors in it."""
    return _filled(skeleton, tensors, [])


def _filled(skeleton: Any, tensors: Iterator[Any], seen: list[Any]) -> Any:
    if skeleton is TENSOR:
        seen.append(next(tensors))
        return seen[-1]
    if isinstance(skeleton, Again):
        return seen[skeleton.number]
    if isinstance(skeleton, Constant):
        return skeleton.value
    kind, *parts = skeleton
    values = [_filled(part, tensors, seen) for part in parts[-1]]
    if issubclass(kind, dict):
        made = kind.__new__(kind)
        made.update(zip((key.value for key in parts[0]), values, strict=True))
        return made
    if len(parts) > 1:
        made = object.__new__(kind)
        for name, value in zip(parts[0], values, strict=True):
            object.__setattr__(made, name, value)
        return made
    make: Callable[..., Any] = kind
    return make(*values) if hasattr(kind, "_fields") else make(values)
