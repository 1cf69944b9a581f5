"""Products with the transpose of a large matrix, computed as the transpose of the product.

The rows of the large matrix, such as a layer's weights, are read where they lie, each thread's own; what is copied in
panels are the rows of the batch. A tile's sums are turned over in registers before what follows is computed on them.
"""

import math
from collections.abc import Callable
from typing import Any

from backlit.compiler.blocks import CopyingProduct
from backlit.compiler.calling import number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.panels import Panels
from backlit.compiler.squares import first_lanes
from backlit.compiler.values import item_size

# The fewest lanes of half a vector.
_FEWEST = 4


class TurnedProduct(CopyingProduct):
    """Emits one product kernel; every thread has copies of its own."""

    def __init__(self, k: KernelEmitter) -> None:
        super().__init__(k)
        lanes = k.width // item_size(self.kind)
        self.whole = Panels(k, self.kind, lanes, self.height)
        self.half = Panels(k, self.kind, max(lanes // 2, _FEWEST), self.height)

    def emit(self) -> None:
        """Emit the copies and the loops over all blocks and tiles."""
        k, b = self.k, self.b
        self.turned = self.beside_copy()
        self.sums = self._at(self.turned, number(self.height * self.columns))
        low, high = k.share(number(math.ceil(self.n / self.height)))
        self.low, self.high = (b.mul(band, number(self.height)) for band in (low, high))
        end = k.size(self.m)
        k.loop(
            number(0), end, self.columns, lambda i: self._block_of_rows(i, k.least(b.add(i, number(self.columns)), end))
        )

    def _block_of_rows(self, start: Any, stop: Any) -> None:
        """This thread's columns of some rows, in blocks of the inner dimension."""
        k, b = self.k, self.b

        def block(t: Any) -> None:
            after = k.least(b.add(t, number(self.depth)), number(self.inner))
            self._panels(start, stop, lambda i, wide: self._copy(i, wide, start, stop, t, after))
            whole = self.n // self.height * self.height

            def band(j: Any, mask: Any) -> None:
                self._panels(start, stop, lambda i, wide: self._tile_of_block(i, wide, j, mask, start, stop, t, after))

            k.loop(self.low, k.least(self.high, number(whole)), self.height, lambda j: band(j, None))
            if whole < self.n:
                with b.if_then(b.icmp_signed(">", self.high, number(whole))):
                    band(number(whole), first_lanes(self.height, self.n - whole))

        k.loop(number(0), number(self.inner), self.depth, block)

    def _panels(self, start: Any, stop: Any, body: Callable[[Any, Any], None]) -> None:
        """Go through the rows in panels of two vectors, or where fewer are left over, of one or of half a one."""
        b, one, half = self.b, self.whole.lanes, self.half.lanes

        def wide(i: Any) -> Any:
            left_over = b.sub(stop, i)
            narrow = b.select(b.icmp_signed(">", left_over, number(half)), number(one), number(half))
            return b.select(b.icmp_signed(">", left_over, number(2 * one - half)), number(2 * one), narrow)

        self.k.loop(start, stop, wide, lambda i: body(i, wide(i)))

    def _fitting(self, wide: Any, call: Callable[[Panels, int], None]) -> None:
        """Call with the vectors of a panel of so many rows, and how many there are."""
        b, one = self.b, number(self.whole.lanes)
        with b.if_else(b.icmp_signed("<", wide, one)) as (few, many):
            with few:
                call(self.half, 1)
            with many, b.if_else(b.icmp_signed("==", wide, one)) as (single, two):
                with single:
                    call(self.whole, 1)
                with two:
                    call(self.whole, 2)

    def _copy(self, i: Any, wide: Any, start: Any, stop: Any, begin: Any, end: Any) -> None:
        """Copy a panel of the batch's rows."""
        k, b, found = self.k, self.b, self.left
        place = b.add(k.size(found.offset), b.add(k.times(i, found.strides[-2]), begin))
        source, left_over = self._at(k.pointer(k.plan.memory[found.number]), place), b.sub(stop, i)
        sizes = [k.least(left_over, wide), b.sub(end, begin), k.size(found.strides[-2]), number(self.depth), wide]
        b.call(self.half.turned_panels(self.inner % self.half.lanes != 0), [source, self._panel(i, start), *sizes])

    def _tile_of_block(self, i: Any, wide: Any, j: Any, mask: Any, start: Any, stop: Any, t: Any, after: Any) -> None:
        """Add up one tile over a block; what follows is computed after the last."""
        k, b, found, height = self.k, self.b, self.right, self.height
        k.code.lanes = height
        stride = k.size(found.strides[-1])
        begin = b.add(k.size(found.offset), b.add(b.mul(j, stride), t))
        band = self._at(k.pointer(k.plan.memory[found.number]), begin)
        there = k.least(b.sub(number(self.n), j), number(height))
        sums = self.sums
        if self.inner > self.depth:
            # From one block to the next they have to wait.
            sums = self._at(sums, b.add(b.mul(j, number(self.columns)), b.mul(b.sub(i, start), number(height))))
        is_last = b.icmp_signed("==", after, number(self.inner))

        def add(panels: Panels, width: int) -> None:
            sizes = [b.sub(after, t), t, stride, there]
            b.call(panels.tile(width, in_rows=True), [band, self._panel(i, start), sums, *sizes])

        self._fitting(wide, add)
        with b.if_then(is_last):
            b.call(self.half.turn(), [sums, self.turned, wide])
            self._use(height)
            most, top = 2 * self.whole.lanes, k.least(b.add(i, wide), stop)
            self.finish_rows([], i, j, most, [mask], top, lambda v: self._at(self.turned, b.mul(v, number(height))))
