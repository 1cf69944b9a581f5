"""Values in kernels: the value of any step at an index, from memory or computed where it is used."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, number, number32
from backlit.compiler.costs import Share
from backlit.compiler.failures import INDEX
from backlit.compiler.frame import Index, KernelFrame, elements
from backlit.compiler.plan import LINE, Access, access, row_major, same_dims
from backlit.compiler.program import plain_strides
from backlit.compiler.rows import Affine, Inverse
from backlit.compiler.squares import butterfly, columns_of, first_lanes
from backlit.compiler.values import COMBINED, OPERATIONS, item_size, scalar_type

# So many columns of short rows are read and written number by number; more of them in whole rows.
FEW_COLUMNS = 4


class KernelEmitter(KernelFrame):
    """Emits one kernel of a plan into a module; arguments as in `KernelFrame`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.code.fail = self.fail
        self._values: dict[Any, Any] = {}
        self._indices: dict[Index, Index] = {}
        # Of short rows, the first that a vector holds, and the end of all.
        self.span: tuple[Any, Any] = (None, None)

    @property
    def core(self) -> int:
        """The product, reduction, scatter or call that the kernel computes."""
        if self.kernel.core is None:
            raise ValueError("a loop over elements has no core")
        return self.kernel.core

    def reach(self, n: int) -> Access:
        """How a step is read from memory, by a kernel that does not compute it."""
        found = self._access(n)
        if found is None:
            raise ValueError(f"%{n}, {self.steps[n]}, cannot be read from memory")
        return found

    def _access(self, n: int) -> Access | None:
        found = access(self.plan.program, n, self.read)
        if found is None or n not in self._told:
            return found
        return found._replace(offset=self._told[n])

    def fresh(self) -> None:
        """Forget the values of another place."""
        self._values.clear()
        self._indices.clear()

    def keep(self, index: Index) -> Index:
        """The one index of this content until `fresh`: values are known by the identity of their index."""
        return self._indices.setdefault(index, index)

    def hold(self, step: int, index: Index, value: Any) -> None:
        """Use a value in registers in place of memory."""
        self._values[step, id(self.keep(index))] = value

    def value(self, n: int, index: Index) -> Any:
        """The value of a step at an index, computed once an index."""
        index = self.keep(index)
        key = (n, id(index))
        if key not in self._values:
            self._values[key] = self._compute(n, index)
        return self._values[key]

    def _compute(self, n: int, index: Index) -> Any:
        step, code = self.steps[n], self.code
        if n == self.kernel.core and self.way.share is Share.TOTAL:
            return self._total(n, index)
        if n in self.stored and n not in self.kernel.roots:
            if self.flat:
                return self.load(self.plan.memory[n], step.dtype, index[0][0], 1)
            return self._stored(n, index, plain_strides(step.shape))
        if step.kind == "constant":
            return self._constant(step.attrs, step.dtype)
        if step.kind == "iota":
            i, lanes = index[0]
            return self.builder.add(code.splat(i), code.steps()) if lanes else code.splat(i)
        if step.kind == "view":
            return self._through(n, index)
        if step.kind == "pad":
            return self._padded(n, index)
        if step.kind == "take":
            return self._take(n, index)
        if step.kind == "reduce" and self.kernel.columns is not None:
            return self._along(n, index)
        if step.kind != "pointwise":
            raise ValueError(f"%{n}, {step}, has no value of its own here")
        values = [self.value(a, index) for a in step.args]
        kind = self.steps[step.args[0]].dtype
        if step.op == "cast":
            return code.cast(values[0], kind, step.dtype)
        if step.op == "select":
            return self.builder.select(*values)
        return OPERATIONS[step.op](code, kind, *values)

    # -- sums of which every thread has a part -----------------------------------------------------------------------

    def put_part(self, index: Index, value: Any) -> None:
        """Write what this thread has added up of the core's element at an index."""
        step = self.steps[self.core]
        place, lane = self.address(index, row_major(step.shape))
        self.put(("parts", self.core), step.dtype, self.plus(self._part(self.thread), place), value, lane)

    def _part(self, thread: Any) -> Any:
        """Where the part of a thread begins."""
        step, b = self.steps[self.core], self.builder
        count = number(elements(step.shape)) if self.count is None else self.count
        line = LINE // item_size(step.dtype)
        # In whole lines of the cache, as they were laid out.
        return b.mul(thread, b.and_(b.add(count, number(line - 1)), number(-line)))

    def _total(self, n: int, index: Index) -> Any:
        """The core's element at an index: the sum of all parts, in the order of the threads."""
        step, b = self.steps[n], self.builder
        place, lane = (index[0][0], 1) if self.flat else self.address(index, row_major(step.shape))
        total = self.load(("parts", n), step.dtype, place, lane)
        combine = OPERATIONS["add" if step.kind == "product" else COMBINED[step.op]]
        before = b.block
        head, more, after = (b.append_basic_block(name) for name in ("parts", "more", "total"))
        b.branch(head)
        b.position_at_end(head)
        thread, known = b.phi(I64), b.phi(total.type)
        thread.add_incoming(number(1), before)
        known.add_incoming(total, before)
        b.cbranch(b.icmp_signed("<", thread, self.threads), more, after)
        b.position_at_end(more)
        part = self.load(("parts", n), step.dtype, self.plus(place, self._part(thread)), lane)
        known.add_incoming(combine(self.code, step.dtype, known, part), b.block)
        thread.add_incoming(b.add(thread, number(1)), b.block)
        b.branch(head)
        b.position_at_end(after)
        return known

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
        found = self._access(n)
        if found is not None:
            base = self.steps[found.number]
            if self.flat and any(found.strides):
                place = self.plus(index[0][0], self.size(found.offset))
                return self.load(self.plan.memory[found.number], base.dtype, place, 1)
            if self.flat:
                index = ((number(0), False),) * len(step.shape)
            return self._stored(found.number, index, found.strides, found.offset)
        dims = same_dims(step, self.steps[source])
        if dims is None:
            raise ValueError(f"%{n}, {step}, cannot be read")
        return self.value(source, tuple((number(0), False) if d is None else index[d] for d in dims))

    def _padded(self, n: int, index: Index) -> Any:
        """The value inside of a border, or the border's; outside, what is read is the nearest that is there."""
        step, b, code = self.steps[n], self.builder, self.code
        lows, strides, value = step.attrs
        sizes = self.steps[step.args[0]].shape
        if any(lanes and stride != 1 for (_, lanes), stride in zip(index, strides, strict=True)):
            return self._lane_by_lane(n, index)
        places: list[tuple[Any, bool]] = []
        inside, mask = None, None
        for (i, lanes), low, stride, size, own in zip(index, lows, strides, sizes, step.shape, strict=True):
            if (low, stride, size) == (0, 1, own):
                places.append((i, lanes))
                continue
            if isinstance(i, ir.Constant) and not lanes and isinstance(low, int) and isinstance(size, int):
                known, between = divmod(i.constant - low, stride)
                if between or not 0 <= known < size:
                    return self._constant(value, step.dtype)
                places.append((number(known), False))
                continue
            apart, count = b.sub(i, self.size(low)), self.size(size)
            if lanes:
                # Lanes outside are not read.
                mask = b.icmp_unsigned("<", b.add(code.splat(apart), code.steps()), code.splat(count))
                places.append((apart, True))
                continue
            # What is before the beginning is, without a sign, far beyond the end.
            place = apart if stride == 1 else b.udiv(apart, number(stride))
            fits = b.icmp_unsigned("<", place, count)
            if stride != 1:
                fits = b.and_(fits, b.icmp_signed("==", b.mul(place, number(stride)), apart))
            places.append((b.select(fits, place, number(0)), False))
            inside = fits if inside is None else b.and_(inside, fits)
        border = self._constant(value, step.dtype)
        if mask is None:
            found = self.value(step.args[0], tuple(places))
        else:
            with self._apart(mask if self.mask is None else b.and_(mask, self.mask), code.lanes):
                found = b.select(mask, self.value(step.args[0], tuple(places)), border)
        return found if inside is None else b.select(inside, found, border)

    def _lane_by_lane(self, n: int, index: Index) -> Any:
        """The value of a step, for each lane alone."""
        b, code, mask, lanes = self.builder, self.code, self.mask, self.code.lanes
        result: Any = ir.Constant(code.type(self.steps[n].dtype), None)
        with self._apart(None, 1):
            for lane in range(lanes):
                here = number(lane)
                if mask is not None:
                    # Lanes beyond the end are like the first, which exists.
                    here = b.select(b.extract_element(mask, number32(lane)), here, number(0))
                place = tuple((self.plus(i, here) if own else i, False) for i, own in index)
                result = b.insert_element(result, self.value(n, place), number32(lane))
        return result

    @contextmanager
    def _apart(self, mask: Any, lanes: int) -> Iterator[None]:
        """Under another mask, or in other vectors, values are not those around, even at the same index."""
        before = self.mask, self.code.lanes, self._values
        self.mask, self.code.lanes, self._values = mask, lanes, {}
        yield
        self.mask, self.code.lanes, self._values = before

    def _stored(self, n: int, index: Index, strides: tuple[Any, ...], offset: Any = 0) -> Any:
        """The value that is read from a step's memory."""
        step = self.steps[n]
        if len(index) == len(step.shape) == 2 and index[0] == (self.span[0], True) and offset == 0:
            width = step.shape[1]
            if strides == (width, 1) and isinstance(width, int):
                key = (n, "columns")
                if key not in self._values:
                    read = self._columns if width > FEW_COLUMNS else self._few_columns
                    self._values[key] = read(n, width)
                return self._values[key][index[1][0].constant]
        return self.load(self.plan.memory[n], step.dtype, *self.address(index, strides, offset))

    def _columns(self, n: int, width: int) -> list[Any]:
        """The columns of a vector of rows, which are read as they lie."""
        b, lanes, mask = self.builder, self.code.lanes, self.mask
        found: list[Any] = []
        for first in range(0, width, lanes):
            rows = []
            self.mask = first_lanes(lanes, min(width - first, lanes))
            for row in self.lane_rows():
                place = self.plus(self.times(row, width), number(first))
                rows.append(self.load(self.plan.memory[n], self.steps[n].dtype, place, 1))
            found += butterfly(b, rows, lanes)
        self.mask = mask
        return found[:width]

    def _few_columns(self, n: int, width: int) -> list[Any]:
        """The same where there are few: rows that follow each other lie in few vectors."""
        mask, kind, where = self.mask, self.steps[n].dtype, self.plan.memory[n]
        rows = [self.load(where, kind, place, 1) for place in self.together(width)]
        self.mask = mask
        return columns_of(self.builder, rows, self.code.lanes)

    def together(self, width: int) -> Iterator[Any]:
        """Where the vectors begin in which rows of few columns lie one after the other; sets the mask for each."""
        b, code, (first, end) = self.builder, self.code, self.span
        begin, stop = self.times(first, width), self.times(end, width)
        for v in range(width):
            place = self.plus(begin, number(v * code.lanes))
            self.mask = b.icmp_signed("<", code.steps(), code.splat(b.sub(stop, place)))
            yield place

    def lane_rows(self) -> list[Any]:
        """For each lane the row that it holds; those beyond the end hold the last."""
        if "rows" not in self._values:
            first, end = self.span
            last = self.builder.sub(end, number(1))
            self._values["rows"] = [self.least(self.plus(first, number(n)), last) for n in range(self.code.lanes)]
        return self._values["rows"]

    def _along(self, n: int, index: Index) -> Any:
        """A reduction along a short row."""
        step = self.steps[n]
        values = [self.value(step.args[0], (*index, (number(c), False))) for c in range(self.kernel.columns or 0)]
        combine = OPERATIONS[COMBINED[step.op]]
        return functools.reduce(lambda x, y: combine(self.code, step.dtype, x, y), values)

    def _pick(self, n: int, index: Index) -> Any:
        """One element of a short row that is in registers."""
        step = self.steps[n]
        source, _, pick = step.args
        length = self.steps[source].shape[1]
        at = self.value(pick, index)
        if step.op != "inside":
            at = self.within(at, length)
        values = [self.value(source, (index[0], (number(c), False))) for c in range(length)]
        result = values[0]
        for c, value in enumerate(values[1:], 1):
            result = self.builder.select(self.builder.icmp_signed("==", at, self.code.constant(c, "i8")), value, result)
        return result

    def _take(self, n: int, index: Index) -> Any:
        step, b, code = self.steps[n], self.builder, self.code
        source, *picks = step.args
        if self.kernel.columns is not None and access(self.plan.program, source, self.read) is None:
            return self._pick(n, index)
        found = self.reach(source)
        first, inner = step.attrs[0], len(self.steps[picks[0]].shape)
        shape = self.steps[source].shape
        own = self.keep(index[first : first + inner])
        before, after = index[:first], index[first + inner :]
        rest: Index = (*before, *[(number(0), False)] * len(picks), *after)
        place, lane = self.address(rest, found.strides, found.offset)
        places = code.splat(place)
        if not (isinstance(lane, int) and lane == 0) and code.lanes > 1:
            places = b.add(places, b.mul(code.steps(), code.splat(self.size(lane))))
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
        self.fail(bad, INDEX)
        return b.select(bad, zero, at)

    def fail(self, wrong: Any, status: int) -> None:
        """Note a status where something is wrong in one of the lanes."""
        b, code = self.builder, self.code
        if self.mask is not None and code.lanes > 1:
            wrong = b.and_(wrong, self.mask)
        with b.if_then(code.any(wrong), likely=False):
            b.store(number(status), self.pointer(("status", 0)))
