"""Steps along the short rows of a matrix: a vector of rows at a time, its columns one after the other.

A sum along the rows is then a sum of vectors, and what a step finds is in registers when the next one wants it.
"""

from typing import Any

import llvmlite.ir as ir

from backlit.compiler.elementwise import kinds
from backlit.compiler.frame import number, number32
from backlit.compiler.kernels import FEW_COLUMNS, KernelEmitter
from backlit.compiler.squares import butterfly, first_lanes


def emit_short_rows(k: KernelEmitter) -> None:
    """Emit the loop over vectors of rows."""
    (rows,) = k.kernel.shape
    lanes = k.lanes(rows, kinds(k, k.kernel.roots))

    def turn(i: Any) -> None:
        k.fresh()
        row = (i, k.code.lanes > 1)
        found = []
        for root in k.kernel.roots:
            shape = k.steps[root].shape
            places = [(row,)] if len(shape) == 1 else [(row, (number(c), False)) for c in range(shape[1])]
            found.append([(place, k.value(root, place)) for place in places])
        for root, values in zip(k.kernel.roots, found, strict=True):
            if len(values) > FEW_COLUMNS and k.code.lanes > 1:
                _store_rows(k, root, i, [value for _, value in values])
            else:
                for place, value in values:
                    k.store(root, place, value)

    k.vectors(rows, lanes, turn, *k.share(k.size(rows)))


def _store_rows(k: KernelEmitter, root: int, i: Any, columns: list[Any]) -> None:
    """Write the columns of a vector of rows from row `i` on, turned into rows."""
    b, lanes, mask = k.builder, k.code.lanes, k.mask
    nothing, flags = ir.Constant(columns[0].type, ir.Undefined), ir.VectorType(ir.IntType(1), lanes)
    for first in range(0, len(columns), lanes):
        block = columns[first : first + lanes]
        inside = first_lanes(lanes, len(block))
        rows = butterfly(b, block + [nothing] * (lanes - len(block)), lanes)
        for lane, row in enumerate(rows):
            k.mask = inside
            if mask is not None:
                whole = ir.Constant(flags, [1] * lanes) if inside is None else inside
                exists = b.extract_element(mask, number32(lane))
                k.mask = b.select(exists, whole, ir.Constant(flags, [0] * lanes))
            k.store(root, ((k.plus(i, number(lane)), False), (number(first), True)), row)
    k.mask = mask
