"""Activations: one small class each, with PyTorch's settings, over the functions of their names."""

from collections.abc import Callable
from typing import Any, ClassVar

from backlit.nn import functional as F
from backlit.nn.module import Module
from backlit.ops.tensor import Tensor


class _Activation(Module):
    """An activation whose settings, kept as attributes, are handed to `function` in their order."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        self.__dict__.update(settings)

    def forward(self, input: Tensor) -> Tensor:
        """The activation of each element, or along `dim`."""
        return type(self).function(input, *[self.__dict__[name] for name in self._settings])

    def extra_repr(self) -> str:
        """The settings; `inplace` only where it is set."""
        shown = [(name, self.__dict__[name]) for name in self._settings]
        return ", ".join(f"{name}={value!r}" for name, value in shown if name != "inplace" or value)


class ReLU(_Activation):
    """max(0, x)."""

    function = staticmethod(F.relu)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)

    def forward(self, input: Tensor) -> Tensor:
        """max(0, x) of each element."""
        return input.relu_() if self.inplace else input.relu()
