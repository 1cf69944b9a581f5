"""Products of matrices in register tiles.

A tile of the result, up to 8 rows by 2 vectors, is held in registers while the inner dimension goes by: each step loads
two vectors of the second matrix and multiplies them by 8 single numbers of the first. What follows the product (bias,
activation, the optimizer's update) is computed on the tile before it reaches memory. Tiles of fewer rows are wider.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

from backlit.compiler.calling import number
from backlit.compiler.costs import TALL, Share
from backlit.compiler.elementwise import emit_roots
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.squares import first_lanes
from backlit.compiler.tiles import Loader, summed
from backlit.compiler.values import item_size

# Vectors side by side in tiles of few rows, so that enough sums are under way at once; and in taller ones.
_WIDE_OF_FEW, _WIDE = {1: 6, 2: 4, 3: 4, 4: 4}, 2


class Product:
    """Emits one product kernel, whose tiles read the matrices where they are."""

    def __init__(self, k: KernelEmitter) -> None:
        self.k, self.b = k, k.builder
        step = k.steps[k.core]
        self.kind = step.dtype
        self.left, self.right = (k.reach(a) for a in step.args)
        self.batch, (self.m, self.n) = step.shape[:-2], step.shape[-2:]
        self.inner = k.steps[step.args[0]].shape[-1]
        self.height = k.way.height
        # Of the inner dimension, the part that is summed up: the rows that are this thread's own, or all.
        self.summed = k.own_rows() if k.way.share is Share.PARTS else (number(0), k.size(self.inner))
        self._rooms: dict[int, Any] = {}
        self._use(k.lanes(self.n, {self.kind}))

    def wide(self, height: int) -> int:
        """Vectors side by side in a tile of so many rows."""
        return 1 if not isinstance(self.n, int) or self.n <= self.lanes else _WIDE_OF_FEW.get(height, _WIDE)

    def emit(self) -> None:
        """Emit the loops over all tiles."""
        k = self.k
        k.nest(self.batch, self._bands, k.share(k.size(self.batch[0])) if self.batch else None)

    def _bands(self, outer: list[Any]) -> None:
        """All bands of rows of one pair of matrices."""
        k, b = self.k, self.b
        first, last = self.rows_of_thread(shared=not self.batch)
        if isinstance(self.m, int):
            self._down(outer, first, last, self.height, exact=self.m % self.height == 0)
        elif self.height in _WIDE_OF_FEW:
            with b.if_else(b.icmp_signed("<=", k.rows, number(self.height))) as (few, many):
                with few:
                    self._down(outer, first, last, self.height)
                with many:
                    self._down(outer, first, last, TALL)
        elif k.plan.program.writes:
            self._down(outer, first, last, self.height)
        else:
            # Few rows that are left over, and batches of few rows, go one by one.
            rest = b.srem(b.sub(last, first), number(self.height))
            few = b.icmp_signed("<=", rest, number(2))
            stop = b.select(few, b.sub(last, rest), last)
            k.loop(first, stop, self.height, lambda i: self._across(outer, i, self.height, last))
            with b.if_then(few):
                self._down(outer, stop, last, 1, exact=True)

    def _down(self, outer: list[Any], first: Any, last: Any, height: int, exact: bool = False) -> None:
        """Bands of so many rows; where that is not exact, the last of them repeats the last row."""
        self.k.loop(first, last, height, lambda i: self._across(outer, i, height, None if exact else last))

    def rows_of_thread(self, shared: bool) -> tuple[Any, Any]:
        """The rows of this thread, in whole bands."""
        k, b = self.k, self.b
        size = k.size(self.m)
        if not shared or k.way.across:
            return number(0), size
        if k.way.share is not Share.SPREAD:
            return k.share(size)
        height = number(self.height)
        low, high = k.share(b.sdiv(b.add(size, number(self.height - 1)), height))
        last = b.mul(high, height)
        return b.mul(low, height), b.select(b.icmp_signed("<", last, size), last, size)

    def _across(self, outer: list[Any], i: Any, height: int, top: Any) -> None:
        """All tiles of a band of rows; `top` is the end of the rows where the band may go beyond it."""
        k, b = self.k, self.b
        plain = [(o, False) for o in outer]
        rows = [i if r == 0 else b.add(i, number(r)) for r in range(height)]
        if top is not None:
            rows = [b.select(b.icmp_signed("<", r, top), r, b.sub(top, number(1))) for r in rows]
        starts = [
            k.address((*plain, (r, False), (number(0), False)), self.left.strides, self.left.offset)[0] for r in rows
        ]

        def left(r: int, t: Any) -> Any:
            place = b.add(starts[r], k.times(t, self.left.strides[-1]))
            return k.load(k.plan.memory[self.left.number], self.kind, place, 0)

        def tile(j: Any, masks: list[Any]) -> None:
            self._tile(plain, i, j, height, masks, top, left, self.second(plain, j, masks))

        self._columns(self.wide(height), tile)

    def second(self, plain: list[Any], j: Any, masks: list[Any]) -> Loader:
        """Loads vectors of the second matrix from memory."""
        k, b = self.k, self.b
        places = [j if v == 0 else b.add(j, number(v * self.lanes)) for v in range(len(masks))]
        origins = [
            k.address((*plain, (number(0), False), (c, False)), self.right.strides, self.right.offset)[0]
            for c in places
        ]

        def load(v: int, t: Any) -> Any:
            k.mask = masks[v]
            place = b.add(origins[v], k.times(t, self.right.strides[-2]))
            found = k.load(k.plan.memory[self.right.number], self.kind, place, 1 if self.lanes > 1 else 0)
            k.mask = None
            return found

        return load

    def _columns(self, wide: int, tile: Callable[[Any, list[Any]], None]) -> None:
        """Go through the columns, `wide` vectors at a time; what is left over has narrower tiles and vectors."""
        k, b, lanes = self.k, self.b, self.lanes
        k.code.lanes = lanes
        if not isinstance(self.n, int):

            def masked(j: Any) -> None:
                k.code.lanes = lanes
                left_over = k.code.splat(b.sub(k.size(self.n), j))
                tile(j, [b.icmp_signed("<", k.code.steps(), left_over) if lanes > 1 else None])

            k.loop(number(0), k.size(self.n), lanes, masked)
            return
        block = wide * lanes
        whole = self.n // block * block
        low, high = self.own_columns(block)
        k.loop(low, k.least(high, number(whole)), block, lambda j: tile(j, [None] * wide))
        if whole < self.n:
            with b.if_then(b.icmp_signed("==", high, number(self.n))):
                for start, narrow, masks in self._left_over(whole):
                    self._use(narrow)
                    tile(number(start), masks)
        self._use(lanes)

    def own_columns(self, panel: int) -> tuple[Any, Any]:
        """The columns of this thread, in whole panels."""
        k, b = self.k, self.b
        if not k.way.across:
            return number(0), number(self.n)
        low, high = k.share(number(math.ceil(self.n / panel)))
        return b.mul(low, number(panel)), k.least(b.mul(high, number(panel)), number(self.n))

    def _use(self, lanes: int) -> None:
        """Compute on vectors of so many lanes from here on."""
        self.lanes = self.k.code.lanes = lanes
        self.vector = self.k.code.type(self.kind)
        if lanes not in self._rooms:
            most = max(height * self.wide(height) for height in (self.height, TALL))
            self._rooms[lanes] = self.k.head.alloca(self.vector, most)

    def _left_over(self, start: int) -> Iterator[tuple[int, int, list[Any]]]:
        """The last tiles of a band: where they begin, the lanes of their vectors, and masks.

        A few columns in a vector of their own would cost as much as a whole one.
        """
        part = (self.n - start) % self.lanes
        narrow = 2 ** (part - 1).bit_length() if part else 0
        beside = 0 < narrow < self.lanes
        together = self.n - start - part * beside
        if together:
            yield start, self.lanes, self.masks(together)
        if beside:
            yield start + together, narrow, [first_lanes(narrow, part)]

    def masks(self, count: int) -> list[Any]:
        """Masks of the vectors that hold so many columns; None for whole ones."""
        whole, part = divmod(count, self.lanes)
        masks: list[Any] = [None] * whole
        return [*masks, first_lanes(self.lanes, part)] if part else masks

    # -- one tile ----------------------------------------------------------------------------------------------------

    def _tile(
        self, plain: list[Any], i: Any, j: Any, height: int, masks: list[Any], top: Any, left: Loader, right: Loader
    ) -> None:
        """Sum up one tile and compute what follows."""
        k, width = self.k, len(masks)
        k.code.lanes = self.lanes
        initial = [k.code.constant(0, self.kind)] * (height * width)
        results = summed(k.code, self.kind, height, width, left, right, *self.summed, initial)
        self.complete(plain, i, j, height, masks, top, results)

    def complete(
        self, plain: list[Any], i: Any, j: Any, height: int, masks: list[Any], top: Any, results: list[Any]
    ) -> None:
        """Compute what follows the sums of a tile."""
        b = self.b
        if height == 1:
            self._finish(plain, i, j, masks, results)
            return
        # Through the stack, so that what follows is emitted once and not for every row of the tile.
        for place, result in enumerate(results):
            b.store(result, self._slot(number(place)), align=item_size(self.kind))
        self.finish_rows(plain, i, j, height, masks, top, self._slot)

    def finish_rows(
        self, plain: list[Any], i: Any, j: Any, height: int, masks: list[Any], top: Any, slot: Callable[[Any], Any]
    ) -> None:
        """Compute what follows the sums of a tile that are in memory; `slot` says where its vectors are."""
        k, b, width = self.k, self.b, len(masks)
        stop: Any = number(height)
        if top is not None:
            left_over = b.sub(top, i)
            stop = b.select(b.icmp_signed("<", left_over, stop), left_over, stop)

        def row(r: Any) -> None:
            slots = [slot(b.add(b.mul(r, number(width)), number(v))) for v in range(width)]
            values = [b.load(slot, typ=self.vector, align=item_size(self.kind)) for slot in slots]
            self._finish(plain, b.add(i, r), j, masks, values)

        k.loop(number(0), stop, 1, row)

    def _slot(self, place: Any) -> Any:
        return self.b.gep(self._rooms[self.lanes], [place], source_etype=self.vector)

    def _finish(self, plain: list[Any], row: Any, j: Any, masks: list[Any], values: list[Any]) -> None:
        """Compute and store what follows the product, for one row of a tile."""
        k, b = self.k, self.b
        for v, (mask, value) in enumerate(zip(masks, values, strict=True)):
            k.fresh()
            k.mask = mask
            column = j if v == 0 else b.add(j, number(v * self.lanes))
            index = (*plain, (row, False), (column, self.lanes > 1))
            if k.way.share is Share.PARTS:
                k.put_part(index, value)
                continue
            k.hold(k.core, index, value)
            if k.plan.stores.get(k.core):
                k.store(k.core, index, value)
            emit_roots(k, index)
        k.mask = None
