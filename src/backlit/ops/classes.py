"""Classes as vectors: rows of a table, and one-hot codes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.core.tensor_base import no_program
from backlit.errors import ArgumentError, IndexRangeError, ShapeError
from backlit.ops.gathering import check_index
from backlit.ops.indexing import pick_adjoint
from backlit.ops.masking import masked_fill

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["embedding", "one_hot"]


@primitive(
    role="passes on to the rows picked, adding up",
    notation="{weight}[{index}]",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), np.array([[3, 0], [0, 1]])), {"padding_idx": None}),
        ((rng.normal(size=(4, 3)), np.array([2, 2])), {"padding_idx": 3}),
    ],
)
def _embedding(xp: Any, weight: Any, index: Any, *, padding_idx: int | None) -> Any:
    return xp.take(weight, index, axis=0)


def _embedding_gradient(g: Any, index: Any, weight_shape: Any, padding_idx: int | None) -> Any:
    if padding_idx is not None:
        g = masked_fill(g, (index == padding_idx).unsqueeze(-1), 0)
    return pick_adjoint.bind(g, index, dim=0, shape=weight_shape)


_embedding.gradient(weight=_embedding_gradient)


def embedding(input: "Tensor", weight: "Tensor", padding_idx: int | None = None) -> "Tensor":
    """The rows of `weight` that `input` names.

    Args:
        input: Integers of any shape (*), 0 to num_embeddings - 1.
        weight: (num_embeddings, embedding_dim).
        padding_idx: A row that gets no gradient; negative numbers count from the end.

    Returns:
        (*, embedding_dim).

    Raises:
        IndexRangeError: A number in `input`, or `padding_idx`, names no row.
        ShapeError: `weight` is not a matrix.
    """
    shape = weight._array.shape
    if len(shape) != 2:
        raise ShapeError(f"embedding: weight must be (num_embeddings, embedding_dim), got shape {shape}")
    if padding_idx is not None:
        if not -shape[0] <= padding_idx < shape[0]:
            raise IndexRangeError(f"embedding: padding_idx {padding_idx} names none of the {shape[0]} rows")
        padding_idx %= shape[0]
    check_index(input, shape[0], "embedding")
    return _embedding.bind(weight, input, padding_idx=padding_idx)


@primitive(
    role="stops",
    notation="one_hot({x})",
    promote=None,
    samples=lambda rng: [((np.array([[2, 0], [1, 1]]),), {"num_classes": 4})],
)
def _one_hot(xp: Any, x: Any, *, num_classes: int) -> Any:
    return xp.equal(x[..., None], xp.arange(num_classes)).astype(xp.int64)


def one_hot(tensor: "Tensor", num_classes: int = -1) -> "Tensor":
    """Class numbers as vectors that are 1 at the class and 0 elsewhere.

    Args:
        tensor: Integers of any shape (*), 0 to num_classes - 1.
        num_classes: Number of classes; -1 means one more than the largest class that occurs.

    Returns:
        (*, num_classes) in int64.

    Raises:
        IndexRangeError: A class is out of range; the message names it.
        ArgumentError: The number of classes is not positive, or cannot be read off an empty tensor.
    """
    if num_classes == -1:
        check_index(tensor, np.iinfo(np.int64).max, "one_hot", "class")
        if not tensor._array.size:
            raise ArgumentError("one_hot: an empty tensor does not tell the number of classes; pass num_classes")
        if STATE.trace is not None:
            raise no_program("one_hot: the number of classes depends on values that no trace knows; pass num_classes=")
        num_classes = int(tensor._array.max()) + 1
    if num_classes < 1:
        raise ArgumentError(f"one_hot: num_classes must be positive or -1, got {num_classes}")
    check_index(tensor, num_classes, "one_hot", "class")
    return _one_hot.bind(tensor, num_classes=num_classes)
