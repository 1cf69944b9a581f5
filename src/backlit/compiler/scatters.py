"""Scatters: a copy of one array with values put or added at places that index arrays name."""

from typing import Any

from backlit.compiler.calling import number
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.program import row_major
from backlit.compiler.values import OPERATIONS


def emit_scatter(k: KernelEmitter) -> None:
    """Emit a scatter kernel: the copy first, then each value to its place."""
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
            own = k.keep(index[first : first + inner])
            rest = (*index[:first], *[(number(0), False)] * len(picks), *index[first + inner :])
            strides = row_major(step.shape)
            at, _ = k.address(rest, strides)
            for d, pick in zip(step.attrs, picks, strict=True):
                at = b.add(at, k.times(k.within(k.value(pick, own), step.shape[d]), strides[d]))
            value = k.value(values, index)
            if step.op == "add":
                value = OPERATIONS["add"](k.code, step.dtype, k.load(target, step.dtype, at, 0), value)
            k.put(target, step.dtype, at, value)

        k.nest(k.steps[values].shape, put)
