"""Products of large matrices, block by block, from copies in the order in which tiles read them.

Rows that are a power of two apart push each other out of the cache, and a matrix that does not fit into it should be
read once: K. Goto and R. van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34 (2008). Of
the first matrix many rows are copied at a time, unless they lie as tiles read them; of the second one block after the
other, transposed on the way where it lies the other way round. Sums wait in memory from one block of the inner
dimension to the next.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from backlit.compiler.calling import BYTE, I64, number
from backlit.compiler.costs import TALL, Share, Way
from backlit.compiler.frame import ask
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.panels import Panels
from backlit.compiler.plan import LINE, Plan, access, aligned
from backlit.compiler.products import Product
from backlit.compiler.rows import at
from backlit.compiler.values import item_size, scalar_type

# Bands of rows of which copies are held at a time, so that memory does not grow with the rows.
_BANDS = 128


def scratch_bytes(plan: Plan, ways: Sequence[Way], rows: int) -> int:
    """Bytes that a thread's copies for the largest such product need, for a batch of `rows`."""
    most = 0
    for kernel, way in zip(plan.kernels, ways, strict=True):
        if way.block is not None and kernel.core is not None:
            step, (depth, columns) = plan.program.steps[kernel.core], way.block
            m, inner = (at(n, rows) for n in plan.program.steps[step.args[0]].shape)
            # One band more, in which sums are turned over.
            bands = math.ceil(step.shape[1] / TALL) + 1 if way.turned else min(math.ceil(m / way.height), _BANDS)
            first = access(plan.program, step.args[0], plan.memory)
            copied = columns if first is not None and first.strides[-1] == 1 else columns + inner
            most = max(most, (depth * columns + bands * way.height * copied) * item_size(step.dtype))
    return aligned(most)


class CopyingProduct(Product):
    """What products share that copy a matrix in panels; every thread has copies of its own."""

    def __init__(self, k: KernelEmitter) -> None:
        super().__init__(k)
        if k.way.block is None:
            raise ValueError("a product without blocks copies nothing")
        self.depth, self.columns = k.way.block
        self.element = scalar_type(self.kind)

    def beside_copy(self) -> Any:
        """Find room for the copy of a block, and say what lies behind."""
        k, b = self.k, self.b
        room = b.mul(k.thread, b.load(k.fixed(b, ("scratch", 1)), typ=I64))
        self.copies = b.gep(k.pointer(("scratch", 0)), [room], source_etype=BYTE)
        return self._at(self.copies, number(self.depth * self.columns))

    def _at(self, memory: Any, place: Any) -> Any:
        return self.b.gep(memory, [place], source_etype=self.element)

    def _panel(self, j: Any, start: Any) -> Any:
        """Where the copy of a panel is."""
        return self._at(self.copies, self.b.mul(self.b.sub(j, start), number(self.depth)))


class BlockedProduct(CopyingProduct):
    """Emits one product kernel."""

    def __init__(self, k: KernelEmitter) -> None:
        super().__init__(k)
        # What is summed up is counted from its beginning.
        self.end = self.b.sub(self.summed[1], self.summed[0])
        self._wide = self.wide(self.height)
        self.panel = self.lanes * self._wide
        # The columns of whole panels.
        self._whole = self.n // self.panel * self.panel
        # What has the shape of the result, and is read where that is computed.
        self._followers = [
            n
            for n in sorted(k.plan.inside(k.kernel, k.core)[1])
            if k.steps[n].shape == k.kernel.shape and k.steps[n].dtype == self.kind and k.way.share is not Share.PARTS
        ]
        self.shared = Panels(k, self.kind, self.lanes, self.height)
        # Rows of the first matrix that lie as they are read need no copy.
        self.in_rows = self.left.strides[-1] == 1

    def emit(self) -> None:
        """Emit the copies and the loops over all blocks and tiles."""
        k, b = self.k, self.b
        first, last = self.rows_of_thread(shared=True)
        low, high = self.own_columns(self.panel)
        bands = b.sdiv(b.add(k.size(self.m), number(self.height - 1)), number(self.height))
        whole = b.mul(self.k.least(bands, number(_BANDS)), number(self.height))
        self.sums = self.beside_copy()
        self.firsts = self._at(self.sums, b.mul(whole, number(self.columns)))

        def rows(i: Any) -> None:
            self.first, self.last = i, self.k.least(b.add(i, number(_BANDS * self.height)), last)
            if not self.in_rows:
                self._copy_first()
            k.loop(low, high, self.columns, lambda j: self._block_of_columns(j, high))

        k.loop(first, last, _BANDS * self.height, rows)

    def _block_of_columns(self, start: Any, high: Any) -> None:
        k, b = self.k, self.b
        stop = self.k.least(b.add(start, number(self.columns)), high)

        def block(t: Any) -> None:
            after = self.k.least(b.add(t, number(self.depth)), self.end)
            self._copy_second(start, stop, t, after)

            def panel(j: Any, masks: list[Any]) -> None:
                k.loop(self.first, self.last, self.height, lambda i: self._tile_of_block(i, j, masks, start, t, after))

            self._panels(start, stop, panel)

        # Once even where there is nothing to add up: the sums are zeros then.
        once = b.select(b.icmp_signed(">", self.end, number(0)), self.end, number(1))
        k.loop(number(0), once, self.depth, block)

    def _panels(self, start: Any, stop: Any, panel: Callable[[Any, list[Any]], None]) -> None:
        """Go through the panels from and to a column; the last of all may be narrower."""
        whole, rest = self._whole, self.n - self._whole
        self.k.loop(start, self.k.least(stop, number(whole)), self.panel, lambda j: panel(j, [None] * self._wide))
        if rest:
            with self.b.if_then(self.b.icmp_signed("==", stop, number(self.n))):
                panel(number(whole), self.masks(rest))

    def _tile_of_block(self, i: Any, j: Any, masks: list[Any], start: Any, t: Any, after: Any) -> None:
        """Add up one tile over a block; what follows is computed after the last."""
        k, b, height, width = self.k, self.b, self.height, len(masks)
        k.code.lanes = self.lanes
        row = b.sub(i, self.first)
        place = b.add(b.mul(row, number(self.columns)), b.mul(b.sub(j, start), number(height)))
        # Where one block is all, sums need not wait.
        sums = self._at(self.sums, b.select(b.icmp_signed(">", self.end, number(self.depth)), place, number(0)))
        is_last = b.icmp_signed("==", after, self.end)
        with b.if_then(is_last):
            self._ask(i, j, width)
        lie: list[Any] = []
        if self.in_rows:
            stride = self.left.strides[-2]
            begin = k.plus(k.size(self.left.offset), k.plus(k.times(i, stride), k.plus(self.summed[0], t)))
            band = self._at(k.pointer(k.plan.memory[self.left.number]), begin)
            lie = [k.size(stride), k.least(b.sub(self.last, i), number(height))]
        else:
            band = self._at(self.firsts, b.add(b.mul(row, self.end), b.mul(t, number(height))))
        b.call(self.shared.tile(width, self.in_rows), [band, self._panel(j, start), sums, b.sub(after, t), t, *lie])
        with b.if_then(is_last):
            self.finish_rows([], i, j, height, masks, self.last, lambda v: self._at(sums, b.mul(v, number(self.lanes))))

    def _ask(self, i: Any, j: Any, width: int) -> None:
        """Ask for the memory that what follows a tile will read, while the tile is summed up."""
        k, b = self.k, self.b
        size = width * self.lanes * item_size(self.kind)
        for n in self._followers:
            memory = k.pointer(k.plan.memory[n])

            def row(r: Any, memory: Any = memory) -> None:
                start = self._at(memory, b.add(b.mul(r, number(self.n)), j))
                for line in range(0, size, LINE):
                    ask(k.code, b.gep(start, [number(line)], source_etype=BYTE))

            k.loop(i, k.least(b.add(i, number(self.height)), self.last), 1, row)

    def _copy_first(self) -> None:
        """Copy rows of the first matrix."""
        k, found = self.k, self.left
        down, right = found.strides[-2:]
        begin = k.plus(k.size(found.offset), k.times(self.summed[0], right))
        source = self._at(k.pointer(k.plan.memory[found.number]), begin)
        arguments = [source, self.firsts, self.first, self.last, self.end, k.size(down), k.size(right)]
        self.b.call(self.shared.bands(down == 1), arguments)

    def _copy_second(self, start: Any, stop: Any, begin: Any, end: Any) -> None:
        """Copy a block of the second matrix; of its last panel apart, where that is narrower."""
        k, b, found = self.k, self.b, self.right
        down, right = found.strides[-2:]

        def copy(first: Any, columns: Any, width: int, part: int) -> None:
            place = b.add(k.times(k.plus(self.summed[0], begin), down), k.times(first, right))
            source = self._at(k.pointer(k.plan.memory[found.number]), b.add(k.size(found.offset), place))
            where, deep = [source, self._panel(first, start), columns, b.sub(end, begin)], number(self.depth)
            if right == 1:
                b.call(self.shared.panels(width, part), [*where, k.size(down), deep])
                return
            ragged = not (isinstance(self.inner, int) and self.inner % self.lanes == 0)
            b.call(self.shared.turned_panels(ragged), [*where, k.size(right), deep, number(width * self.lanes)])

        whole, rest = self._whole, self.n - self._whole
        if whole:
            copy(start, b.sub(self.k.least(stop, number(whole)), start), self._wide, 0)
        if rest:
            with b.if_then(b.icmp_signed("==", stop, number(self.n))):
                copy(number(whole), number(rest), math.ceil(rest / self.lanes), rest % self.lanes)
