"""What tensors are called: by the reader, by the paths of parameters, else by the variables of the reader's program."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array, TensorBase, tape_of
from backlit.errors import ArgumentTypeError
from backlit.nn import Module


class Names:
    """Names of tensors, found by the tensor, its memory or its place on the tape.

    Args:
        given: Names that the reader gives, `{"x": x}`; they come before all others.
        variables: Variables of the reader's program; modules among them name their parameters.

    Attributes:
        modules: The class of each module, by its path.
    """

    def __init__(self, given: Mapping[str, Any] | None = None, variables: Mapping[str, Any] | None = None) -> None:
        self._by_tensor: dict[int, str] = {}
        self._by_array: dict[int, str] = {}
        self._by_result: dict[tuple[int, int], str] = {}
        self._arrays: dict[str, Array] = {}
        if given is not None and not isinstance(given, Mapping):
            raise ArgumentTypeError(f"names: expected a dict such as {{'x': x}}, got {type(given).__name__}")
        for name, tensor in (given or {}).items():
            if not isinstance(name, str) or not isinstance(tensor, TensorBase):
                raise ArgumentTypeError(
                    f"names: expected names of tensors such as {{'x': x}}, got {name!r}: {type(tensor).__name__}"
                )
            self._add(name, tensor)
        public = [(name, value) for name, value in (variables or {}).items() if not name.startswith("_")]
        outermost = _outermost([(name, value) for name, value in public if isinstance(value, Module)])
        kinds: dict[str, set[str]] = {}
        for name, module in outermost:
            for path, parameter in module.named_parameters():
                self._add(path if len(outermost) == 1 else f"{name}.{path}", parameter)
            for path, inner in module.named_modules():
                kinds.setdefault(path, set()).add(type(inner).__name__)
        # Where two networks have different modules at one path, the tape does not tell which of them ran.
        self.modules = {path: found.pop() for path, found in kinds.items() if len(found) == 1}
        for name, value in public:
            if isinstance(value, TensorBase):
                self._add(name, value)

    def _add(self, name: str, tensor: TensorBase) -> None:
        self._by_tensor.setdefault(id(tensor), name)
        self._by_array.setdefault(id(tensor._array), name)
        self._arrays.setdefault(name, tensor._array)
        binding, index = tape_of(tensor)
        if binding is not None:
            self._by_result.setdefault((binding.sequence, index), name)

    def of_tensor(self, tensor: TensorBase) -> str:
        """The name of a leaf, or nothing."""
        return self._by_tensor.get(id(tensor), "")

    def of_array(self, array: Any) -> str:
        """The name of the tensor that this very array belongs to, or nothing."""
        return self._by_array.get(id(array), "")

    def of_copy(self, array: Array) -> str:
        """The name of the only tensor that holds these numbers, or nothing; one number could be anybody's."""
        if array.size < 2:
            return ""
        alike = [
            name
            for name, own in self._arrays.items()
            if own.shape == array.shape and own.dtype == array.dtype and np.array_equal(own, array)
        ]
        return alike[0] if len(alike) == 1 else ""

    def of_result(self, sequence: int, index: int) -> str:
        """The name of a result of a binding, or nothing."""
        return self._by_result.get((sequence, index), "")


def _outermost(modules: list[tuple[str, Module]]) -> list[tuple[str, Module]]:
    """Each module once, without those that are parts of others: paths count from the outermost."""
    once = {id(module): (name, module) for name, module in reversed(modules)}
    inside = {id(inner) for _, module in once.values() for path, inner in module.named_modules() if path}
    return [pair for key, pair in once.items() if key not in inside]


def callers_variables() -> dict[str, Any]:
    """The variables that the reader's line of program sees: of the innermost frame that is not the library's."""
    inner: dict[str, Any] = {}
    for frame in _frames():
        inner = {**frame.f_locals, **inner}
        # A comprehension has a frame of its own, inside that of the line it stands in.
        if not frame.f_code.co_name.endswith(("comp>", "genexpr>")):
            return {**frame.f_globals, **inner}
    return inner


def _frames() -> Iterator[Any]:
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] != "backlit":
            yield frame
        frame = frame.f_back  # type: ignore[assignment]
