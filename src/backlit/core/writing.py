"""In-place operations: the one place where a tensor's memory changes."""

from typing import Any

import numpy as np

from backlit.core.backward import Helpers
from backlit.core.dtypes import keeps_kind
from backlit.core.modes import STATE
from backlit.core.primitive import Primitive, keep_record
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array, Storage, Symbol, TensorBase, make, tape_of, values_of
from backlit.errors import ArgumentTypeError, DtypeError, GradientError, ShapeError


def check_writable(target: TensorBase, operation: str) -> None:
    """Raise unless an in-place operation may change `target` in the current gradient mode.

    Raises:
        GradientError: `target` is a leaf that requires a gradient, or a view of one, and taping is on.
    """
    base = target._base
    of_leaf = base is not None and base._requires_grad and _taped_chain(target)
    if STATE.grad_enabled and (target._requires_grad or of_leaf):
        what = "a view of a leaf" if of_leaf else "a leaf"
        raise GradientError(
            f"{operation}: {what} that requires a gradient cannot be changed in place while operations are taped; "
            "do it inside `with backlit.no_grad():`, or use the out-of-place operation"
        )


def about_to_write(storage: Storage) -> None:
    """Copy recorded values that show this memory, before it changes."""
    if storage.watchers:
        copies: dict[int, Array] = {}
        for reference in storage.watchers:
            value = reference()
            if value is not None:
                key = id(value.array)
                if key not in copies:
                    copies[key] = value.array.copy()
                value.array = copies[key]
        storage.watchers.clear()


def wrote(storage: Storage, operation: str) -> None:
    """Note that an in-place operation has changed this memory."""
    if storage.version is not None:
        storage.version += 1
    storage.written_by = operation


def write(target: TensorBase, source: TensorBase, operation: str) -> None:
    """Put the values of `source` into `target`'s memory and give `target` the history of `source`.

    Args:
        target: The tensor to change.
        source: The new values, of a shape that broadcasts to the target's and a type that converts to its type.
        operation: The in-place operation's name, for messages.

    Raises:
        ShapeError: The shapes do not fit.
        DtypeError: The type would lose its kind (a float into an integer, a number into a bool).
        GradientError: See `check_writable`.
    """
    if not isinstance(target, TensorBase):
        raise ArgumentTypeError(f"{operation}: only a tensor can be changed in place, not {type(target).__name__}")
    check_writable(target, operation)
    array, values = target._array, source._array
    if values.shape != array.shape and not _broadcasts(values.shape, array.shape):
        raise ShapeError(f"{operation}: a result of shape {values.shape} cannot be put into shape {array.shape}")
    node = tape_of(source)[0]
    if node is not None:
        node.keep_copy(target, Helpers.copy)
    if values.dtype != array.dtype:
        if operation != "copy_" and not keeps_kind(values.dtype, array.dtype):
            raise DtypeError(f"{operation}: a result of type {values.dtype} cannot be put into type {array.dtype}")
        source = Helpers.cast(source, array.dtype)
    if source._array.shape != array.shape:
        source = source.expand(array.shape)  # type: ignore[attr-defined]
    if not isinstance(array, Symbol) and not array.flags.writeable:
        raise ShapeError(
            f"{operation}: this memory cannot be written: several elements of an expanded tensor share one place, or "
            "the array was read-only; use .clone() first"
        )
    if STATE.trace is not None:
        STATE.trace.write(target, source, operation)
        return
    about_to_write(target._storage)
    if target._base is not None:
        _write_view(target, source, operation)
        return
    np.copyto(array, source._array)
    wrote(target._storage, operation)
    if STATE.grad_enabled and (target._node is not None or source.requires_grad):
        target._node, target._index = tape_of(Helpers.copy(source) if source._requires_grad else source)
        target._storage.rebased += 1


def write_arrays(operation: str, *targets: tuple[TensorBase, Array]) -> None:
    """Put arrays of the same shape and type into tensors outside of any gradient.

    Raises:
        GraphError: A program is being traced, which would not see it. Nothing has changed.
    """
    for target, values in targets:
        array = values_of(target, f"the memory, for {operation},")
        about_to_write(target._storage)
        np.copyto(array, values)
        wrote(target._storage, operation)


def _taped_chain(view: TensorBase) -> bool:
    """Whether gradients flow from a view to its base; they do not through `detach`."""
    return all(operation.differentiable for operation, _ in view._chain)


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def _write_view(target: TensorBase, source: TensorBase, operation: str) -> None:
    """Write through a view: its base gets the history of "the base, with the view's part replaced"."""
    base, storage = target._base, target._storage
    if base is None:
        return
    taped = STATE.grad_enabled and _taped_chain(target) and (base.requires_grad or source.requires_grad)
    node = None
    if taped:
        # Taped before the memory changes: the rule needs no values, only where they went.
        node = Binding(view_write, (base, source), {"chain": target._chain}, ((base._array, storage),))
    # What a recording shows as the input is the memory as it was.
    before = make(base._array.copy()) if node is not None and STATE.recording is not None else None
    np.copyto(target._array, source._array)
    wrote(storage, operation)
    if node is not None:
        if before is not None:
            keep_record(node, (before, source), ((base._array, storage),))
        base._node, base._index = node, 0
        storage.rebased += 1


def _replay(xp: Any, x: Any, chain: tuple[tuple[Primitive, dict[str, Any]], ...]) -> Any:
    for operation, settings in chain:
        x = operation.forward(xp, x, **settings)
    return x


def _view_write(xp: Any, base: Any, part: Any, *, chain: tuple[tuple[Primitive, dict[str, Any]], ...]) -> Any:
    """`base` with the part that a chain of views shows replaced by `part`."""
    places = _replay(xp, xp.arange(base.size).reshape(base.shape), chain)
    return xp.scatter_set(base.reshape(-1), places, part).reshape(base.shape)


view_write = Primitive(
    _view_write,
    name="view_write",
    role="splits by place",
    notation="{base} with a part := {part}",
    promote=None,
    samples=lambda rng: [],
)


def _view_write_gradient(g: Any, chain: tuple[tuple[Primitive, dict[str, Any]], ...], part_shape: Any) -> Any:
    part = g
    for operation, settings in chain:
        part = operation.bind(part, **settings)
    rest = view_write.bind(g, make(np.zeros(part_shape, g._array.dtype)), chain=chain)
    return rest, part


view_write.joint_gradient(_view_write_gradient)
view_write.shape(lambda base, part, **_: (base.shape, base.dtype))
