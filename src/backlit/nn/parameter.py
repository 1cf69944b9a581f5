"""Parameters: the tensors that a module learns."""

import itertools
from typing import Any

import numpy as np

from backlit.core.dtypes import get_default_dtype
from backlit.core.tensor_base import Array, Storage, TensorBase, values_of
from backlit.errors import ArgumentTypeError, DtypeError
from backlit.ops.tensor import Tensor

_edits = itertools.count(1)


class Edits:
    """Counts edits of all modules and parameters, so that what was derived from them knows when to look again.

    Attributes:
        latest: The number of the last edit.
    """

    latest = 0

    @classmethod
    def next(cls) -> int:
        """The number of a new edit."""
        cls.latest = next(_edits)
        return cls.latest


class Parameter(Tensor):
    """A tensor that becomes a module's parameter when it is assigned to an attribute of the module.

    What operations make of it are plain tensors.

    Args:
        data: The values, whose memory the parameter shares; None for no values yet.
        requires_grad: Whether it is learnt.

    Raises:
        ArgumentTypeError: `data` is not a tensor, or `requires_grad` is neither True nor False.
        DtypeError: `requires_grad` with elements that are not floating-point numbers.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> "Parameter":
        """Share the memory of `data`."""
        if not isinstance(requires_grad, bool):
            raise ArgumentTypeError(f"Parameter: requires_grad must be True or False, got {requires_grad!r}")
        if data is None:
            return _rebuild(cls, np.zeros(0, get_default_dtype().numpy), requires_grad)
        if not isinstance(data, TensorBase):
            raise ArgumentTypeError(
                f"Parameter: expected a tensor, got {type(data).__name__}; wrap it in backlit.tensor(...) first"
            )
        return _rebuild(cls, data._array, requires_grad, data._storage)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        pass

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        if id(self) not in memo:
            memo[id(self)] = _rebuild(type(self), values_of(self).copy(), self._requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _rebuild, (type(self), np.ascontiguousarray(values_of(self)), self._requires_grad)

    @property
    def requires_grad(self) -> bool:
        """Whether it is learnt. A change is one of the modules that hold the parameter."""
        return super().requires_grad

    @requires_grad.setter
    def requires_grad(self, needed: bool) -> None:
        if needed != self._requires_grad:
            TensorBase.requires_grad.fset(self, needed)  # type: ignore[attr-defined]
            Edits.next()


def _rebuild(cls: type[Parameter], array: Array, requires_grad: bool, storage: Storage | None = None) -> Parameter:
    if requires_grad and array.dtype.kind != "f":
        raise DtypeError(
            f"Parameter: only floating-point tensors can be learnt, this one is {array.dtype}; use .float() first, or "
            "pass requires_grad=False"
        )
    parameter: Parameter = object.__new__(cls)
    parameter._array = array
    parameter._storage = storage or Storage()
    parameter._requires_grad = requires_grad
    return parameter
