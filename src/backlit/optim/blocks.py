"""Large arrays in pieces, so that an update of many passes finds its operands in the processor's cache."""

from collections.abc import Sequence
from typing import Any

import numpy as np

BLOCK = 1 << 16


def blocks(*arrays: Any) -> Sequence[Sequence[Any]]:
    """The same piece of each array, for one piece after the other.

    Args:
        *arrays: Arrays of one shape, the last of which is only read; None stays None.

    Returns:
        Views of at most `BLOCK` elements; the arrays themselves where they are small, or cannot be seen as vectors.
    """
    first = arrays[0]
    if first.size <= BLOCK or not all(a is None or a.flags.c_contiguous for a in arrays[:-1]):
        return (arrays,)
    vectors = [a if a is None else np.ascontiguousarray(a).reshape(-1) for a in arrays]
    return [[v if v is None else v[i : i + BLOCK] for v in vectors] for i in range(0, first.size, BLOCK)]
