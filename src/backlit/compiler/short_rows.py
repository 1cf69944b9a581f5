"""Steps along the short rows of a matrix: a vector of rows at a time, its columns one after the other.

A sum along the rows is then a sum of vectors, and what a step finds is in registers when the next one wants it.
"""

from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import number
from backlit.compiler.elementwise import kinds
from backlit.compiler.kernels import FEW_COLUMNS, KernelEmitter
from backlit.compiler.squares import butterfly, first_lanes, rows_of


def emit_short_rows(k: KernelEmitter) -> None:
    """Emit the loop over vectors of rows."""
    (rows,) = k.kernel.shape
    lanes = k.lanes(rows, kinds(k, k.kernel.roots))
    first, last = k.share(k.size(rows))

    def turn(i: Any) -> None:
        k.fresh()
        k.code.lanes = lanes
        if lanes > 1:
            # One body for whole vectors and for the rest: written twice, it would take twice as long to compile.
            k.mask = k.builder.icmp_signed("<", k.code.steps(), k.code.splat(k.builder.sub(last, i)))
            k.span = (i, last)
        row = (i, k.code.lanes > 1)
        found = []
        for root in k.kernel.roots:
            shape = k.steps[root].shape
            places = [(row,)] if len(shape) == 1 else [(row, (number(c), False)) for c in range(shape[1])]
            found.append([(place, k.value(root, place)) for place in places])
        for root, values in zip(k.kernel.roots, found, strict=True):
            if lanes == 1 or len(k.steps[root].shape) == 1:
                for place, value in values:
                    k.store(root, place, value)
            else:
                store = _store_rows if len(values) > FEW_COLUMNS else _store_few
                store(k, root, [value for _, value in values])
        k.mask = None

    k.loop(first, last, lanes, turn)
    k.fresh()


def _store_few(k: KernelEmitter, root: int, columns: list[Any]) -> None:
    """Write the few columns of a vector of rows, whose rows lie together in few vectors."""
    mask, width = k.mask, len(columns)
    for place, vector in zip(k.together(width), rows_of(k.builder, columns, k.code.lanes), strict=True):
        k.store(root, ((number(0), False), (place, True)), vector)
    k.mask = mask


def _store_rows(k: KernelEmitter, root: int, columns: list[Any]) -> None:
    """Write the columns of a vector of rows, turned into rows."""
    b, lanes, mask = k.builder, k.code.lanes, k.mask
    nothing = ir.Constant(columns[0].type, ir.Undefined)
    for first in range(0, len(columns), lanes):
        block = columns[first : first + lanes]
        k.mask = first_lanes(lanes, len(block))
        rows = butterfly(b, block + [nothing] * (lanes - len(block)), lanes)
        # Lanes beyond the end come first: they are written in the place of the last row.
        for place, row in reversed([*zip(k.lane_rows(), rows, strict=True)]):
            k.store(root, ((place, False), (number(first), True)), row)
    k.mask = mask
