"""Scans, such as cumulative sums: each element combined with the result at the place before it along a dimension."""

from typing import Any

from backlit.compiler.calling import number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.program import row_major
from backlit.compiler.values import OPERATIONS


def emit_scan(k: KernelEmitter) -> None:
    """The core of a kernel for a "scan" step; it runs on one thread, from place to place in the order of memory."""
    step, b = k.steps[k.core], k.builder
    (source,) = step.args
    strides = row_major(step.shape)
    target = k.plan.memory[k.core]
    k.code.lanes = 1

    def turn(place: list[Any]) -> None:
        k.fresh()
        index = tuple((i, False) for i in place)
        value = k.value(source, index)
        at, _ = k.address(index, strides)
        first = b.icmp_signed("==", place[step.attrs], number(0))
        before = k.load(target, step.dtype, b.select(first, at, b.sub(at, k.size(strides[step.attrs]))), 0)
        combined = OPERATIONS[step.op](k.code, step.dtype, before, value)
        k.put(target, step.dtype, at, b.select(first, value, combined))

    with b.if_then(b.icmp_signed("==", k.thread, number(0))):
        k.nest(step.shape, turn)
