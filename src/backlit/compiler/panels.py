"""What all blocked products of a program share: copies of matrices in panels, and the sums of a tile.

The functions take addresses, sizes and strides as arguments, so that each is compiled once a program, whatever the
shapes of its products; F. Van Zee and R. van de Geijn, "BLIS", ACM TOMS 41 (2015), divides the work in the same way.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, POINTER, number
from backlit.compiler.frame import ask, loop
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.squares import butterfly, first_lanes
from backlit.compiler.tiles import summed
from backlit.compiler.values import Code, item_size, overload, scalar_type, vector_type

# Vectors of a row that are asked for in advance.
_AHEAD = 4
# Bands that are copied at a time where their columns lie one after the other.
_TOGETHER = 4


class Panels:
    """Emits the functions, or declares those that another module of the program has.

    Args:
        k: Emits the kernel that calls them.
        kind: The element type.
        lanes: Numbers in a vector.
        height: Rows of a tile.
    """

    def __init__(self, k: KernelEmitter, kind: str, lanes: int, height: int) -> None:
        self.k, self.kind, self.lanes, self.height = k, kind, lanes, height
        self.element, self.vector = scalar_type(kind), vector_type(scalar_type(kind), lanes)

    def _function(self, name: str, pointers: int, numbers: int, body: Callable[["_Writer", Any], None]) -> Any:
        """A function of this name on addresses and then numbers."""
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * pointers + [I64] * numbers)
        function, is_new = self.k.shared(f"{name}.{self.kind}.{self.lanes}", kind)
        if is_new:
            writer = _Writer(self, function)
            body(writer, function.args)
            writer.b.ret_void()
        return function

    def bands(self, together: bool) -> Any:
        """Copies rows of a matrix so that the numbers which a tile takes at once lie side by side.

        The function's arguments: source, target, first row, row after the last, columns, strides of rows and columns.
        `together` says that the numbers of a column lie one after the other.
        """
        name = f"bands.{'together' if together else 'apart'}.{self.height}"
        return self._function(name, 2, 5, lambda w, args: w.bands(together, args))

    def panels(self, width: int, part: int) -> Any:
        """Copies columns of a matrix in panels of `width` vectors, the last with `part` numbers unless that is 0.

        The function's arguments: source, target, columns, rows, stride of rows, rows of a whole panel.
        """
        return self._function(f"panels.{width}.{part}", 2, 4, lambda w, args: w.panels(width, part, args))

    def turned_panels(self, ragged: bool) -> Any:
        """The same from a matrix's transpose; `ragged` where its rows may end in the middle of a vector.

        The function's arguments: source, target, columns, rows, stride of columns, rows of a whole panel, columns of a
        whole panel. Where the last vector of all has fewer columns than lanes, the last column stands for the others.
        """
        return self._function(f"turned.{int(ragged)}", 2, 5, lambda w, args: w.turned_panels(ragged, args))

    def turn(self) -> Any:
        """Turns the sums of a tile over, so that those of a column lie one after the other.

        The function's arguments: sums, target, columns.
        """
        return self._function(f"turn.{self.height}", 2, 1, lambda w, args: w.turn(args))

    def tile(self, width: int, in_rows: bool) -> Any:
        """Adds to the sums of a tile the products of a band and a panel.

        The function's arguments: band, panel, sums, products of each sum, and whether sums begin at what they are;
        where the band is no copy but rows of a matrix, also the stride of rows, and how many there are.
        """
        name = f"tile.{'rows' if in_rows else 'band'}.{self.height}.{width}"
        return self._function(name, 3, 4 if in_rows else 2, lambda w, args: w.tile(width, in_rows, args))


class _Writer:
    """Writes one function."""

    def __init__(self, panels: Panels, function: Any) -> None:
        self.kind, self.lanes, self.height = panels.kind, panels.lanes, panels.height
        self.element, self.vector = panels.element, panels.vector
        self.b = ir.IRBuilder(function.append_basic_block())
        self.code = Code(panels.k.module, self.b, panels.lanes)

    def _at(self, memory: Any, place: Any) -> Any:
        return self.b.gep(memory, [place], source_etype=self.element)

    def _load(self, memory: Any, place: Any, kind: Any = None, mask: Any = None) -> Any:
        kind = kind or self.vector
        at = self._at(memory, place)
        if mask is None:
            return self.b.load(at, typ=kind, align=item_size(self.kind))
        align = ir.Constant(ir.IntType(32), item_size(self.kind))
        return self.code.call(f"llvm.masked.load.{overload(kind)}.p0", kind, at, align, mask, ir.Constant(kind, None))

    def _store(self, memory: Any, place: Any, value: Any) -> None:
        self.b.store(value, self._at(memory, place), align=item_size(self.kind))

    # -- the first matrix --------------------------------------------------------------------------------------------

    def bands(self, together: bool, args: Sequence[Any]) -> None:
        source, target, first, last, inner, down, right = args
        b, height = self.b, self.height

        def place(i: Any) -> Any:
            return self._at(target, b.mul(b.sub(i, first), inner))

        def band(i: Any) -> None:
            begin = place(i)
            starts = []
            for r in range(height):
                row = b.add(i, number(r))
                row = b.select(b.icmp_signed("<", row, last), row, b.sub(last, number(1)))
                starts.append(self._at(source, b.mul(row, down)))

            def single(t: Any) -> None:
                for r, start in enumerate(starts):
                    found = self._load(start, b.mul(t, right), self.element)
                    self._store(begin, b.add(b.mul(t, number(height)), number(r)), found)

            loop(b, number(0), inner, 1, single)

        def some(count: int, i: Any) -> None:
            """Bands whose columns lie one after the other, which fetches each line of the cache once."""
            targets = [(place(b.add(i, number(n * height))), number(n * height)) for n in range(count)]
            begin, column = self._at(source, i), vector_type(self.element, height)

            def copy(t: Any) -> None:
                for to, offset in targets:
                    found = self._load(begin, b.add(b.mul(t, right), offset), column)
                    self._store(to, b.mul(t, number(height)), found)

            loop(b, number(0), inner, 1, copy)

        start = first
        for count in (_TOGETHER, 1) if together else ():
            step = number(count * height)
            stop = b.add(start, b.mul(b.sdiv(b.sub(last, start), step), step))
            loop(b, start, stop, count * height, functools.partial(some, count))
            start = stop
        loop(b, start, last, height, band)

    # -- the second matrix -------------------------------------------------------------------------------------------

    def panels(self, width: int, part: int, args: Sequence[Any]) -> None:
        source, target, columns, rows, down, deep = args
        b, lanes = self.b, self.lanes
        masks = [None] * (width - 1) + [first_lanes(lanes, part or lanes)]

        def row(t: Any) -> None:
            start = self._at(source, b.mul(t, down))

            def panel(j: Any) -> None:
                place = b.add(b.mul(j, deep), b.mul(t, number(width * lanes)))
                for v, mask in enumerate(masks):
                    found = self._load(start, b.add(j, number(v * lanes)), mask=mask)
                    self._store(target, b.add(place, number(v * lanes)), found)

            loop(b, number(0), columns, width * lanes, panel)

        loop(b, number(0), rows, 1, row)

    def turned_panels(self, ragged: bool, args: Sequence[Any]) -> None:
        source, target, columns, rows, down, deep, wide = args
        b, lanes = self.b, self.lanes
        last = b.sub(columns, number(1))

        def some(j: Any) -> None:
            """A vector of columns."""
            numbers = [b.add(j, number(c)) for c in range(lanes)]
            starts = [b.mul(b.select(b.icmp_signed("<", c, last), c, last), down) for c in numbers]
            beside = b.srem(j, wide)
            begin = b.add(b.mul(b.sub(j, beside), deep), beside)

            def square(t: Any) -> None:
                """As many rows as a vector has lanes."""
                mask = b.icmp_signed("<", self.code.steps(), self.code.splat(b.sub(rows, t))) if ragged else None
                places = [b.add(start, t) for start in starts]
                vectors = [self._load(source, place, mask=mask) for place in places]
                for place in places:
                    # More rows at a time than a processor follows by itself.
                    ask(self.code, self._at(source, b.add(place, number(_AHEAD * lanes))))
                for r, vector in enumerate(butterfly(b, vectors, lanes)):
                    self._store(target, b.add(begin, b.mul(b.add(t, number(r)), wide)), vector)

            loop(b, number(0), rows, lanes, square)

        loop(b, number(0), columns, lanes, some)

    # -- the product -------------------------------------------------------------------------------------------------

    def tile(self, width: int, in_rows: bool, args: Sequence[Any]) -> None:
        band, panel, sums, count, goes_on, *lie = args
        b, lanes, height = self.b, self.lanes, self.height
        if in_rows:
            stride, there = lie
            last = b.sub(there, number(1))
            numbers = [b.select(b.icmp_signed("<", number(r), there), number(r), last) for r in range(height)]
            rows = [self._at(band, b.mul(r, stride)) for r in numbers]
        places = [number(p * lanes) for p in range(height * width)]
        continued = b.icmp_signed("!=", goes_on, number(0))
        zero = self.code.constant(0, self.kind)
        initial = [b.select(continued, self._load(sums, place), zero) for place in places]

        def left(r: int, t: Any) -> Any:
            if in_rows:
                return self.code.splat(self._load(rows[r], t, self.element))
            place = b.add(b.mul(t, number(height)), number(r))
            return self.code.splat(self._load(band, place, self.element))

        def right(v: int, t: Any) -> Any:
            return self._load(panel, b.add(b.mul(t, number(width * lanes)), number(v * lanes)))

        found = summed(self.code, self.kind, height, width, left, right, number(0), count, initial)
        for place, value in zip(places, found, strict=True):
            self._store(sums, place, value)

    def turn(self, args: Sequence[Any]) -> None:
        sums, target, columns = args
        b, lanes, height = self.b, self.lanes, self.height

        def some(j: Any) -> None:
            for first in range(0, height, lanes):
                rows = [self._load(sums, b.add(b.mul(number(first + r), columns), j)) for r in range(lanes)]
                for r, vector in enumerate(butterfly(b, rows, lanes)):
                    self._store(target, b.add(b.mul(b.add(j, number(r)), number(height)), number(first)), vector)

        loop(b, number(0), columns, lanes, some)
