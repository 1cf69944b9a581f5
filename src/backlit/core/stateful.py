"""The protocol by which a compiler finds the state of modules, optimizers and generators."""

from collections.abc import Iterable
from typing import Any, Protocol, TypeGuard, runtime_checkable

from backlit.core.tensor_base import TensorBase


@runtime_checkable
class Stateful(Protocol):
    """An object that owns tensors which programs read and write.

    `structure_version` grows with every edit that changes which tensors there are, or which of them need gradients.
    """

    @property
    def structure_version(self) -> int:
        """Number of edits so far."""

    def state_tensors(self) -> Iterable[TensorBase]:
        """All tensors it owns, in a fixed order."""


def is_stateful(value: Any) -> TypeGuard[Stateful]:
    """Whether a value is such an object."""
    # Asked of the class: for an attribute that a tensor lacks, a search for the name that was meant would begin.
    return hasattr(type(value), "structure_version")
