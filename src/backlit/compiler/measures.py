"""Measures of whole arrays: moments, and the shares that reach given marks; all kernels of a program share the code."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, POINTER, number
from backlit.compiler.frame import loop
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.reductions import across
from backlit.compiler.values import OPERATIONS, Code, item_size, scalar_type

# Vectors of so many registers: sums of their own, none of which waits for another.
_REGISTERS = 4
# Elements that stay in the first cache while they are compared with one mark after the other.
_BLOCK = 2048
_FUNCTION = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER, I64, POINTER])


def emit_measure(k: KernelEmitter) -> None:
    """The core of a kernel for a "measure" step; it runs on one thread."""
    step = k.steps[k.core]
    kind, width = step.dtype, number(step.shape[1])
    function, is_new = k.shared(f"{step.op}.{kind}", _FUNCTION)
    if is_new:
        _BODIES[step.op](_begin(k, function, kind), function.args)
    marks, sources = (step.args[0], step.args[1:]) if step.op == "at_least" else (k.core, step.args)

    def row(of: int, place: int) -> Any:
        start = k.builder.mul(width, number(place))
        return k.builder.gep(k.pointer(k.plan.memory[of]), [start], source_etype=scalar_type(kind))

    for place, source in enumerate(sources):
        count = k.size(math.prod(k.steps[source].shape))
        at = k.pointer(k.plan.memory[source])
        k.builder.call(function, [at, count, row(marks, place), width, row(k.core, place)])


class _Reader:
    """Emits folds over an array.

    Args:
        code: Emits values.
        kind: The element type.
        lanes: Elements that are read at a time.
    """

    def __init__(self, code: Code, kind: str, lanes: int) -> None:
        self.code, self.kind, self.lanes = code, kind, lanes

    def fold(self, at: Any, first: Any, last: Any, parts: dict[str, tuple[str, float, Callable[[Any], Any]]]) -> Any:
        """Combine what is made of each element: by name an operation, where it starts, and what is made."""
        code, b, kind = self.code, self.code.builder, self.kind
        whole = b.add(first, b.and_(b.sub(last, first), number(-self.lanes)))
        found: dict[str, Any] = {}
        for lanes, start, stop in ((self.lanes, first, whole), (1, whole, last)):
            code.lanes = lanes
            with b.goto_entry_block():
                rooms = {name: b.alloca(code.type(kind)) for name in parts}
            for name, (_, begin, _) in parts.items():
                b.store(code.constant(begin, kind), rooms[name])

            def turn(i: Any, lanes: int = lanes, rooms: dict[str, Any] = rooms) -> None:
                code.lanes = lanes
                place = b.gep(at, [i], source_etype=scalar_type(kind))
                value = b.load(place, typ=code.type(kind), align=item_size(kind))
                for name, (op, _, made) in parts.items():
                    old = b.load(rooms[name], typ=code.type(kind))
                    b.store(OPERATIONS[op](code, kind, old, made(value)), rooms[name])

            loop(b, start, stop, lanes, turn)
            for name, (op, _, _) in parts.items():
                code.lanes = lanes
                total = across(code, b.load(rooms[name], typ=code.type(kind)), OPERATIONS[op], kind)
                code.lanes = 1
                found[name] = OPERATIONS[op](code, kind, found[name], total) if name in found else total
        return found

    def counts(self, value: Any, sign: str, mark: Any) -> Any:
        """1 where a comparison holds, else 0."""
        code = self.code
        holds = OPERATIONS[sign](code, self.kind, value, code.splat(mark))
        return code.builder.select(holds, code.constant(1, self.kind), code.constant(0, self.kind))


def _begin(k: KernelEmitter, function: Any, kind: str) -> _Reader:
    b = ir.IRBuilder(function.append_basic_block("entry"))
    body = function.append_basic_block("body")
    b.branch(body)
    b.position_at_end(body)
    return _Reader(Code(k.module, b, 1), kind, _REGISTERS * k.width // item_size(kind))


def _moments(reader: _Reader, args: Sequence[Any]) -> None:
    """Mean, standard deviation, minimum, maximum, share of zeros."""
    at, count, _, _, out = args
    code, b, kind = reader.code, reader.code.builder, reader.kind
    zero = ir.Constant(scalar_type(kind), 0.0)
    n = b.sitofp(count, scalar_type(kind))
    found = reader.fold(
        at, number(0), count,
        {
            "sum": ("add", 0.0, lambda value: value),
            "low": ("minimum", math.inf, lambda value: value),
            "high": ("maximum", -math.inf, lambda value: value),
            "zeros": ("add", 0.0, lambda value: reader.counts(value, "equal", zero)),
        },
    )  # fmt: skip
    mean = b.fdiv(found["sum"], n)

    def squared(value: Any) -> Any:
        away = b.fsub(value, code.splat(mean))
        return b.fmul(away, away)

    spread = reader.fold(at, number(0), count, {"squares": ("add", 0.0, squared)})["squares"]
    deviation = OPERATIONS["sqrt"](code, kind, b.fdiv(spread, n))
    for place, value in enumerate((mean, deviation, found["low"], found["high"], b.fdiv(found["zeros"], n))):
        b.store(value, b.gep(out, [number(place)], source_etype=scalar_type(kind)), align=item_size(kind))
    b.ret_void()


def _at_least(reader: _Reader, args: Sequence[Any]) -> None:
    """For each mark the share of elements that are as large."""
    at, count, marks, n_marks, out = args
    b, kind = reader.code.builder, reader.kind
    one = scalar_type(kind)
    n = b.sitofp(count, one)

    def each(array: Any, i: Any) -> Any:
        return b.gep(array, [i], source_etype=one)

    size = item_size(kind)
    loop(b, number(0), n_marks, 1, lambda j: b.store(ir.Constant(one, 0.0), each(out, j), align=size))

    def block(start: Any) -> None:
        end = b.add(start, number(_BLOCK))
        end = b.select(b.icmp_signed("<", end, count), end, count)

        def against(j: Any) -> None:
            mark = b.load(each(marks, j), typ=one, align=size)
            parts = {"count": ("add", 0.0, lambda value: reader.counts(value, "greater_equal", mark))}
            found = reader.fold(at, start, end, parts)["count"]
            before = b.load(each(out, j), typ=one, align=size)
            b.store(b.fadd(before, b.fdiv(found, n)), each(out, j), align=size)

        loop(b, number(0), n_marks, 1, against)

    loop(b, number(0), count, _BLOCK, block)
    b.ret_void()


_BODIES = {"moments": _moments, "at_least": _at_least}
