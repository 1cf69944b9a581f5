"""Products with the transpose of a large matrix, computed as the transpose of the product.

The rows of the large matrix, such as a layer's weights, are read where they lie, each thread's own; what is copied in
panels are the rows of the batch. A tile's sums are turned over in registers before what follows is computed on them.
"""

import math
from typing import Any

from backlit.compiler.calling import BYTE, I64, number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.panels import Panels
from backlit.compiler.products import Product
from backlit.compiler.squares import first_lanes
from backlit.compiler.values import item_size, scalar_type

# Vectors side by side in a panel of the batch's rows; the last has one where that is enough.
_WIDE = 2


class TurnedProduct(Product):
    """Emits one product kernel; every thread has copies of its own."""

    def __init__(self, k: KernelEmitter) -> None:
        super().__init__(k)
        if k.way.block is None:
            raise ValueError("a product without blocks is no turned product")
        self.depth, self.rows = k.way.block
        self.element, self.end = scalar_type(self.kind), k.size(self.inner)
        lanes = k.width // item_size(self.kind)
        self.panel = _WIDE * lanes
        self.shared = Panels(k, self.kind, lanes, self.height)

    def emit(self) -> None:
        """Emit the copies and the loops over all blocks and tiles."""
        k, b = self.k, self.b
        room = b.mul(k.thread, b.load(k.fixed(b, ("scratch", 1)), typ=I64))
        self.copies = b.gep(k.pointer(("scratch", 0)), [room], source_etype=BYTE)
        self.sums = self._at(self.copies, number(self.depth * self.rows))
        low, high = k.share(number(math.ceil(self.n / self.height)))
        self.low, self.high = (b.mul(band, number(self.height)) for band in (low, high))
        end = k.size(self.m)
        k.loop(number(0), end, self.rows, lambda i: self._block_of_rows(i, k.least(b.add(i, number(self.rows)), end)))

    def _block_of_rows(self, start: Any, stop: Any) -> None:
        """This thread's columns of some rows, in blocks of the inner dimension."""
        k, b = self.k, self.b

        def block(t: Any) -> None:
            after = k.least(b.add(t, number(self.depth)), self.end)
            k.loop(start, stop, self.panel, lambda i: self._copy(i, start, stop, t, after))
            whole = self.n // self.height * self.height

            def band(j: Any, mask: Any) -> None:
                k.loop(start, stop, self.panel, lambda i: self._tile_of_block(i, j, mask, start, stop, t, after))

            k.loop(self.low, k.least(self.high, number(whole)), self.height, lambda j: band(j, None))
            if whole < self.n:
                with b.if_then(b.icmp_signed(">", self.high, number(whole))):
                    band(number(whole), first_lanes(self.height, self.n - whole))

        # Once even where there is nothing to add up: the sums are zeros then.
        once = b.select(b.icmp_signed(">", self.end, number(0)), self.end, number(1))
        k.loop(number(0), once, self.depth, block)

    def _copy(self, i: Any, start: Any, stop: Any, begin: Any, end: Any) -> None:
        """Copy a panel of the batch's rows."""
        k, b, found = self.k, self.b, self.left
        place = b.add(k.size(found.offset), b.add(k.times(i, found.strides[-2]), begin))
        source, left_over = self._at(k.pointer(k.plan.memory[found.number]), place), b.sub(stop, i)
        is_narrow = b.icmp_signed("<=", left_over, number(self.shared.lanes))
        wide = b.select(is_narrow, number(self.shared.lanes), number(self.panel))
        sizes = [left_over, b.sub(end, begin), k.size(found.strides[-2]), number(self.depth), wide]
        ragged = not (isinstance(self.inner, int) and self.inner % self.shared.lanes == 0)
        b.call(self.shared.turned_panels(ragged), [source, self._panel(i, start), *sizes])

    def _tile_of_block(self, i: Any, j: Any, mask: Any, start: Any, stop: Any, t: Any, after: Any) -> None:
        """Add up one tile over a block; what follows is computed after the last."""
        k, b, found, height = self.k, self.b, self.right, self.height
        k.code.lanes = height
        stride = k.size(found.strides[-1])
        place = b.add(k.size(found.offset), b.add(b.mul(j, stride), t))
        band = self._at(k.pointer(k.plan.memory[found.number]), place)
        there = k.least(b.sub(number(self.n), j), number(height))
        # Where one block is all, sums need not wait.
        place = b.add(b.mul(j, number(self.rows)), b.mul(b.sub(i, start), number(height)))
        sums = self._at(self.sums, b.select(b.icmp_signed(">", self.end, number(self.depth)), place, number(0)))
        is_last = b.icmp_signed("==", after, self.end)

        def add(width: int) -> None:
            sizes = [b.sub(after, t), t, stride, there]
            b.call(self.shared.tile(width, in_rows=True), [band, self._panel(i, start), sums, *sizes])
            with b.if_then(is_last):
                b.call(self.shared.turn(width), [sums])

        with b.if_else(b.icmp_signed(">", b.sub(stop, i), number(self.shared.lanes))) as (many, few):
            with many:
                add(_WIDE)
            with few:
                add(1)
        with b.if_then(is_last):
            self._use(height)
            self.finish_rows([], i, j, self.panel, [mask], stop, lambda v: self._at(sums, b.mul(v, number(height))))

    def _at(self, memory: Any, place: Any) -> Any:
        return self.b.gep(memory, [place], source_etype=self.element)

    def _panel(self, i: Any, start: Any) -> Any:
        """Where the copy of a panel is."""
        return self._at(self.copies, self.b.mul(self.b.sub(i, start), number(self.depth)))
