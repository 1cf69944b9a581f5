"""What stands between the brackets of `x[...]`, taken apart: a basic key for a view, and index tensors."""

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase, no_program
from backlit.errors import IndexRangeError
from backlit.ops.creation import tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from backlit.ops.tensor import Tensor

# Slices can be hashed only from Python 3.12 on, so a key holds them as (start, stop, step).
Key = tuple[Any, ...]
# Dimensions, and the index tensors that pick from them.
Picks = list[tuple[int, Any]]


def as_index(entry: Any) -> Any:
    """The tensor meant by an index that is a tensor, an array or a sequence."""
    if not isinstance(entry, TensorBase):
        try:
            array = np.asarray(entry)
        except ValueError:
            raise IndexRangeError(f"an index must be a sequence of one shape, got {entry!r}") from None
        empty = array.size == 0 and array.dtype.kind == "f"
        if array.dtype.kind in "iub" or empty:
            return tensor(array.astype(np.int64) if empty else array)
        raise IndexRangeError(f"indices must be integers or booleans, got {entry!r} of type {array.dtype}")
    if entry._array.dtype.kind not in "iub":
        raise IndexRangeError(f"indices must be integers or booleans, got a tensor of type {entry._array.dtype}")
    return entry


def _is_integer(entry: Any) -> bool:
    return hasattr(entry, "__index__") and not isinstance(entry, (bool, np.ndarray, TensorBase))


def _number(entry: Any) -> int | None:
    return None if entry is None else operator.index(entry)


def split_key(key: Any, shape: tuple[int, ...]) -> tuple[Key, Picks]:
    """Take a key apart: a basic key, and (dimension of what that leaves, index tensor) for the rest.

    Raises:
        IndexRangeError: An index is of no kind that can index, there are too many, or a mask does not fit.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    taken = 0
    for position, entry in enumerate(entries):
        if entry is None or entry is Ellipsis or isinstance(entry, slice):
            taken += isinstance(entry, slice)
        elif isinstance(entry, (bool, np.bool_)):
            entries[position] = bool(entry)
        elif _is_integer(entry):
            entries[position] = operator.index(entry)
            taken += 1
        else:
            index = as_index(entry)
            mask = index._array.dtype.kind == "b"
            taken += index._array.ndim if mask else 1
            scalar = not mask and index._array.ndim == 0 and STATE.trace is None
            # What an array's mask picks is known also while a program is traced.
            known = mask and not isinstance(entry, TensorBase)
            entries[position] = int(index._array) if scalar else np.asarray(entry) if known else index
    if taken > len(shape):
        raise IndexRangeError(f"too many indices: {taken} for a tensor of shape {shape}")
    if sum(entry is Ellipsis for entry in entries) > 1:
        raise IndexRangeError("an index can have only one Ellipsis (...)")
    basic: list[Any] = []
    picks: Picks = []
    place = source = 0
    for entry in entries:
        if entry is None:
            basic.append(None)
            place += 1
        elif entry is Ellipsis:
            basic.append(entry)
            place += len(shape) - taken
            source += len(shape) - taken
        elif isinstance(entry, slice):
            try:
                basic.append((_number(entry.start), _number(entry.stop), _number(entry.step)))
            except TypeError:
                raise IndexRangeError(f"slice bounds must be integers or None, got {entry}") from None
            place += 1
            source += 1
        elif isinstance(entry, bool):
            # All or nothing of a new dimension.
            basic.append(None)
            picks.append((place, as_index([0] if entry else [])))
            place += 1
        elif isinstance(entry, int):
            basic.append(entry)
            source += 1
        elif isinstance(entry, np.ndarray) or entry._array.dtype.kind == "b":
            found = _unmask(entry, shape, source)
            # A mask without dimensions picks from a new dimension, as True and False do.
            basic += [(None, None, None)] * entry.ndim or [None]
            picks += [(place + offset, index) for offset, index in enumerate(found)]
            place += len(found)
            source += entry.ndim
        else:
            basic.append((None, None, None))
            picks.append((place, entry))
            place += 1
            source += 1
    if Ellipsis not in basic:
        basic.append(Ellipsis)
    return tuple(basic), picks


def check_mask(own: tuple[int, ...], shape: tuple[int, ...], source: int) -> None:
    """Raise unless a mask of shape `own` fits the dimensions from `source` on of a tensor of shape `shape`.

    Raises:
        IndexRangeError: It does not.
    """
    if own != shape[source : source + len(own)]:
        raise IndexRangeError(
            f"a mask of shape {own} does not fit dimensions {source} to {source + len(own) - 1} of a tensor of "
            f"shape {shape}"
        )


def _unmask(mask: "Tensor | NDArray[np.bool_]", shape: tuple[int, ...], source: int) -> list["Tensor"]:
    """A mask as one index tensor for each of its dimensions."""
    own = tuple(mask.shape)
    check_mask(own, shape, source)
    if isinstance(mask, np.ndarray):
        return [as_index(places) for places in mask.reshape(own or 1).nonzero()]
    if STATE.trace is not None:
        raise no_program(
            "indexing with a mask: how many elements it picks depends on values, so a program that does it cannot be "
            "traced; keep all elements, as with backlit.where(mask, x, 0) or x * mask, or index outside"
        )
    if not own:
        return [places_of.bind(mask.reshape(1))[:, 0]]
    found = places_of.bind(mask)
    return [found[:, d] for d in range(len(own))]


@primitive(
    name="nonzero",
    role="stops",
    notation="nonzero({x})",
    promote=None,
    dynamic=True,
    samples=lambda rng: [((np.array([[0.0, 2.0], [1.0, 0.0]]),), {}), ((np.array([0, 3, 0]),), {})],
)
def places_of(xp: Any, x: Any) -> Any:
    """The places of the elements that are not zero, one a row."""
    return xp.argwhere(x)
