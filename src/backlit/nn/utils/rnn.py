"""Sequences of several lengths as one tensor: padded to the longest, or packed step by step."""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError, suggest
from backlit.nn.checks import require_tensors
from backlit.ops import cat, from_numpy, full, stack
from backlit.ops.arrangement import pad
from backlit.ops.tensor import Tensor

__all__ = ["PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence"]


class PackedSequence(NamedTuple):
    """Sequences of several lengths without padding: `pack_padded_sequence` makes them, recurrent layers take them.

    Attributes:
        data: (sum of the lengths, *): the first step of all sequences, longest first, then their second, and so on.
        batch_sizes: (longest), on the CPU: how many sequences have a first step, a second, and so on.
        sorted_indices: (n): which sequences stand first, second, and so on; None: they came sorted.
        unsorted_indices: (n): where each sequence stands; None likewise.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Sequences without what they were filled up with, for a recurrent layer. The lengths are read: not in a trace.

    Args:
        input: (longest, n, *), or (n, longest, *) with `batch_first`.
        lengths: The n lengths, in a tensor or list.
        batch_first: Whether the sequences are the first dimension.
        enforce_sorted: Whether the longest sequence must come first, and so on; without it, they are sorted here.

    Raises:
        ShapeError: The lengths do not fit the input.
        ArgumentError: A length is not positive, or they are not sorted.
        ArgumentTypeError: The lengths are no integers.
    """
    require_tensors("pack_padded_sequence", input=input)
    counts = np.asarray(lengths.tolist() if isinstance(lengths, Tensor) else lengths)
    if counts.dtype.kind not in "iu":
        raise ArgumentTypeError(f"pack_padded_sequence: lengths must be integers, got {counts.dtype}")
    shape = tuple(input.shape)
    longest, n = (shape[1], shape[0]) if batch_first else shape[:2]
    if counts.shape != (n,) or counts.max(initial=0) > longest:
        raise ShapeError(
            f"pack_padded_sequence: got lengths {counts.tolist()} for an input of shape {shape}, expected {n} lengths "
            f"of at most {longest}"
        )
    if counts.min(initial=1) < 1:
        raise ArgumentError(f"pack_padded_sequence: every length must be at least 1, got {counts.tolist()}")
    order = np.argsort(-counts, kind="stable")
    if enforce_sorted and (np.diff(counts) > 0).any():
        raise ArgumentError(
            f"pack_padded_sequence: lengths must be sorted, the longest first, got {counts.tolist()}; pass "
            "enforce_sorted=False"
        )
    steps, ranks = np.nonzero(np.arange(counts.max(initial=0))[:, None] < counts[order])
    places = order[ranks] * longest + steps if batch_first else steps * n + order[ranks]
    data = input.reshape(longest * n, *shape[2:]).index_select(0, from_numpy(places))
    sizes = from_numpy(np.bincount(steps))
    if enforce_sorted:
        return PackedSequence(data, sizes)
    return PackedSequence(data, sizes, from_numpy(order), from_numpy(np.argsort(order)))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """What `pack_padded_sequence` packed, filled up again.

    Args:
        sequence: The packed sequences.
        batch_first: Whether the sequences are to be the first dimension.
        padding_value: What they are filled up with.
        total_length: How long they become; None: as long as the longest.

    Returns:
        (length, n, *), or (n, length, *) with `batch_first`; and the n lengths.

    Raises:
        ArgumentError: `total_length` is less than the longest.
    """
    sizes = np.asarray(sequence.batch_sizes.tolist())
    longest = total_length or len(sizes)
    if longest < len(sizes):
        raise ArgumentError(
            f"pad_packed_sequence: total_length must be at least the longest length, {len(sizes)}, got {total_length}"
        )
    ranks = np.arange(sizes[0]) if sequence.unsorted_indices is None else sequence.unsorted_indices.numpy()
    starts = np.zeros(longest, np.int64)
    starts[1 : len(sizes)] = np.cumsum(sizes)[:-1]
    there = ranks < np.pad(sizes, (0, longest - len(sizes)))[:, None]
    # One row of padding stands after the data, for all that is not there.
    places = np.where(there, starts[:, None] + ranks, sizes.sum())
    rest = tuple(sequence.data.shape[1:])
    rows = cat([sequence.data, full((1, *rest), padding_value, dtype=sequence.data.dtype)])
    if batch_first:
        places = places.T
    padded = rows.index_select(0, from_numpy(places.reshape(-1))).reshape(*places.shape, *rest)
    return padded, from_numpy(there.sum(0))


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (length, *) packed; see `pack_padded_sequence`."""
    padded = pad_sequence(sequences)
    return pack_padded_sequence(padded, [len(sequence) for sequence in sequences], enforce_sorted=enforce_sorted)


def pad_sequence(
    sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences side by side, filled up to the longest.

    Args:
        sequences: Tensors (length, *) of one shape but for their lengths.
        batch_first: Whether the sequences are the first dimension.
        padding_value: What they are filled up with.
        padding_side: "right" or "left".

    Returns:
        (longest, n, *), or (n, longest, *) with `batch_first`.

    Raises:
        ArgumentError: There is no sequence, or no such side.
        ShapeError: The shapes differ in more than their lengths.
    """
    for position, sequence in enumerate(sequences):
        require_tensors("pad_sequence", **{f"sequences[{position}]": sequence})
    if not len(sequences):
        raise ArgumentError("pad_sequence: there is no sequence")
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"pad_sequence: unknown side {padding_side!r}{suggest(padding_side, ('left', 'right'))}")
    shapes = [tuple(sequence.shape) for sequence in sequences]
    if not shapes[0] or len({shape[1:] for shape in shapes}) > 1:
        raise ShapeError(f"pad_sequence: expected shapes that are alike but for their lengths, got {shapes}")
    longest = max(shape[0] for shape in shapes)
    rest = [0, 0] * (len(shapes[0]) - 1)
    filled = []
    for sequence, (length, *_) in zip(sequences, shapes, strict=True):
        short = longest - length
        filled.append(pad(sequence, [*rest, *((short, 0) if padding_side == "left" else (0, short))], padding_value))
    return stack(filled, 0 if batch_first else 1)


answer_at(globals(), __all__)


def __getattr__(name: str) -> NoReturn:
    raise missing_name("nn.utils.rnn", name, __all__)
