"""Steps along the short rows of a matrix: a vector of rows at a time, its columns one after the other.

A sum along the rows is then a sum of vectors, and what a step finds is in registers when the next one wants it.
"""

from typing import Any

from backlit.compiler.elementwise import kinds
from backlit.compiler.frame import Index, number
from backlit.compiler.kernels import KernelEmitter


def emit_short_rows(k: KernelEmitter) -> None:
    """Emit the loop over vectors of rows."""
    (rows,) = k.kernel.shape
    lanes = k.lanes(rows, kinds(k, k.kernel.roots))

    def places(root: int, row: tuple[Any, bool]) -> list[Index]:
        shape = k.steps[root].shape
        return [(row,)] if len(shape) == 1 else [(row, (number(c), False)) for c in range(shape[1])]

    def turn(i: Any) -> None:
        k.fresh()
        row = (i, k.code.lanes > 1)
        found = [(root, index, k.value(root, index)) for root in k.kernel.roots for index in places(root, row)]
        for root, index, value in found:
            k.store(root, index, value)

    k.vectors(rows, lanes, turn, *k.share(k.size(rows)))
