"""Methods of a tensor's history and gradient."""

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from backlit.core.modes import STATE, no_grad
from backlit.core.tensor_base import Storage, TensorBase, make, tape_of
from backlit.core.writing import write
from backlit.errors import ArgumentTypeError, GradientError
from backlit.ops import casting, gradients
from backlit.ops.grad_fn import GradFn
from backlit.ops.hooks import RemovableHandle

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class AutogradMethods(TensorBase):
    """What a tensor knows of how it was made, and the gradients that come back to it."""

    def backward(
        self: "Tensor",
        gradient: "Tensor | None" = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: "Tensor | Sequence[Tensor] | None" = None,
    ) -> None:
        """Add the gradient of this tensor to the `.grad` of every leaf it was computed from.

        Args:
            gradient: What arrives here, of this tensor's shape; 1 for a scalar if not given.
            retain_graph: Keep the graph for another pass; by default as `create_graph`.
            create_graph: Make the gradients differentiable themselves.
            inputs: Tensors that alone receive a gradient; by default every leaf.

        Raises:
            GradientError: This tensor has no history, or is not a scalar and no gradient is given, or the graph was
                released or changed in place since.
            ShapeError: `gradient` has another shape.
        """
        gradients.backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self: "Tensor") -> "Tensor":
        """This tensor without its history; the memory is shared."""
        return casting.detach.bind(self)

    def detach_(self: "Tensor") -> "Tensor":
        """Forget the history of this tensor itself.

        Raises:
            GradientError: It is a view, whose history is its base's.
        """
        if self._base is not None and self._node is not None:
            raise GradientError("detach_: a view cannot forget its history in place, use detach()")
        if STATE.trace is not None:
            STATE.trace.about_to_set(self, "requires_grad")
            STATE.trace.forget(self)
        self._node, self._index, self._requires_grad = None, 0, False
        return self

    def requires_grad_(self: "Tensor", requires_grad: bool = True) -> "Tensor":
        """Set whether gradients are collected here; returns the tensor itself."""
        self.requires_grad = requires_grad
        return self

    @property
    def data(self: "Tensor") -> "Tensor":
        """This tensor's values without history; writing into them is not noticed by the version counter."""
        if STATE.trace is not None:
            return casting.detach.bind(self)
        unseen = Storage()
        unseen.watchers = self._storage.watched()
        return make(self._array, unseen)

    @data.setter
    def data(self: "Tensor", data: "Tensor") -> None:
        if not isinstance(data, TensorBase):
            raise ArgumentTypeError(f"data: expected a tensor, got {type(data).__name__}")
        if STATE.trace is not None:
            with no_grad():
                write(self, data, "data")
            return
        self._array = data._array

    @property
    def grad_fn(self: "Tensor") -> GradFn | None:
        """The operation that made this tensor and stands ready for the backward pass; None for leaves."""
        node, index = tape_of(self)
        return None if node is None else GradFn(node, index)

    @property
    def output_nr(self: "Tensor") -> int:
        """Which of its operation's results this is."""
        return tape_of(self)[1]

    def register_hook(self: "Tensor", hook: "Callable[[Tensor], Tensor | None]") -> RemovableHandle:
        """Call `hook(grad)` whenever the gradient of this tensor is known; what it returns, if not None, replaces it.

        Raises:
            GradientError: The tensor needs no gradient.
        """
        if not self.requires_grad:
            raise GradientError("register_hook: this tensor needs no gradient, so the hook would never be called")
        node, index = tape_of(self)
        if node is None:
            if self._hooks is None:
                self._hooks = {}
            return RemovableHandle(self._hooks, hook)
        if node.hooks is None:
            node.hooks = {}
        return RemovableHandle(node.hooks.setdefault(index, {}), hook)

    def register_post_accumulate_grad_hook(self: "Tensor", hook: "Callable[[Tensor], None]") -> RemovableHandle:
        """Call `hook(tensor)` each time a backward pass has added to this leaf's `.grad`.

        Raises:
            GradientError: The tensor is not a leaf, or needs no gradient.
        """
        if not self.requires_grad or not self.is_leaf:
            raise GradientError(
                "register_post_accumulate_grad_hook: only a leaf that requires a gradient accumulates one"
            )
        if self._accumulated_hooks is None:
            self._accumulated_hooks = {}
        return RemovableHandle(self._accumulated_hooks, hook)

    def retain_grad(self: "Tensor") -> None:
        """Let a backward pass fill `.grad` of this tensor although an operation made it; leaves do so anyhow.

        Raises:
            GradientError: The tensor needs no gradient.
        """
        if not self.requires_grad:
            raise GradientError("retain_grad: this tensor needs no gradient")
        node, index = tape_of(self)
        if node is not None:
            if node.retained is None:
                node.retained = {}
            node.retained[index] = weakref.ref(self)

    @property
    def retains_grad(self: "Tensor") -> bool:
        """Whether `retain_grad` was called on this tensor, which an operation made."""
        node, index = tape_of(self)
        retained: dict[int, Any] = {} if node is None or node.retained is None else node.retained
        return index in retained and retained[index]() is self
