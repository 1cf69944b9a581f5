"""Kernels in machine code: loops over values, reductions, products in register tiles, scatters.

Every kernel is a function `kernel(places, rows, thread, threads)`: `places` is a table of addresses, one for each input
and each step in the arena, `rows` the number of rows, and threads share the outermost loop.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.plan import Access, Kernel, Plan, access, same_dims
from backlit.compiler.program import row_major
from backlit.compiler.rows import Affine, Inverse
from backlit.compiler.values import OPERATIONS, Code, item_size, memory_type, overload, scalar_type

I64 = ir.IntType(64)
I32 = ir.IntType(32)
POINTER = ir.PointerType()
SIGNATURE = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64])
# Bytes of the widest vectors that are worth using, and how many there are.
Index = tuple[tuple[Any, bool], ...]


def number(value: int) -> ir.Constant:
    """A 64-bit integer."""
    return ir.Constant(I64, value)


def loop(b: ir.IRBuilder, start: Any, stop: Any, step: int, body: Callable[[Any], None]) -> None:
    """`for i in range(start, stop, step)`; `body` emits what is done with an i."""
    before = b.block
    head, inside, after = (b.append_basic_block(n) for n in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(I64)
    i.add_incoming(start, before)
    b.cbranch(b.icmp_signed("<", i, stop), inside, after)
    b.position_at_end(inside)
    body(i)
    i.add_incoming(b.add(i, number(step)), b.block)
    b.branch(head)
    b.position_at_end(after)


class KernelEmitter:
    """Emits one kernel of a plan into a module.

    Args:
        module: The module.
        plan: The plan.
        kernel: The kernel.
        name: The function's name.
        places: For each place of memory, its slot in the table of addresses.
        width: Bytes of a vector register.
        shared: Whether threads share the kernel's outermost loop; otherwise it runs on one.
        packed: Whether a product copies its matrices first.
    """

    def __init__(
        self,
        module: ir.Module,
        plan: Plan,
        kernel: Kernel,
        name: str,
        places: dict[Any, int],
        width: int,
        shared: bool,
        packed: bool = False,
    ) -> None:
        self.shared, self.packed = shared, packed
        self.plan = plan
        self.steps = plan.program.steps
        self.kernel = kernel
        self.places = places
        self.width = width
        self.function = ir.Function(module, SIGNATURE, name)
        self.function.linkage = "internal"
        self.table, self.rows, self.thread, self.threads = self.function.args
        self.entry = self.function.append_basic_block("entry")
        self.builder = ir.IRBuilder(self.function.append_basic_block("body"))
        self.start = self.builder.block
        self.head = ir.IRBuilder(self.entry)
        self.module = module
        self.code = Code(module, self.builder, 1)
        self.mask: Any = None
        self.flat = False
        self._pointers: dict[Any, Any] = {}
        self._numbers: dict[Any, Any] = {}
        self._values: dict[Any, Any] = {}
        self._indices: dict[Any, Index] = {}
        self._holding: list[Any] = []
        self.stored = set(plan.memory)

    @property
    def core(self) -> int:
        """The product, reduction, scatter or call that the kernel computes."""
        if self.kernel.core is None:
            raise ValueError("a loop over elements has no core")
        return self.kernel.core

    def reach(self, n: int) -> Access:
        """How a step is read from memory, by a kernel that does not compute it."""
        found = access(self.plan.program, n, self.stored - set(self.kernel.roots))
        if found is None:
            raise ValueError(f"%{n}, {self.steps[n]}, cannot be read from memory")
        return found

    def finish(self) -> None:
        """Close the function."""
        self.builder.ret_void()
        self.head.branch(self.start)

    # -- numbers and memory ------------------------------------------------------------------------------------------

    def size(self, value: Any) -> Any:
        """A number of the program as an integer of the function; computed once, at its start."""
        if isinstance(value, int):
            return number(value)
        if value not in self._numbers:
            scaled = self.head.mul(self.rows, number(value.scale))
            self._numbers[value] = self.head.add(scaled, number(value.offset))
        return self._numbers[value]

    def pointer(self, place: tuple[str, int]) -> Any:
        """The address of a place."""
        if place not in self._pointers:
            slot = self.head.gep(self.table, [number(self.places[place])], source_etype=POINTER)
            self._pointers[place] = self.head.load(slot, typ=POINTER)
        return self._pointers[place]

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
            zero = ir.Constant(vector, [0] * code.lanes)
            loaded = code.call(
                f"llvm.masked.load.{overload(vector)}.p0", vector, at, number32(item_size(kind)), self.mask, zero
            )
            return self._as_bool(loaded, kind)
        steps = b.mul(code.steps(), code.splat(self.size(lane)))
        return self.gather(where, kind, b.add(code.splat(place), steps))

    def gather(self, where: tuple[str, int], kind: str, places: Any) -> Any:
        """Read lanes at places of their own."""
        b, code, memory = self.builder, self.code, memory_type(kind)
        pointer = self.pointer(where)
        if code.lanes == 1:
            return self._as_bool(b.load(self._element(pointer, places, kind), typ=memory, align=item_size(kind)), kind)
        vector = ir.VectorType(memory, code.lanes)
        mask = self.mask or ir.Constant(ir.VectorType(ir.IntType(1), code.lanes), [1] * code.lanes)
        result = ir.Constant(vector, [0] * code.lanes)
        for lane in range(code.lanes):
            position = number32(lane)
            # Lanes beyond the end read the first element, which exists.
            place = b.select(b.extract_element(mask, position), b.extract_element(places, position), number(0))
            one = b.load(self._element(pointer, place, kind), typ=memory, align=item_size(kind))
            result = b.insert_element(result, one, position)
        return self._as_bool(result, kind)

    def _as_bool(self, value: Any, kind: str) -> Any:
        if kind != "b1":
            return value
        zero = ir.Constant(value.type, [0] * value.type.count if isinstance(value.type, ir.VectorType) else 0)
        return self.builder.icmp_unsigned("!=", value, zero)

    def store(self, root: int, index: Index, value: Any) -> None:
        """Write a root's value to all of its places."""
        step, b, code = self.steps[root], self.builder, self.code
        if self.flat:
            place: Any = index[0][0]
        else:
            place, _ = self.address(index, row_major(step.shape))
        if step.dtype == "b1":
            value = b.zext(value, ir.IntType(8) if code.lanes == 1 else ir.VectorType(ir.IntType(8), code.lanes))
        for where in self.plan.stores.get(root, ()):
            self._put(where, step.dtype, place, value)

    def _put(self, where: tuple[str, int], kind: str, place: Any, value: Any) -> None:
        at = self._element(self.pointer(where), place, kind)
        if self.mask is None or self.code.lanes == 1:
            self.builder.store(value, at, align=item_size(kind))
        else:
            name = f"llvm.masked.store.{overload(value.type)}.p0"
            self.code.call(name, ir.VoidType(), value, at, number32(item_size(kind)), self.mask)

    # -- values ------------------------------------------------------------------------------------------------------

    def fresh(self) -> None:
        """Forget the values of another place."""
        self._values.clear()
        self._indices.clear()
        self._holding.clear()

    def hold(self, step: int, index: Index, value: Any) -> None:
        """Use a value in registers in place of memory."""
        self._values[step, id(index)] = value
        self._holding.append(index)

    def value(self, n: int, index: Index) -> Any:
        """The value of a step at an index, computed once an index."""
        key = (n, id(index))
        if key not in self._values:
            self._holding.append(index)
            self._values[key] = self._compute(n, index)
        return self._values[key]

    def computed(self, root: int, index: Index) -> Any:
        """The value of one of the kernel's own roots at an index."""
        return self.value(root, index)

    def _compute(self, n: int, index: Index) -> Any:
        step, code = self.steps[n], self.code
        if n in self.stored and n not in self.kernel.roots:
            if self.flat:
                return self.load(self.plan.memory[n], step.dtype, index[0][0], 1)
            return self.load(self.plan.memory[n], step.dtype, *self.address(index, plain_strides(step.shape)))
        if step.kind == "constant":
            return self._constant(step.attrs, step.dtype)
        if step.kind == "iota":
            i, lanes = index[0]
            return self.builder.add(code.splat(i), code.steps()) if lanes else code.splat(i)
        if step.kind == "view":
            return self._through(n, index)
        if step.kind == "take":
            return self._take(n, index)
        if step.kind != "pointwise":
            raise ValueError(f"%{n}, {step}, has no value of its own here")
        values = [self.value(a, index) for a in step.args]
        kind = self.steps[step.args[0]].dtype
        if step.op == "cast":
            return code.cast(values[0], kind, step.dtype)
        if step.op == "select":
            return self.builder.select(*values)
        return OPERATIONS[step.op](code, kind, *values)

    def _constant(self, value: Any, kind: str) -> Any:
        if isinstance(value, Affine):
            if isinstance(value.scale, float):
                rows = self.builder.sitofp(self.rows, scalar_type("f8"))
                scaled = self.builder.fmul(rows, ir.Constant(scalar_type("f8"), value.scale))
                return self.code.splat(self._narrow(scaled, kind))
            whole = self.size(value)
            if kind[0] == "f":
                return self.code.splat(self.builder.sitofp(whole, scalar_type(kind)))
            return self.code.splat(whole if kind == "i8" else self.builder.trunc(whole, scalar_type(kind)))
        if isinstance(value, Inverse):
            rows = self.builder.sitofp(self.rows, scalar_type("f8"))
            share = self.builder.fdiv(ir.Constant(scalar_type("f8"), value.scale), rows)
            return self.code.splat(self._narrow(share, kind))
        return self.code.constant(value, kind)

    def _narrow(self, value: Any, kind: str) -> Any:
        return value if kind == "f8" else self.builder.fptrunc(value, scalar_type(kind))

    def _through(self, n: int, index: Index) -> Any:
        step = self.steps[n]
        source = step.args[0]
        found = access(self.plan.program, n, self.stored - set(self.kernel.roots))
        if found is not None:
            base = self.steps[found.number]
            if self.flat and any(found.strides):
                place = self.plus(index[0][0], self.size(found.offset))
                return self.load(self.plan.memory[found.number], base.dtype, place, 1)
            if self.flat:
                index = ((number(0), False),) * len(step.shape)
            return self.load(
                self.plan.memory[found.number], base.dtype, *self.address(index, found.strides, found.offset)
            )
        dims = same_dims(step, self.steps[source])
        if dims is None:
            raise ValueError(f"%{n}, {step}, cannot be read")
        key = (n, id(index))
        if key not in self._indices:
            self._indices[key] = tuple((number(0), False) if d is None else index[d] for d in dims)
        return self.value(source, self._indices[key])

    def _take(self, n: int, index: Index) -> Any:
        step, b, code = self.steps[n], self.builder, self.code
        source, *picks = step.args
        found = self.reach(source)
        first, inner = step.attrs[0], len(self.steps[picks[0]].shape)
        shape = self.steps[source].shape
        own = index[first : first + inner]
        before, after = index[:first], index[first + inner :]
        rest: Index = (*before, *[(number(0), False)] * len(picks), *after)
        place, lane = self.address(rest, found.strides, found.offset)
        places = code.splat(place)
        if not (isinstance(lane, int) and lane == 0) and code.lanes > 1:
            places = b.add(places, b.mul(code.steps(), code.splat(self.size(lane))))
        self._holding.append(own)
        for d, pick in zip(step.attrs, picks, strict=True):
            at = self.value(pick, own)
            # An index worked out from the place needs no check.
            at = at if step.op == "inside" else self.within(at, shape[d])
            places = b.add(places, b.mul(at, code.splat(self.size(found.strides[d]))))
        base = self.steps[found.number]
        return self.gather(self.plan.memory[found.number], base.dtype, places)

    def within(self, at: Any, size: Any) -> Any:
        """An index counted from the front; one out of range is noted in the status and made 0."""
        b, code = self.builder, self.code
        end = code.splat(self.size(size))
        zero = code.constant(0, "i8")
        at = b.select(b.icmp_signed("<", at, zero), b.add(at, end), at)
        bad = b.icmp_unsigned(">=", at, end)
        wrong = bad if self.mask is None or code.lanes == 1 else b.and_(bad, self.mask)
        if code.lanes > 1:
            wrong = code.call(f"llvm.vector.reduce.or.{overload(wrong.type)}", ir.IntType(1), wrong)
        with b.if_then(wrong, likely=False):
            b.store(number(1), self.pointer(("status", 0)))
        return b.select(bad, zero, at)

    # -- loops -------------------------------------------------------------------------------------------------------

    def loop(self, start: Any, stop: Any, step: int, body: Callable[[Any], None]) -> None:
        """`for i in range(start, stop, step)`."""
        loop(self.builder, start, stop, step, body)

    def share(self, size: Any) -> tuple[Any, Any]:
        """This thread's part of a loop: from, to."""
        b = self.builder
        if not self.shared:
            return number(0), size
        start = b.sdiv(b.mul(size, self.thread), self.threads)
        stop = b.sdiv(b.mul(size, b.add(self.thread, number(1))), self.threads)
        return start, stop

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


def number32(value: int) -> ir.Constant:
    """A 32-bit integer."""
    return ir.Constant(I32, value)


def plain_strides(shape: Sequence[Any]) -> tuple[Any, ...]:
    """Strides of an array without gaps; 0 for dimensions of size 1, which have none."""
    return tuple(0 if n == 1 else s for n, s in zip(shape, row_major(tuple(shape)), strict=True))


def elements(shape: Sequence[Any]) -> Any:
    """Number of elements of a shape."""
    return math.prod(shape)
