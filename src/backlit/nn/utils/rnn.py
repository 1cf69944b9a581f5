"""Sequences of several lengths as one tensor."""

from collections.abc import Sequence
from typing import NoReturn

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.errors import ArgumentError, ShapeError, suggest
from backlit.nn.checks import require_tensors
from backlit.ops import stack
from backlit.ops.arrangement import pad
from backlit.ops.tensor import Tensor

__all__ = ["pad_sequence"]


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
