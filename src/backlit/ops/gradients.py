"""Gradients on demand: `grad` hands them out, `backward` adds them up on the leaves."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from backlit.core.backward import run_backward, start_gradients
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError
from backlit.ops.creation import zeros_like

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


def _as_list(tensors: Any, what: str) -> list[Any]:
    found = [tensors] if isinstance(tensors, TensorBase) or not isinstance(tensors, Iterable) else list(tensors)
    for one in found:
        if not isinstance(one, TensorBase):
            raise ArgumentTypeError(f"{what}: expected a tensor or a sequence of tensors, got {type(one).__name__}")
    return found


def _starts(roots: list[Any], given: Any, caller: str) -> list[Any]:
    single = isinstance(given, TensorBase) or not isinstance(given, Iterable)
    grads = [None] * len(roots) if given is None else [given] if single else list(given)
    if len(grads) != len(roots):
        raise ArgumentError(f"{caller}: {len(roots)} tensors but {len(grads)} gradients that arrive at them")
    return start_gradients(roots, grads, caller)


def backward(
    tensors: "Tensor | Sequence[Tensor]",
    grad_tensors: "Tensor | Sequence[Tensor | None] | None" = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: "Tensor | Sequence[Tensor] | None" = None,
) -> None:
    """Add the gradients of `tensors` to the `.grad` of every leaf they were computed from.

    Args:
        tensors: What to differentiate.
        grad_tensors: What arrives at each, of its shape; 1 for a scalar if not given.
        retain_graph: Keep the graph for another pass; by default as `create_graph`.
        create_graph: Make the gradients differentiable themselves.
        inputs: Tensors that alone receive a gradient; by default every leaf.

    Raises:
        GradientError: A tensor has no history, or is not a scalar and no gradient is given, or the graph was released
            or changed in place since.
        ShapeError: A gradient has another shape than its tensor.
    """
    roots = _as_list(tensors, "backward")
    grads = _starts(roots, grad_tensors, "backward")
    wanted = None if inputs is None else _as_list(inputs, "backward")
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, grads, inputs=wanted, retain_graph=keep, create_graph=create_graph)
    for leaf, grad in zip(wanted or (), found or (), strict=True):
        if grad is not None:
            leaf.grad = grad if leaf.grad is None else leaf.grad + grad


def grad(
    outputs: "Tensor | Sequence[Tensor]",
    inputs: "Tensor | Sequence[Tensor]",
    grad_outputs: "Tensor | Sequence[Tensor | None] | None" = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    *,
    materialize_grads: bool = False,
) -> "tuple[Tensor, ...]":
    """The gradients of `outputs`, added up, for each of `inputs`; no `.grad` changes.

    Args:
        outputs: What to differentiate.
        inputs: For what.
        grad_outputs: What arrives at each output, of its shape; 1 for a scalar if not given.
        retain_graph: Keep the graph for another pass; by default as `create_graph`.
        create_graph: Make the gradients differentiable themselves.
        allow_unused: Give None for an input that no output depends on, instead of an error.
        materialize_grads: Give zeros for such an input.

    Raises:
        GradientError: An output or input needs no gradient, an input is not used, an output is not a scalar and no
            gradient is given, or the graph was released or changed in place since.
        ShapeError: A gradient has another shape than its output.
    """
    roots, wanted = _as_list(outputs, "grad"), _as_list(inputs, "grad")
    grads = _starts(roots, grad_outputs, "grad")
    for position, tensor in enumerate(wanted):
        if not tensor.requires_grad:
            raise GradientError(f"grad: input {position} of shape {tuple(tensor.shape)} has requires_grad=False")
    keep = create_graph if retain_graph is None else retain_graph
    found: Any = run_backward(roots, grads, inputs=wanted, retain_graph=keep, create_graph=create_graph)
    for position, (tensor, one) in enumerate(zip(wanted, found, strict=True)):
        if one is not None:
            continue
        if materialize_grads:
            found[position] = zeros_like(tensor)
        elif not allow_unused:
            raise GradientError(
                f"grad: input {position} of shape {tuple(tensor.shape)} was not used to compute the outputs; pass "
                "allow_unused=True if that is meant"
            )
    return tuple(found)
