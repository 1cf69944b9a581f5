"""How much of the gradient reaches the first and the last steps of what a recurrent layer takes.

Gradients that vanish on their way back through the steps (Bengio, Simard & Frasconi, 1994) leave the weights with
gradients of usual size, from the last steps alone; only a look at the steps tells.
"""

from typing import Any

from backlit.nn import Module, RNNBase
from backlit.ops import Tensor, zeros
from backlit.ops.hooks import RemovableHandle

# Of shorter sequences no part is early.
_FEWEST_STEPS = 8


class StepGradients:
    """Zeros added to the inputs of recurrent layers, whose gradients are those of the inputs.

    Args:
        model: The network.

    Attributes:
        handles: Hooks to take off again.
    """

    def __init__(self, model: Module) -> None:
        self._added: dict[str, tuple[Tensor, int]] = {}
        self.handles: list[RemovableHandle] = [
            module.overhear_input(lambda layer, args, path=path: self._add(path, layer, args))
            for path, module in model.named_modules()
            if isinstance(module, RNNBase)
        ]

    def _add(self, path: str, layer: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        sequence = args[0] if args else None
        time = 1 if layer.batch_first and getattr(sequence, "ndim", 0) == 3 else 0
        if not isinstance(sequence, Tensor) or sequence.ndim < 2 or sequence.shape[time] < _FEWEST_STEPS:
            return None
        added = zeros(*sequence.shape, dtype=sequence.dtype, requires_grad=True)
        self._added[path] = added, time
        return sequence + added, *args[1:]

    def found(self) -> dict[str, dict[str, Any]]:
        """The gradients at the first and the last quarter of the steps, after a backward pass: "early" and "late"."""
        parts: dict[str, dict[str, Any]] = {"early": {}, "late": {}}
        for path, (added, time) in self._added.items():
            if added.grad is not None:
                steps = added.shape[time]
                parts["early"][path] = added.grad.narrow(time, 0, steps // 4)
                parts["late"][path] = added.grad.narrow(time, steps - steps // 4, steps // 4)
        return parts
