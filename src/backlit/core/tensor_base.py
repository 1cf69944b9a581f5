"""The part of a tensor that differentiation needs: an array, its storage, its place on the tape, its gradient."""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backlit.core.modes import STATE
from backlit.errors import ArgumentError, GradientError, GraphError, ShapeError, user_line

if TYPE_CHECKING:
    from backlit.core.primitive import Primitive
    from backlit.core.recording import Value
    from backlit.core.tape import Binding

Array = np.ndarray[Any, np.dtype[Any]]

_new = object.__new__


class Storage:
    """What tensors that share memory have in common.

    Attributes:
        version: Number of in-place writes so far; None for tensors made in inference mode, which are not counted.
        written_by: The operation of the last write, for messages.
        rebased: Number of writes after which other views of the same base must look up their place on the tape anew.
        watchers: References to recorded values that must be copied before the next write.
    """

    # Fields that keep these values cost nothing, and most storages keep all of them.
    version: int | None = 0
    written_by = ""
    rebased = 0
    watchers: "list[weakref.ref[Value]] | None" = None

    def watched(self) -> "list[weakref.ref[Value]]":
        """The list of `watchers`, to add to."""
        if self.watchers is None:
            self.watchers = []
        return self.watchers


class Symbol:
    """Stands for an array whose values are not known while a program is traced: a shape and a type, no numbers."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        raise needs_values("the values")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise needs_values(f"`{name}`")


def needs_values(what: str) -> GraphError:
    """The error of a program that asks for values while it is traced."""
    return no_program(
        f"the program asked for {what} of a tensor while it was traced, when no values are known yet; return the "
        "tensor and read or print it outside, and choose between values with backlit.where in place of `if`"
    )


def no_program(reason: str) -> GraphError:
    """The error of a program that cannot be traced.

    Args:
        reason: Why, and what to do.
    """
    error = GraphError(f"{user_line()}: {reason}")
    return error if STATE.trace is None else STATE.trace.refuse(error)


class TensorBase:
    """A value that remembers how it was made.

    Fields not set on an instance have the defaults below; most tensors set four of them.
    """

    # A NumPy array, or a `Symbol` while a program is traced.
    _array: Any
    _storage: Storage
    _requires_grad: bool = False
    _grad: "TensorBase | None" = None
    _node: "Binding | None" = None
    _index: int = 0
    # A view knows the tensor whose memory it shows and the operations that lead from there to it.
    _base: "TensorBase | None" = None
    _chain: "tuple[tuple[Primitive, dict[str, Any]], ...]" = ()
    _seen: int = 0
    _hooks: "dict[int, Callable[[Any], Any]] | None" = None
    _accumulated_hooks: "dict[int, Callable[[Any], None]] | None" = None

    # The public class, set by `ops.tensor`, so that the engine can make results of it.
    public: "ClassVar[type[TensorBase]]"

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor. Assignable on tensors that no operation made."""
        return self._requires_grad or tape_of(self)[0] is not None

    @requires_grad.setter
    def requires_grad(self, needed: bool) -> None:
        if tape_of(self)[0] is not None:
            if needed:
                return
            raise GradientError(
                "requires_grad can be switched off only on tensors that no taped operation made; "
                "use .detach() for a tensor without history"
            )
        if needed and self._array.dtype.kind != "f":
            raise GradientError(
                f"only floating-point tensors can require gradients, this one is {self._array.dtype}; "
                "use .float() first"
            )
        if STATE.trace is not None:
            STATE.trace.about_to_set(self, "requires_grad")
        self._requires_grad = bool(needed)

    @property
    def is_leaf(self) -> bool:
        """Whether no taped operation made this tensor."""
        return tape_of(self)[0] is None

    @property
    def grad(self) -> "Any":
        """The gradient that backward passes have added up here, or None before the first."""
        return self._grad if STATE.trace is None else STATE.trace.get_grad(self)

    @grad.setter
    def grad(self, grad: "TensorBase | None") -> None:
        if grad is not None:
            if not isinstance(grad, TensorBase):
                raise ArgumentError(f"grad: expected a tensor or None, got {type(grad).__name__}")
            if grad._array.shape != self._array.shape:
                raise ShapeError(f"grad: shape {grad._array.shape} does not fit the tensor's {self._array.shape}")
            if grad._array.dtype != self._array.dtype:
                raise ArgumentError(f"grad: type {grad._array.dtype} does not fit the tensor's {self._array.dtype}")
        if STATE.trace is None:
            self._grad = grad
        else:
            STATE.trace.set_grad(self, grad)

    @grad.deleter
    def grad(self) -> None:
        self.grad = None

    @property
    def _version(self) -> int:
        """Number of in-place changes of the memory that this tensor shows."""
        return self._storage.version or 0


def values_of(tensor: TensorBase, what: str = "the values") -> Array:
    """The array of a tensor, for code that reads numbers from it and not only shape and type.

    While a program is traced there are none to read: a result has no values yet, and those of a tensor of the outside
    would silently become constants of the program.

    Args:
        tensor: The tensor.
        what: What is asked for, for the message.

    Raises:
        GraphError: A program is being traced; the message names the reader's line.
    """
    if STATE.trace is not None:
        raise needs_values(what)
    return tensor._array


def make(array: Any, storage: Storage | None = None) -> Any:
    """A new public tensor around an array, copying nothing."""
    tensor = _new(TensorBase.public)
    tensor._array = array
    if storage is None:
        storage = Storage()
        if STATE.inference:
            storage.version = None
    tensor._storage = storage
    return tensor


def tape_of(tensor: TensorBase) -> "tuple[Binding | None, int]":
    """The binding that made `tensor` and which of its results it is; (None, 0) for leaves.

    A view whose base was written since is looked up anew: the operations that lead from the base to the view are
    bound again, so that gradients flow through the write.
    """
    if STATE.trace is not None:
        return STATE.trace.tape(tensor)
    if tensor._base is not None and tensor._seen != tensor._storage.rebased:
        refresh_view(tensor)
    return tensor._node, tensor._index


def refresh_view(tensor: TensorBase) -> None:
    """Give a view its place on the tape after a write to its base."""
    before, STATE.grad_enabled = STATE.grad_enabled, True
    try:
        fresh: TensorBase | None = tensor._base
        for primitive, settings in tensor._chain:
            fresh = primitive.bind(fresh, **settings)
    finally:
        STATE.grad_enabled = before
    if fresh is not None:
        tensor._node, tensor._index = fresh._node, fresh._index
    tensor._seen = tensor._storage.rebased
