"""The protocol by which a compiler finds the state of modules, optimizers and generators."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

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
