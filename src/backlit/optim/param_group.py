"""A group of parameters with its options: numbers to a reader, tensors to a program that is traced."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from backlit.core.stepped import untraced
from backlit.core.tensor_base import TensorBase, make
from backlit.core.writing import about_to_write, wrote
from backlit.errors import ArgumentError
from backlit.optim.checks import number

# What schedulers change from step to step.
RATES = ("lr", "momentum", "betas")


class ParamGroup(MutableMapping[str, Any]):
    """The options of one group of parameters, `"params"` among them.

    Rates are 0-d float64 tensors, of which this mapping reads and writes the numbers: an update that has been traced
    reads them as state, so a new rate needs no new trace. All other options are constants of a trace.

    Attributes:
        version: Number of edits that make a trace of the update out of date.
        plan: What the optimizer keeps here until the next such edit.
    """

    def __init__(self, owner: str, values: Mapping[str, Any]) -> None:
        self.version = 0
        self._owner = owner
        self._values: dict[str, Any] = {}
        self.plan: Any = None
        for name, value in values.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if name not in RATES:
            return value
        untraced(f"{self._owner}: {name} was read")
        return tuple(t._array.item() for t in value) if isinstance(value, tuple) else value._array.item()

    def __setitem__(self, name: str, value: Any) -> None:
        if name in RATES:
            self._set_rate(name, value)
        else:
            self._values[name] = value
            self._edited()

    def __delitem__(self, name: str) -> None:
        del self._values[name]
        self._edited()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(dict(self))

    def uses(self, name: str) -> bool:
        """Whether a rate is not 0, which a trace of the update may depend on."""
        return bool(self._values[name]._array)

    def tensor(self, name: str) -> Any:
        """The 0-d float64 tensor of a rate; a tuple of two for `"betas"`."""
        return self._values[name]

    def tensors(self) -> Iterator[TensorBase]:
        """All rates, in a fixed order."""
        for name in RATES:
            value = self._values.get(name, ())
            yield from value if isinstance(value, tuple) else (value,)

    def settings(self, names: Sequence[str]) -> dict[str, Any]:
        """The options by these names, rates as tensors, the pair `betas` under the names `beta1` and `beta2`."""
        values = self._values
        if "betas" in values:
            values = values | dict(zip(("beta1", "beta2"), values["betas"], strict=True))
        return {name: values[name] for name in names}

    def undo(self) -> Callable[[], None]:
        """A function that sets all options to what they are now."""
        version, values = self.version, self._values.copy()
        rates = [(tensor, tensor._array.item()) for tensor in self.tensors()]

        def put_back() -> None:
            for tensor, value in rates:
                self._write(tensor, value)
            if self.version != version:
                self._values = values.copy()
                self._edited()

        return put_back

    def _edited(self) -> None:
        self.version += 1
        self.plan = None

    def _set_rate(self, name: str, value: Any) -> None:
        untraced(f"{self._owner}: {name} was changed")
        before = self._values.get(name)
        several = isinstance(value, (tuple, list))
        numbers = [number(self._owner, name, v) for v in (value if several else (value,))]
        if before is None:
            tensors = tuple(make(np.array(v)) for v in numbers)
            self._values[name] = tensors if several else tensors[0]
            self._edited()
            return
        tensors = before if isinstance(before, tuple) else (before,)
        if len(tensors) != len(numbers):
            raise ArgumentError(f"{self._owner}: {name} must be {len(tensors)} number(s), got {value!r}")
        if name == "momentum" and self.uses(name) != bool(numbers[0]):
            # A momentum of 0 is no momentum: another state and another program.
            self._edited()
        for tensor, new in zip(tensors, numbers, strict=True):
            self._write(tensor, new)

    def _write(self, tensor: TensorBase, value: float) -> None:
        about_to_write(tensor._storage)
        tensor._array[()] = value
        wrote(tensor._storage, f"a change of {self._owner}'s options")
