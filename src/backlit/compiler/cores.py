"""The cores of kernels: elementwise loops, reductions, products in register tiles, scatters."""

import math
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.kernels import I64, KernelEmitter, elements, number, plain_strides
from backlit.compiler.plan import access
from backlit.compiler.program import row_major
from backlit.compiler.random_words import emit_random
from backlit.compiler.transpose import emit_transpose, is_transposed
from backlit.compiler.values import OPERATIONS, item_size, scalar_type


def emit_core(k: KernelEmitter) -> None:
    """Emit the body of a kernel."""
    core = k.kernel.core
    if is_transposed(k):
        emit_transpose(k)
    else:
        _CORES["loop" if core is None else k.steps[core].kind](k)
    k.finish()


# The symbol by which native code calls back into Python.
CALL_BACK = "backlit_call_back"

# -- elementwise -------------------------------------------------------------------------------------------------------


def _flat(k: KernelEmitter, n: int, seen: set[int]) -> bool:
    """Whether a step can be computed by going through memory once from end to end."""
    step = k.steps[n]
    if n in seen:
        return True
    seen.add(n)
    if n in k.stored and n not in k.kernel.roots:
        return step.shape == k.kernel.shape
    if step.kind == "constant":
        return True
    if step.kind == "view":
        found = access(k.plan.program, n, k.stored - set(k.kernel.roots))
        return found is not None and found.strides in ((0,) * len(step.shape), plain_strides(step.shape))
    return step.kind == "pointwise" and all(_flat(k, a, seen) for a in step.args)


def _kinds(k: KernelEmitter, roots: list[int]) -> set[str]:
    return {k.steps[r].dtype for r in roots} | {k.steps[a].dtype for r in roots for a in k.steps[r].args}


def emit_roots(k: KernelEmitter, index: Any) -> None:
    """Compute and store all roots but the core at an index."""
    for root in k.kernel.roots:
        if root == k.kernel.core:
            continue
        value = k.computed(root, index)
        k.store(root, index, value)


def _loop(k: KernelEmitter) -> None:
    shape = k.kernel.shape
    seen: set[int] = set()
    if len(shape) > 1 and all(_flat(k, r, seen) for r in k.kernel.roots):
        shape, k.flat = (elements(shape),), True
    if not shape:
        k.code.lanes = 1
        emit_roots(k, ())
        return
    lanes = k.lanes(shape[-1], _kinds(k, k.kernel.roots))
    if not k.flat and _crosses(k):
        lanes = 1
    start, stop = k.share(k.size(shape[0]))

    def body(outer: list[Any]) -> None:
        def turn(i: Any) -> None:
            k.fresh()
            emit_roots(k, (*[(o, False) for o in outer], (i, k.code.lanes > 1)))

        if len(shape) == 1:
            k.vectors(shape[-1], lanes, turn, start, stop)
        else:
            k.vectors(shape[-1], lanes, turn)

    k.nest(shape[:-1], body, (start, stop))


def _crosses(k: KernelEmitter) -> bool:
    """Whether the loop mostly copies across memory, where single elements are as good as vectors."""
    for root in k.kernel.roots:
        step = k.steps[root]
        if step.kind == "view":
            found = access(k.plan.program, root, k.stored - {root})
            return found is not None and found.strides[-1] not in (0, 1)
    return False


# -- reductions --------------------------------------------------------------------------------------------------------

_IDENTITY = {"sum": 0, "prod": 1}
_COMBINE = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}


def _start(k: KernelEmitter, op: str, kind: str) -> Any:
    if op in _IDENTITY:
        return k.code.constant(_IDENTITY[op], kind)
    if kind[0] == "f":
        return k.code.constant(-math.inf if op == "max" else math.inf, kind)
    if kind == "b1":
        return k.code.constant(op == "min", kind)
    bits = int(kind[1:]) * 8
    low, high = (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return k.code.constant(low if op == "max" else high, kind)


def _reduce(k: KernelEmitter) -> None:
    core = k.core
    step = k.steps[core]
    if step.op.startswith("arg"):
        _arg_reduce(k)
        return
    source = step.args[0]
    shape, dims, kind = k.steps[source].shape, set(step.attrs), step.dtype
    kept = [d for d in range(len(shape)) if d not in dims]
    last = len(shape) - 1
    b, combine = k.builder, OPERATIONS[_COMBINE[step.op]]
    lanes = k.lanes(shape[last], {kind})
    inner = [d for d in sorted(dims) if d != last]

    def full(outer: dict[int, Any], more: dict[int, Any], tail: tuple[Any, bool]) -> Any:
        return tuple(tail if d == last else (({**outer, **more})[d], False) for d in range(len(shape)))

    def accumulate(memory: list[Any], index: Any) -> None:
        k.fresh()
        value = k.value(source, index)
        if k.mask is not None and k.code.lanes > 1 and last in dims:
            value = b.select(k.mask, value, _start(k, step.op, kind))
        b.store(combine(k.code, kind, b.load(memory[0], typ=value.type), value), memory[0])

    def room(kind_of_value: ir.Type) -> Any:
        return k.head.alloca(kind_of_value)

    def finish(result: Any, index: Any) -> None:
        k.fresh()
        k.hold(core, index, result)
        if k.plan.stores.get(core):
            k.store(core, index, result)
        emit_roots(k, index)

    if last in dims:

        def body(outer_list: list[Any]) -> None:
            outer = dict(zip(kept, outer_list, strict=True))
            k.code.lanes = lanes
            memory = [room(k.code.type(kind))]
            b.store(_start(k, step.op, kind), memory[0])

            def rows(more_list: list[Any]) -> None:
                more = dict(zip(inner, more_list, strict=True))
                k.vectors(shape[last], lanes, lambda i: accumulate(memory, full(outer, more, (i, lanes > 1))))

            k.nest([shape[d] for d in inner], rows)
            k.code.lanes = lanes
            total = b.load(memory[0], typ=k.code.type(kind))
            total = _across(k, total, combine, kind)
            k.code.lanes = 1
            finish(total, tuple((o, False) for o in outer_list))

        out = [shape[d] for d in kept]
        k.nest(out, body, k.share(k.size(out[0])) if out else None)
        return

    def columns(outer_list: list[Any]) -> None:
        outer = dict(zip(kept[:-1], outer_list, strict=True))

        def chunk(i: Any) -> None:
            k.code.lanes = lanes
            memory = [room(k.code.type(kind))]
            b.store(_start(k, step.op, kind), memory[0])
            k.nest(
                [shape[d] for d in inner],
                lambda more: accumulate(memory, full(outer, dict(zip(inner, more, strict=True)), (i, lanes > 1))),
            )
            index = (*[(o, False) for o in outer_list], (i, lanes > 1))
            finish(b.load(memory[0], typ=k.code.type(kind)), index)

        if len(kept) == 1:
            k.vectors(shape[last], lanes, chunk, *k.share(k.size(shape[last])))
        else:
            k.vectors(shape[last], lanes, chunk)

    outer_shape = [shape[d] for d in kept[:-1]]
    k.nest(outer_shape, columns, k.share(k.size(outer_shape[0])) if outer_shape else None)


def _across(k: KernelEmitter, vector: Any, combine: Any, kind: str) -> Any:
    """All lanes combined into one number, halves first."""
    b, lanes = k.builder, k.code.lanes
    while lanes > 1:
        lanes //= 2
        places = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
        upper = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes, 2 * lanes)))
        nothing = ir.Constant(vector.type, ir.Undefined)
        low, high = b.shuffle_vector(vector, nothing, places), b.shuffle_vector(vector, nothing, upper)
        k.code.lanes = lanes
        vector = combine(k.code, kind, low, high)
    if isinstance(vector.type, ir.VectorType):
        return b.extract_element(vector, ir.Constant(ir.IntType(32), 0))
    return vector


def _arg_reduce(k: KernelEmitter) -> None:
    core = k.core
    step, b = k.steps[core], k.builder
    source, (dim,) = step.args[0], step.attrs
    shape, kind = k.steps[source].shape, k.steps[source].dtype
    k.code.lanes = 1
    best, place = k.head.alloca(scalar_type(kind)), k.head.alloca(I64)
    better = OPERATIONS["greater" if step.op == "argmax" else "less"]
    kept = [n for d, n in enumerate(shape) if d != dim]

    def body(outer: list[Any]) -> None:
        def at(i: Any) -> Any:
            return k.value(source, tuple((o, False) for o in (*outer[:dim], i, *outer[dim:])))

        k.fresh()
        b.store(at(number(0)), best)
        b.store(number(0), place)

        def turn(i: Any) -> None:
            k.fresh()
            value, old = at(i), b.load(best, typ=scalar_type(kind))
            wins = better(k.code, kind, value, old)
            if kind[0] == "f":
                # The first NaN wins over all numbers, as in NumPy.
                wins = b.or_(wins, b.and_(b.fcmp_unordered("!=", value, value), b.fcmp_ordered("==", old, old)))
            with b.if_then(wins):
                b.store(value, best)
                b.store(i, place)

        k.loop(number(1), k.size(shape[dim]), 1, turn)
        k.fresh()
        k.store(core, tuple((o, False) for o in outer), b.load(place, typ=I64))

    k.nest(kept, body, k.share(k.size(kept[0])) if kept else None)


# -- products ----------------------------------------------------------------------------------------------------------


def _product(k: KernelEmitter) -> None:
    core = k.core
    step, b = k.steps[core], k.builder
    kind = step.dtype
    left, right = (k.reach(a) for a in step.args)
    batch, (m, n) = step.shape[:-2], step.shape[-2:]
    inner = k.steps[step.args[0]].shape[-1]
    lanes = k.lanes(n, {kind})
    wide, tall = _tile(n, lanes)
    tile_type = ir.VectorType(scalar_type(kind), lanes) if lanes > 1 else scalar_type(kind)
    room = k.head.alloca(tile_type, tall * wide)

    def tile(outer: list[Any], i: Any, j: Any, height: int, columns: list[Any], top: Any) -> None:
        """One tile of `height` rows and as many vectors as there are masks in `columns` (None: a whole vector)."""
        k.code.lanes = lanes
        vector = k.code.type(kind)
        rows = [i if r == 0 else b.add(i, number(r)) for r in range(height)]
        # Rows beyond the last are computed like the last one and not stored.
        reads = rows if top is None else [b.select(b.icmp_signed("<", r, top), r, b.sub(top, number(1))) for r in rows]
        plain = [(o, False) for o in outer]
        starts = [k.address((*plain, (r, False), (number(0), False)), left.strides, left.offset)[0] for r in reads]
        columns_at = [j if v == 0 else b.add(j, number(v * lanes)) for v in range(len(columns))]
        origins = [
            k.address((*plain, (number(0), False), (c, False)), right.strides, right.offset)[0] for c in columns_at
        ]
        before = b.block
        head, after = b.append_basic_block("inner"), b.append_basic_block("done")
        some = b.icmp_signed(">", k.size(inner), number(0))
        b.cbranch(some, head, after)
        b.position_at_end(head)
        t = b.phi(I64)
        t.add_incoming(number(0), before)
        zero = ir.Constant(vector, [0.0] * lanes) if lanes > 1 else ir.Constant(vector, 0.0)
        sums = [[b.phi(vector) for _ in columns] for _ in range(height)]
        loaded = []
        for origin, mask in zip(origins, columns, strict=True):
            place = b.add(origin, k.times(t, right.strides[-2]))
            k.mask = mask
            loaded.append(k.load(k.plan.memory[right.number], kind, place, 1 if lanes > 1 else 0))
        k.mask = None
        fresh = []
        for start in starts:
            place = b.add(start, k.times(t, left.strides[-1]))
            one = k.load(k.plan.memory[left.number], kind, place, 0)
            fresh.append([(one, column) for column in loaded])
        done = []
        for row, old in zip(fresh, sums, strict=True):
            done.append([k.code.fma(one, column, s) for (one, column), s in zip(row, old, strict=True)])
        t.add_incoming(b.add(t, number(1)), b.block)
        for old_row, new_row in zip(sums, done, strict=True):
            for old, new in zip(old_row, new_row, strict=True):
                old.add_incoming(zero, before)
                old.add_incoming(new, b.block)
        end = b.block
        b.cbranch(b.icmp_signed("<", b.add(t, number(1)), k.size(inner)), head, after)
        b.position_at_end(after)
        for new_row in done:
            for v, new in enumerate(new_row):
                result = b.phi(vector)
                result.add_incoming(zero, before)
                result.add_incoming(new, end)
                new_row[v] = result
        # Through the stack, so that what follows is emitted once and not for every row of the tile.
        for r, new_row in enumerate(done):
            for v, new in enumerate(new_row):
                b.store(new, b.gep(room, [number(r * wide + v)], source_etype=vector), align=item_size(kind))
        stop = number(height) if top is None else b.sub(top, i)
        if top is not None:
            stop = b.select(b.icmp_signed("<", stop, number(height)), stop, number(height))

        def finish(r: Any) -> None:
            row = b.add(i, r)
            for v, (column, mask) in enumerate(zip(columns_at, columns, strict=True)):
                k.fresh()
                k.mask = mask
                at = b.gep(room, [b.add(b.mul(r, number(wide)), number(v))], source_etype=vector)
                index = (*plain, (row, False), (column, lanes > 1))
                value = b.load(at, typ=vector, align=item_size(kind))
                k.hold(core, index, value)
                if k.plan.stores.get(core):
                    k.store(core, index, value)
                emit_roots(k, index)
            k.mask = None

        k.loop(number(0), stop, 1, finish)

    def across(outer: list[Any], i: Any, height: int, top: Any) -> None:
        """All tiles of a band of rows."""
        k.code.lanes = lanes
        if isinstance(n, int):
            block = wide * lanes
            k.loop(
                number(0), number(n // block * block), block, lambda j: tile(outer, i, j, height, [None] * wide, top)
            )
            rest = n % block
            if rest:
                whole, part = divmod(rest, lanes)
                columns: list[Any] = [None] * whole
                if part:
                    flags = [int(p < part) for p in range(lanes)]
                    columns.append(ir.Constant(ir.VectorType(ir.IntType(1), lanes), flags))
                tile(outer, i, number(n - rest), height, columns, top)
            return

        def turn(j: Any) -> None:
            k.code.lanes = lanes
            left_over = k.code.splat(b.sub(k.size(n), j))
            mask = b.icmp_signed("<", k.code.steps(), left_over) if lanes > 1 else None
            tile(outer, i, j, height, [mask], top)

        k.loop(number(0), k.size(n), lanes, turn)

    def bands(outer: list[Any]) -> None:
        size = k.size(m)
        if batch:
            first, last = number(0), size
        else:
            # Threads take whole bands.
            count = b.sdiv(b.add(size, number(tall - 1)), number(tall))
            low, high = k.share(count)
            first, last = b.mul(low, number(tall)), b.mul(high, number(tall))
            last = b.select(b.icmp_signed("<", last, size), last, size)
        even = isinstance(m, int) and m % tall == 0
        k.loop(first, last, tall, lambda i: across(outer, i, tall, None if even else last))

    k.nest(batch, bands, k.share(k.size(batch[0])) if batch else None)


def _tile(columns: Any, lanes: int) -> tuple[int, int]:
    """Vectors across and rows down of a register tile: as many sums as hide the latency of a multiply-add."""
    if not isinstance(columns, int) or columns <= lanes:
        return 1, 8
    return 2, 8


# -- scatters ----------------------------------------------------------------------------------------------------------


def _scatter(k: KernelEmitter) -> None:
    core = k.core
    step, b = k.steps[core], k.builder
    base, values, *picks = step.args
    lanes = k.lanes(step.shape[-1], {step.dtype})
    with b.if_then(b.icmp_signed("==", k.thread, number(0))):

        def fill(outer: list[Any]) -> None:
            def turn(i: Any) -> None:
                k.fresh()
                index = (*[(o, False) for o in outer], (i, k.code.lanes > 1))
                k.store(core, index, k.value(base, index))

            k.vectors(step.shape[-1], lanes, turn)

        k.nest(step.shape[:-1], fill)
        k.code.lanes = 1
        first, inner = step.attrs[0], len(k.steps[picks[0]].shape)
        target = k.plan.memory[core]

        def put(place: list[Any]) -> None:
            k.fresh()
            index = tuple((i, False) for i in place)
            own = index[first : first + inner]
            k._holding.append(own)
            rest = (*index[:first], *[(number(0), False)] * len(picks), *index[first + inner :])
            strides = row_major(step.shape)
            at, _ = k.address(rest, strides)
            for d, pick in zip(step.attrs, picks, strict=True):
                at = b.add(at, k.times(k.within(k.value(pick, own), step.shape[d]), strides[d]))
            value = k.value(values, index)
            if step.op == "add":
                value = OPERATIONS["add"](k.code, step.dtype, k.load(target, step.dtype, at, 0), value)
            k._put(target, step.dtype, at, value)

        k.nest(k.steps[values].shape, put)


# -- calls back into Python --------------------------------------------------------------------------------------------


def _call(k: KernelEmitter) -> None:
    """Call the process's one way back into Python, which knows the executable by its number."""
    slot = k.builder.gep(k.table, [number(k.places["executable", 0])], source_etype=I64)
    with k.builder.if_then(k.builder.icmp_signed("==", k.thread, number(0))):
        k.code.call(CALL_BACK, ir.VoidType(), k.builder.load(slot, typ=I64), number(k.core), k.rows)


_CORES = {
    "loop": _loop,
    "product": _product,
    "reduce": _reduce,
    "scatter": _scatter,
    "call": _call,
    "random": emit_random,
}
