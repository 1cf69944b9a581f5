"""What `backlit.record()` keeps: every value and every arriving gradient of a program, for the eye.

A recorded value shares memory with the tensor that it was until something writes there; then it is copied first.
"""

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from backlit.core.modes import STATE
from backlit.core.tensor_base import Array, Storage, TensorBase

if TYPE_CHECKING:
    from backlit.core.tape import Binding


class Value:
    """An array as it was when it was recorded."""

    __slots__ = ("__weakref__", "array")

    def __init__(self, array: Array, storage: Storage) -> None:
        self.array = array
        storage.watched().append(weakref.ref(self))


class Record:
    """The values of one binding.

    Attributes:
        inputs: One an input: a `Value` for a tensor, the Python number or None otherwise.
        outputs: One a visible result.
        arrived: The gradient that arrived at each result, or None where backward was not run.
        left: The gradient that left to each input, or None where none was wanted.
    """

    __slots__ = ("arrived", "inputs", "left", "outputs")

    def __init__(self, args: tuple[Any, ...], outputs: tuple[tuple[Array, Storage], ...]) -> None:
        self.inputs = tuple(Value(a._array, a._storage) if isinstance(a, TensorBase) else a for a in args)
        self.outputs = tuple(Value(array, storage) for array, storage in outputs)
        self.arrived: list[Array | None] = [None] * len(self.outputs)
        self.left: list[Array | None] = [None] * len(self.inputs)


class Recording:
    """All bindings made while `backlit.record()` was active, in order, those that need no gradient included."""

    def __init__(self) -> None:
        self._bindings: list[Binding] = []
        self._later: list[tuple[int, Callable[[], list[Binding]]]] = []

    @property
    def bindings(self) -> "list[Binding]":
        """The bindings; each has its values in `binding.record`."""
        if self._later:
            later, self._later = self._later, []
            for place, operations in reversed(later):
                self._bindings[place:place] = operations()
        return self._bindings

    def keep(self, binding: "Binding") -> None:
        """Add a binding."""
        self._bindings.append(binding)

    def later(self, operations: "Callable[[], list[Binding]]") -> None:
        """Add what a kernel did in one go; `operations` takes it apart if anybody looks."""
        self._later.append((len(self._bindings), operations))

    def __len__(self) -> int:
        return len(self.bindings)


class record:
    """`with backlit.record() as recording:` keeps every value and every arriving gradient of what runs inside."""

    def __init__(self) -> None:
        self._before: list[Recording | None] = []

    def __enter__(self) -> Recording:
        recording = Recording()
        self._before.append(STATE.recording)
        STATE.recording = recording
        return recording

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        STATE.recording = self._before.pop()
