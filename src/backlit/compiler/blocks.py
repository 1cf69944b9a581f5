"""Products of large matrices, block by block, from copies in the order in which tiles read them.

Rows that are a power of two apart push each other out of the cache, and a matrix that does not fit into it should be
read once: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34 (2008). Of
the first matrix many rows are copied at a time, of the second one block after the other, transposed on the way where it
lies the other way round. Sums wait in a copy of their own from one block of the inner dimension to the next.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.costs import TALL, Way
from backlit.compiler.frame import number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.plan import Plan
from backlit.compiler.products import Product
from backlit.compiler.rows import at
from backlit.compiler.squares import butterfly
from backlit.compiler.values import item_size, scalar_type

# Bands of rows of which copies are held at a time, so that memory does not grow with the rows.
_BANDS = 128
# Rows and columns of the squares in which bands are turned over; no band is higher.
_SQUARE = TALL


def scratch_bytes(plan: Plan, ways: Sequence[Way], rows: int, threads: int) -> int:
    """Bytes that the copies of the largest such product need, for a batch of `rows`."""
    most = 0
    for kernel, way in zip(plan.kernels, ways, strict=True):
        if way.block is not None and kernel.core is not None:
            step = plan.program.steps[kernel.core]
            m, inner = (at(n, rows) for n in plan.program.steps[step.args[0]].shape)
            high = min(math.ceil(m / way.height), _BANDS) * way.height
            depth, columns = way.block
            most = max(most, (depth * columns + high * (columns + inner)) * item_size(step.dtype))
    return threads * most


class BlockedProduct(Product):
    """Emits one product kernel; every thread has copies of its own."""

    def __init__(self, k: KernelEmitter) -> None:
        super().__init__(k)
        if k.way.block is None:
            raise ValueError("a product without blocks is no blocked product")
        self.depth, self.columns = k.way.block
        self.element = scalar_type(self.kind)
        self.end = k.size(self.inner)
        self.panel = self.lanes * self.wide(self.height)

    def emit(self) -> None:
        """Emit the copies and the loops over all blocks and tiles."""
        k, b = self.k, self.b
        across = k.way.across
        first, last = (number(0), k.size(self.m)) if across else self.own_rows(shared=True)
        low, high = self._own_columns() if across else (number(0), number(self.n))
        bands = b.sdiv(b.add(k.size(self.m), number(self.height - 1)), number(self.height))
        whole = b.mul(self._least(bands, number(_BANDS)), number(self.height))
        second = number(self.depth * self.columns)
        sums = b.mul(whole, number(self.columns))
        area = b.add(b.add(second, sums), b.mul(whole, self.end))
        self.seconds = b.gep(k.pointer(("scratch", 0)), [b.mul(k.thread, area)], source_etype=self.element)
        self.sums = b.gep(self.seconds, [second], source_etype=self.element)
        self.firsts = b.gep(self.sums, [sums], source_etype=self.element)

        def rows(i: Any) -> None:
            self.first, self.last = i, self._least(b.add(i, number(_BANDS * self.height)), last)
            self._copy_first()
            k.loop(low, high, self.columns, lambda j: self._block_of_columns(j, high))

        k.loop(first, last, _BANDS * self.height, rows)

    def _own_columns(self) -> tuple[Any, Any]:
        """The columns of this thread, in whole panels."""
        k, b = self.k, self.b
        low, high = k.share(number(math.ceil(self.n / self.panel)))
        return b.mul(low, number(self.panel)), self._least(b.mul(high, number(self.panel)), number(self.n))

    def _least(self, one: Any, other: Any) -> Any:
        return self.b.select(self.b.icmp_signed("<", one, other), one, other)

    def _block_of_columns(self, start: Any, high: Any) -> None:
        k, b = self.k, self.b
        stop = self._least(b.add(start, number(self.columns)), high)

        def block(t: Any) -> None:
            after = self._least(b.add(t, number(self.depth)), self.end)
            self._copy_second(start, stop, t, after)

            def panel(j: Any, masks: list[Any]) -> None:
                k.loop(self.first, self.last, self.height, lambda i: self._tile_of_block(i, j, masks, start, t, after))

            self._panels(start, stop, panel)

        # Once even where there is nothing to add up: the sums are zeros then.
        once = b.select(b.icmp_signed(">", self.end, number(0)), self.end, number(1))
        k.loop(number(0), once, self.depth, block)

    def _panels(self, start: Any, stop: Any, panel: Callable[[Any, list[Any]], None]) -> None:
        """Go through the panels from and to a column; the last of all may be narrower."""
        k, b = self.k, self.b
        whole = self.n // self.panel * self.panel
        wide = self.wide(self.height)
        k.loop(start, self._least(stop, number(whole)), self.panel, lambda j: panel(j, [None] * wide))
        if whole < self.n:
            with b.if_then(b.icmp_signed("==", stop, number(self.n))):
                panel(number(whole), self.masks(self.n - whole))

    def _tile_of_block(self, i: Any, j: Any, masks: list[Any], start: Any, t: Any, after: Any) -> None:
        """Add up one tile over a block; what follows is computed after the last."""
        k, b, height, width = self.k, self.b, self.height, len(masks)
        k.code.lanes = self.lanes
        row = b.sub(i, self.first)
        firsts = b.mul(row, self.end)
        panel = self._place_of_panel(j, start)
        sums = b.add(b.mul(row, number(self.columns)), b.mul(b.sub(j, start), number(height)))

        def left(r: int, t: Any) -> Any:
            place = b.add(firsts, b.add(b.mul(t, number(height)), number(r)))
            slot = b.gep(self.firsts, [place], source_etype=self.element)
            return k.code.splat(b.load(slot, typ=self.element, align=item_size(self.kind)))

        def right(v: int, u: Any) -> Any:
            place = b.add(b.mul(b.sub(u, t), number(width * self.lanes)), number(v * self.lanes))
            return self._load(self.seconds, b.add(panel, place))

        zero = k.code.constant(0, self.kind)
        begins = b.icmp_signed("==", t, number(0))
        places = [b.add(sums, number(p * self.lanes)) for p in range(height * width)]
        initial = [b.select(begins, zero, self._load(self.sums, place)) for place in places]
        results = self.summed(height, width, left, right, t, after, initial)
        with b.if_else(b.icmp_signed("==", after, self.end)) as (done, more):
            with done:
                self.complete([], i, j, height, masks, self.last, results)
            with more:
                for place, result in zip(places, results, strict=True):
                    self._store(self.sums, place, result)

    def _load(self, memory: Any, place: Any) -> Any:
        slot = self.b.gep(memory, [place], source_etype=self.element)
        return self.b.load(slot, typ=self.vector, align=item_size(self.kind))

    def _store(self, memory: Any, place: Any, value: Any) -> None:
        slot = self.b.gep(memory, [place], source_etype=self.element)
        self.b.store(value, slot, align=item_size(self.kind))

    # -- copies ------------------------------------------------------------------------------------------------------

    def _place_of_panel(self, j: Any, start: Any) -> Any:
        return self.b.mul(self.b.sub(j, start), number(self.depth))

    def _copy_first(self) -> None:
        """Copy rows of the first matrix so that the numbers which a tile takes at once lie side by side."""
        k, b, height = self.k, self.b, self.height

        def band(i: Any) -> None:
            begin = b.mul(b.sub(i, self.first), self.end)
            starts = []
            for r in range(height):
                row = b.add(i, number(r))
                row = b.select(b.icmp_signed("<", row, self.last), row, b.sub(self.last, number(1)))
                starts.append(k.address(((row, False), (number(0), False)), self.left.strides, self.left.offset)[0])
            done: Any = number(0)
            if self.left.strides[-1] == 1:
                done = b.and_(self.end, number(-_SQUARE))
                k.loop(number(0), done, _SQUARE, lambda t: self._copy_square(begin, starts, t))
            elif self.left.strides[-2] == 1:
                full = b.icmp_signed("<=", b.add(i, number(height)), self.last)
                done = b.select(full, self.end, number(0))
                k.loop(number(0), done, 1, lambda t: self._copy_vector(begin, starts[0], t))
            k.loop(done, self.end, 1, lambda t: self._copy_column(begin, starts, t))

        k.loop(self.first, self.last, height, band)
        k.code.lanes = self.lanes

    def _copy_square(self, begin: Any, starts: list[Any], t: Any) -> None:
        """Some columns of a band, from whole vectors of its rows."""
        k, b, memory = self.k, self.b, self.k.plan.memory[self.left.number]
        k.code.lanes = _SQUARE
        vectors = [k.load(memory, self.kind, b.add(start, t), 1) for start in starts]
        vectors += [ir.Constant(vectors[0].type, ir.Undefined)] * (_SQUARE - self.height)
        for c, vector in enumerate(butterfly(b, vectors, _SQUARE)):
            self._store_column(begin, b.add(t, number(c)), vector)

    def _copy_vector(self, begin: Any, start: Any, t: Any) -> None:
        """A column of a band, whose numbers lie side by side."""
        k, b, memory = self.k, self.b, self.k.plan.memory[self.left.number]
        k.code.lanes = self.height
        vector = k.load(memory, self.kind, b.add(start, k.times(t, self.left.strides[-1])), 1)
        self._store(self.firsts, b.add(begin, b.mul(t, number(self.height))), vector)

    def _copy_column(self, begin: Any, starts: list[Any], t: Any) -> None:
        """A column of a band, from numbers that lie apart."""
        k, b, memory = self.k, self.b, self.k.plan.memory[self.left.number]
        k.code.lanes = 1
        for r, start in enumerate(starts):
            value = k.load(memory, self.kind, b.add(start, k.times(t, self.left.strides[-1])), 0)
            self._store(self.firsts, b.add(begin, b.add(b.mul(t, number(self.height)), number(r))), value)

    def _store_column(self, begin: Any, t: Any, vector: Any) -> None:
        """Write the first lanes of a vector as a column of a band."""
        b = self.b
        order = ir.Constant(ir.VectorType(ir.IntType(32), self.height), list(range(self.height)))
        column = b.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), order)
        self._store(self.firsts, b.add(begin, b.mul(t, number(self.height))), column)

    def _copy_second(self, start: Any, stop: Any, begin: Any, end: Any) -> None:
        """Copy a block of the second matrix, panel by panel."""
        k = self.k
        k.code.lanes = self.lanes
        if self.right.strides[-1] == 1:
            k.loop(
                begin,
                end,
                1,
                lambda t: self._panels(start, stop, lambda j, masks: self._copy_row(j, masks, start, begin, t)),
            )
            return

        def panel(j: Any, masks: list[Any]) -> None:
            k.loop(begin, end, self.lanes, lambda t: self._copy_transposed(j, masks, start, begin, t, end))

        self._panels(start, stop, panel)

    def _copy_row(self, j: Any, masks: list[Any], start: Any, begin: Any, t: Any) -> None:
        """A row of a panel, from a row of the second matrix."""
        b = self.b
        load = self.second([], j, masks)
        base = b.add(self._place_of_panel(j, start), b.mul(b.sub(t, begin), number(len(masks) * self.lanes)))
        for v in range(len(masks)):
            self._store(self.seconds, b.add(base, number(v * self.lanes)), load(v, t))

    def _copy_transposed(self, j: Any, masks: list[Any], start: Any, begin: Any, t: Any, end: Any) -> None:
        """Some rows of a panel, as many as a vector has lanes, from rows of the second matrix's transpose."""
        k, b, lanes = self.k, self.b, self.lanes
        k.code.lanes = lanes
        if not (isinstance(self.inner, int) and self.inner % lanes == 0):
            k.mask = b.icmp_signed("<", k.code.steps(), k.code.splat(b.sub(end, t)))
        base = b.add(self._place_of_panel(j, start), b.mul(b.sub(t, begin), number(len(masks) * lanes)))
        memory = k.plan.memory[self.right.number]
        left_over = [self.n % lanes if mask is not None else lanes for mask in masks]
        for v, count in enumerate(left_over):
            vectors = [ir.Constant(self.vector, ir.Undefined)] * lanes
            for c in range(count):
                column = b.add(j, number(v * lanes + c))
                place, _ = k.address(((t, True), (column, False)), self.right.strides, self.right.offset)
                vectors[c] = k.load(memory, self.kind, place, 1)
            for row, vector in enumerate(butterfly(b, vectors, lanes)):
                self._store(self.seconds, b.add(base, number((row * len(masks) + v) * lanes)), vector)
        k.mask = None
