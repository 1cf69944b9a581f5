"""Several tensors made one, one made several, and tensors repeated or padded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.ops.dims import one_dim

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


@primitive(
    role="splits by place",
    notation="cat({tensors})",
    samples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=(1, 3))), {"dim": 0}),
        ((rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(2, 0))), {"dim": 1}),
    ],
)
def _cat(xp: Any, *tensors: Any, dim: int) -> Any:
    return xp.concatenate(tensors, axis=dim)


@primitive(
    role="splits by place",
    notation="stack({tensors})",
    samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"dim": 1})],
)
def _stack(xp: Any, *tensors: Any, dim: int) -> Any:
    return xp.stack(tensors, axis=dim)


@_cat.joint_gradient
def _cat_gradient(g: Any, tensors_shape: Any, needs: Any, dim: int) -> Any:
    grads: list[Any] = []
    start = 0
    for shape, needed in zip(tensors_shape, needs, strict=True):
        stop = start + shape[dim]
        grads.append(g[(*[slice(None)] * dim, slice(start, stop))] if needed else None)
        start = stop
    return grads


@_stack.joint_gradient
def _stack_gradient(g: Any, needs: Any, dim: int) -> Any:
    return [g[(*[slice(None)] * dim, position)] if needed else None for position, needed in enumerate(needs)]


def _listed(tensors: Any, operation: str) -> list[Any]:
    found = list(tensors)
    if not found:
        raise ArgumentError(f"{operation}: expected at least one tensor, got an empty {type(tensors).__name__}")
    for position, x in enumerate(found):
        if not isinstance(x, TensorBase):
            raise ArgumentTypeError(f"{operation}: item {position} is a {type(x).__name__}, expected a tensor")
    return found


def cat(tensors: Sequence["Tensor"], dim: int = 0) -> "Tensor":
    """The tensors one after the other along dimension `dim`; their other sizes are equal.

    One-dimensional tensors of size 0 fit anything, as in PyTorch.

    Raises:
        ShapeError: Sizes differ along another dimension than `dim`.
        ArgumentError: No tensor is given.
    """
    found = _listed(tensors, "cat")
    full = [x for x in found if x._array.shape != (0,)] or found
    return _cat.bind(*full, dim=one_dim(dim, full[0]._array.ndim, "cat"))


concat = concatenate = cat


def stack(tensors: Sequence["Tensor"], dim: int = 0) -> "Tensor":
    """Tensors of one shape joined along a new dimension `dim`.

    Raises:
        ShapeError: The shapes differ.
        ArgumentError: No tensor is given.
    """
    found = _listed(tensors, "stack")
    return _stack.bind(*found, dim=one_dim(dim, found[0]._array.ndim + 1, "stack"))
