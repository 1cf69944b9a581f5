"""The frame of a kernel: its function, the numbers and places of memory that it knows, and its loops."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import BYTE, FIXED, I64, POINTER, Told, number, number32, own_copy, signature
from backlit.compiler.costs import TALL, Share, Way
from backlit.compiler.plan import Kernel, Plan
from backlit.compiler.program import row_major
from backlit.compiler.values import Code, item_size, memory_type, overload

# For each dimension an index, and whether the lanes of vectors run along it.
Index = tuple[tuple[Any, bool], ...]


def loop(b: ir.IRBuilder, start: Any, stop: Any, step: int | Callable[[Any], Any], body: Callable[[Any], None]) -> None:
    """`for i in range(start, stop, step)`; `body` emits what is done with an i, and `step` may emit how far to go."""
    before = b.block
    head, inside, after = (b.append_basic_block(n) for n in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(I64)
    i.add_incoming(start, before)
    b.cbranch(b.icmp_signed("<", i, stop), inside, after)
    b.position_at_end(inside)
    far = step(i) if callable(step) else number(step)
    body(i)
    i.add_incoming(b.add(i, far), b.block)
    b.branch(head)
    b.position_at_end(after)


def ask(code: Code, at: Any) -> None:
    """Ask for the line of an address, which will be read soon."""
    # To read, into all caches, as data.
    how = [number32(value) for value in (0, 3, 1)]
    code.call("llvm.prefetch.p0", ir.VoidType(), at, *how)


def own_rows(b: ir.IRBuilder, rows: Any, thread: Any, threads: Any) -> tuple[Any, Any]:
    """The rows of a batch that are a thread's own, in whole tiles: from, to."""
    tiles = b.sdiv(b.add(rows, number(TALL - 1)), number(TALL))
    start, stop = (
        b.mul(b.sdiv(b.mul(tiles, one), threads), number(TALL)) for one in (thread, b.add(thread, number(1)))
    )
    return start, b.select(b.icmp_signed("<", stop, rows), stop, rows)


def elements(shape: Sequence[Any]) -> Any:
    """Number of elements of a shape."""
    return math.prod(shape)


class KernelFrame:
    """The frame of one kernel of a plan in a module.

    Args:
        module: The module.
        plan: The plan.
        kernel: The kernel.
        name: The function's name.
        places: The kernel's places of memory, in the order of the function's arguments.
        width: Bytes of a vector register.
        way: How the kernel is computed.
        written: Names of the functions that kernels share and the program's modules have so far.
        private: Places of which every thread has its own, with the bytes of each.
        any_size: Whether the function is told how many elements there are.
        told: The views that begin where the function is told, in the order of these numbers.
    """

    def __init__(
        self,
        module: ir.Module,
        plan: Plan,
        kernel: Kernel,
        name: str,
        places: Sequence[tuple[str, int]],
        width: int,
        way: Way,
        written: set[str],
        private: Mapping[tuple[str, int], int] = MappingProxyType({}),
        any_size: bool = False,
        told: Collection[int] = (),
    ) -> None:
        self.way = way
        self._told = {n: Told(position) for position, n in enumerate(told)}
        self.plan = plan
        self.steps = plan.program.steps
        self.kernel = kernel
        self._written = written
        self.width = width
        # Where the module calls it, it has declared it.
        kind = signature(len(places), len(told) + any_size)
        self.function = module.globals.get(name) or ir.Function(module, kind, name)
        self.table, self.rows, self.thread, self.threads, *given = self.function.args
        self._numbers_told, addresses = given[: len(told)], given[len(told) + any_size :]
        self.count = given[len(told)] if any_size else None
        self.entry = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.function.append_basic_block("body"))
        self.start = self.builder.block
        self.head = ir.IRBuilder(self.entry)
        self.module = module
        self.code = Code(module, self.builder, 1)
        self.mask: Any = None
        self.flat = False
        self._pointers: dict[Any, Any] = {
            place: own_copy(self.head, address, self.thread, private.get(place))
            for place, address in zip(places, addresses, strict=True)
        }
        self._numbers: dict[Any, Any] = {}
        self.stored = set(plan.memory)
        self.read = self.stored - set(kernel.roots)

    def fresh(self) -> None:
        """Forget what was computed for another place."""

    def finish(self) -> None:
        """Close the function."""
        self.builder.ret_void()
        self.head.branch(self.start)

    # -- numbers and memory ------------------------------------------------------------------------------------------

    def size(self, value: Any) -> Any:
        """A number of the program as an integer of the function; computed once, at its start."""
        if isinstance(value, int):
            return number(value)
        if isinstance(value, Told):
            return self._numbers_told[value.position]
        if value not in self._numbers:
            scaled = self.head.mul(self.rows, self.size(value.scale))
            self._numbers[value] = self.head.add(scaled, self.size(value.offset))
        return self._numbers[value]

    def pointer(self, place: tuple[str, int]) -> Any:
        """The address of a place."""
        if place not in self._pointers:
            self._pointers[place] = self.head.load(self.fixed(self.head, place), typ=POINTER)
        return self._pointers[place]

    def fixed(self, b: ir.IRBuilder, place: tuple[str, int]) -> Any:
        """Where the table has a place that every executable has."""
        return b.gep(self.table, [number(FIXED.index(place))], source_etype=I64)

    def shared(self, name: str, kind: ir.FunctionType) -> tuple[Any, bool]:
        """The program's function of this name, and whether it has no body yet and is this module's to write."""
        known = self.module.globals.get(name)
        if known is not None:
            return known, False
        is_new = name not in self._written
        self._written.add(name)
        return ir.Function(self.module, kind, name), is_new

    def times(self, index: Any, stride: Any) -> Any:
        """The product of an index and a stride, simplified."""
        if stride == 1:
            return index
        if isinstance(index, ir.Constant) and isinstance(stride, int):
            return number(index.constant * stride)
        return self.builder.mul(index, self.size(stride))

    def plus(self, a: Any, b: Any) -> Any:
        """The sum of two numbers, simplified."""
        for one, other in ((a, b), (b, a)):
            if isinstance(one, ir.Constant) and one.constant == 0:
                return other
        return self.builder.add(a, b)

    def least(self, one: Any, other: Any) -> Any:
        """The smaller of two numbers."""
        return self.builder.select(self.builder.icmp_signed("<", one, other), one, other)

    def address(self, index: Index, strides: Sequence[Any], offset: Any = 0) -> tuple[Any, Any]:
        """The place of the first lane, and the stride from lane to lane (0 if all lanes are one place)."""
        place, lane = self.size(offset), 0
        for (i, lanes), stride in zip(index, strides, strict=True):
            if isinstance(stride, int) and stride == 0:
                continue
            place = self.plus(place, self.times(i, stride))
            if lanes:
                lane = stride
        return place, lane

    def _element(self, pointer: Any, place: Any, kind: str) -> Any:
        return self.builder.gep(pointer, [place], source_etype=memory_type(kind))

    def load(self, where: tuple[str, int], kind: str, place: Any, lane: Any) -> Any:
        """Read one value: a vector, one number in all lanes, or lanes at a distance."""
        b, code, memory = self.builder, self.code, memory_type(kind)
        pointer = self.pointer(where)
        if code.lanes == 1 or (isinstance(lane, int) and lane == 0):
            return code.splat(
                self._as_bool(b.load(self._element(pointer, place, kind), typ=memory, align=item_size(kind)), kind)
            )
        vector = ir.VectorType(memory, code.lanes)
        if lane == 1:
            at = self._element(pointer, place, kind)
            if self.mask is None:
                return self._as_bool(b.load(at, typ=vector, align=item_size(kind)), kind)
            zero = ir.Constant(vector, None)
            loaded = code.call(
                f"llvm.masked.load.{overload(vector)}.p0", vector, at, number32(item_size(kind)), self.mask, zero
            )
            return self._as_bool(loaded, kind)
        return self.collected(where, kind, [self.plus(place, self._distance(i, lane)) for i in range(code.lanes)])

    def _distance(self, count: int, stride: Any) -> Any:
        """How far so many strides lead."""
        return number(count * stride) if isinstance(stride, int) else self.head.mul(number(count), self.size(stride))

    def gather(self, where: tuple[str, int], kind: str, places: Any) -> Any:
        """Read lanes at places of their own."""
        b = self.builder
        single = (
            [places]
            if self.code.lanes == 1
            else [b.extract_element(places, number32(lane)) for lane in range(self.code.lanes)]
        )
        return self.collected(where, kind, single)

    def collected(self, where: tuple[str, int], kind: str, places: list[Any]) -> Any:
        """Read one number for each lane."""
        b, memory = self.builder, memory_type(kind)
        pointer = self.pointer(where)
        result: Any = ir.Constant(ir.VectorType(memory, len(places)), None)
        for lane, place in enumerate(places):
            if self.mask is not None and len(places) > 1:
                # Lanes beyond the end read the first element, which exists.
                place = b.select(b.extract_element(self.mask, number32(lane)), place, number(0))
            one = b.load(self._element(pointer, place, kind), typ=memory, align=item_size(kind))
            if len(places) == 1:
                return self._as_bool(one, kind)
            result = b.insert_element(result, one, number32(lane))
        return self._as_bool(result, kind)

    def _as_bool(self, value: Any, kind: str) -> Any:
        if kind != "b1":
            return value
        return self.builder.icmp_unsigned("!=", value, ir.Constant(value.type, None))

    def store(self, root: int, index: Index, value: Any) -> None:
        """Write a root's value to all of its places."""
        step = self.steps[root]
        place, lane = (index[0][0], 1) if self.flat else self.address(index, row_major(step.shape))
        for where in self.plan.stores.get(root, ()):
            self.put(where, step.dtype, place, value, lane)

    def put(self, where: tuple[str, int], kind: str, place: Any, value: Any, lane: Any = 1) -> None:
        """Write one value from a place on, its lanes at a distance."""
        if kind == "b1":
            wide = BYTE if self.code.lanes == 1 else ir.VectorType(BYTE, self.code.lanes)
            value = self.builder.zext(value, wide)
        if self.code.lanes > 1 and lane != 1:
            self._spread(where, kind, place, value, lane)
            return
        at = self._element(self.pointer(where), place, kind)
        if self.mask is None or self.code.lanes == 1:
            self.builder.store(value, at, align=item_size(kind))
        else:
            name = f"llvm.masked.store.{overload(value.type)}.p0"
            self.code.call(name, ir.VoidType(), value, at, number32(item_size(kind)), self.mask)

    def _spread(self, where: tuple[str, int], kind: str, place: Any, value: Any, stride: Any) -> None:
        """Write lanes at a distance from each other."""
        b, pointer = self.builder, self.pointer(where)
        for lane in range(self.code.lanes):
            at = self._element(pointer, self.plus(place, self._distance(lane, stride)), kind)
            one = b.extract_element(value, number32(lane))
            if self.mask is None:
                b.store(one, at, align=item_size(kind))
                continue
            with b.if_then(b.extract_element(self.mask, number32(lane))):
                b.store(one, at, align=item_size(kind))

    # -- loops -------------------------------------------------------------------------------------------------------

    def loop(self, start: Any, stop: Any, step: int | Callable[[Any], Any], body: Callable[[Any], None]) -> None:
        """`for i in range(start, stop, step)`."""
        loop(self.builder, start, stop, step, body)

    def share(self, size: Any) -> tuple[Any, Any]:
        """This thread's part of a kernel's outermost loop: from, to."""
        b = self.builder
        if self.way.share is Share.ROWS:
            return self.own_rows()
        if self.way.share not in (Share.SPREAD, Share.TOTAL):
            return number(0), size
        start = b.sdiv(b.mul(size, self.thread), self.threads)
        stop = b.sdiv(b.mul(size, b.add(self.thread, number(1))), self.threads)
        return start, stop

    def own_rows(self) -> tuple[Any, Any]:
        """The rows of the batch that are this thread's own: from, to."""
        return own_rows(self.builder, self.rows, self.thread, self.threads)

    def lanes(self, last: Any, kinds: set[str]) -> int:
        """How many lanes suit a loop over `last` elements of these kinds."""
        widest = max((item_size(k) for k in kinds if k[0] == "f"), default=8)
        most = self.width // widest
        if isinstance(last, int):
            while most > 1 and most // 2 >= last:
                most //= 2
        return most

    def vectors(self, size: Any, lanes: int, body: Callable[[Any], None], start: Any = None, stop: Any = None) -> None:
        """Go through `size` elements, `lanes` at a time, the rest under a mask."""
        b = self.builder
        self.code.lanes = lanes
        start = number(0) if start is None else start
        stop = self.size(size) if stop is None else stop
        if lanes == 1:
            self.loop(start, stop, 1, body)
            return
        count = b.and_(b.sub(stop, start), number(-lanes))
        whole = isinstance(size, int) and size % lanes == 0 and isinstance(start, ir.Constant)
        full = (
            number(size // lanes * lanes)
            if isinstance(size, int) and isinstance(start, ir.Constant)
            else b.add(start, count)
        )
        if not isinstance(size, int) or size >= lanes:
            self.loop(start, full, lanes, body)
        if whole:
            return
        with b.if_then(b.icmp_signed("<", full, stop)):
            left = self.code.splat(b.sub(stop, full))
            self.mask = b.icmp_signed("<", self.code.steps(), left)
            self.fresh()
            body(full)
            self.mask = None
        self.fresh()

    def nest(
        self, shape: Sequence[Any], body: Callable[[list[Any]], None], first: tuple[Any, Any] | None = None
    ) -> None:
        """Loops over `shape`, the outermost from and to `first` if given."""
        indices: list[Any] = []

        def inner(d: int) -> None:
            if d == len(shape):
                body(list(indices))
                return

            def turn(i: Any) -> None:
                indices.append(i)
                inner(d + 1)
                indices.pop()

            start, stop = first if d == 0 and first is not None else (number(0), self.size(shape[d]))
            self.loop(start, stop, 1, turn)

        inner(0)
