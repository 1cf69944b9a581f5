"""Reductions: sums, products, extremes and their places, over any dimensions, in an order that is always the same."""

import math
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, number
from backlit.compiler.costs import Share
from backlit.compiler.elementwise import emit_roots
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.values import COMBINED, OPERATIONS, Code, scalar_type

_IDENTITY = {"sum": 0, "prod": 1}


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


def emit_reduction(k: KernelEmitter) -> None:
    """Emit a reduction kernel."""
    core = k.core
    step = k.steps[core]
    if step.op.startswith("arg"):
        _arg_reduce(k)
        return
    source = step.args[0]
    shape, dims, kind = k.steps[source].shape, set(step.attrs), step.dtype
    kept = [d for d in range(len(shape)) if d not in dims]
    last = len(shape) - 1
    b, combine = k.builder, OPERATIONS[COMBINED[step.op]]
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
        if k.way.share is Share.PARTS:
            k.put_part(index, result)
            return
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
            total = across(k.code, total, combine, kind)
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
                k.own_rows() if k.way.share is Share.PARTS else None,
            )
            index = (*[(o, False) for o in outer_list], (i, lanes > 1))
            finish(b.load(memory[0], typ=k.code.type(kind)), index)

        if len(kept) == 1:
            k.vectors(shape[last], lanes, chunk, *k.share(k.size(shape[last])))
        else:
            k.vectors(shape[last], lanes, chunk)

    outer_shape = [shape[d] for d in kept[:-1]]
    k.nest(outer_shape, columns, k.share(k.size(outer_shape[0])) if outer_shape else None)


def across(code: Code, vector: Any, combine: Any, kind: str) -> Any:
    """All lanes combined into one number, halves first."""
    b, lanes = code.builder, code.lanes
    while lanes > 1:
        lanes //= 2
        places = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes)))
        upper = ir.Constant(ir.VectorType(ir.IntType(32), lanes), list(range(lanes, 2 * lanes)))
        nothing = ir.Constant(vector.type, ir.Undefined)
        low, high = b.shuffle_vector(vector, nothing, places), b.shuffle_vector(vector, nothing, upper)
        code.lanes = lanes
        vector = combine(code, kind, low, high)
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
