"""`Compiled.record`: one call with every value and gradient kept, after which nothing is changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.compiler.tree import flatten, unflatten
from backlit.core.recording import Recording, record
from backlit.core.tensor_base import Storage, TensorBase, make
from backlit.core.writing import about_to_write

if TYPE_CHECKING:
    from backlit.compiler.specialised import Specialised


class _Kept:
    """A tensor as it is, gradient included, to be put back."""

    def __init__(self, tensor: TensorBase) -> None:
        self.tensor = tensor
        self.array, self.values = tensor._array, tensor._array.copy()
        self.node, self.index = tensor._node, tensor._index
        self.requires_grad = tensor._requires_grad
        self.grad = tensor._grad
        self.grad_values = None if self.grad is None else self.grad._array.copy()

    def put_back(self) -> None:
        """Recorded values that share the memory are copied first."""
        about_to_write(self.tensor._storage)
        self.tensor._array = self.array
        if self.array.flags.writeable:
            np.copyto(self.array, self.values)
        self.tensor._node, self.tensor._index = self.node, self.index
        if self.tensor._requires_grad is not self.requires_grad:
            self.tensor.requires_grad = self.requires_grad
        self.tensor._grad = self.grad
        if self.grad is not None and self.grad_values is not None and self.grad._array.flags.writeable:
            about_to_write(self.grad._storage)
            np.copyto(self.grad._array, self.grad_values)


def record_call(
    function: Callable[..., Any], code: "Specialised", args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Recording:
    """Run the function itself on copies of its arguments, recording, and put all that it changes back.

    Args:
        function: The function that was compiled.
        code: Its program for these arguments, which knows what it reads and writes.
        args: The arguments.
        kwargs: Likewise.
    """
    owned = [tensor for owner in code.used for tensor in owner.state_tensors()]
    outside = {id(t): t for t in (*code.states, *owned, *(t for t, _ in code.traced.found))}
    outside |= {id(t): t for t in code.traced.grad_owners if isinstance(t, TensorBase)}
    tensors, skeleton = flatten((tuple(args), dict(kwargs)), "the arguments of a compiled function", once=True)
    copied_args, copied_kwargs = unflatten(skeleton, map(_copy, tensors))
    kept = [_Kept(t) for t in outside.values()]
    changed = [
        (owner, name, getattr(owner, name)) for owner, name, _ in code.traced.changes if not isinstance(owner, int)
    ]
    undo_steps = code.traced.schedule.undo()
    try:
        with record() as recording:
            function(*copied_args, **copied_kwargs)
    finally:
        for one in kept:
            one.put_back()
        for owner, name, value in changed:
            setattr(owner, name, value)
        undo_steps()
    return recording


def _copy(tensor: TensorBase) -> Any:
    result = make(tensor._array.copy(), Storage())
    result._requires_grad = tensor.requires_grad
    return result
