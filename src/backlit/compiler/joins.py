"""Arrays one after the other: each part is computed where it is stored, and not looked at for the places of others."""

from typing import Any

from backlit.compiler.elementwise import kinds
from backlit.compiler.kernels import KernelEmitter


def emit_join(k: KernelEmitter) -> None:
    """Emit a loop over each part; threads share the outermost dimension of each."""
    step = k.steps[k.core]
    begin: Any = 0
    for part in step.args:
        _emit_part(k, part, step.attrs, begin)
        begin = begin + k.steps[part].shape[step.attrs]


def _emit_part(k: KernelEmitter, part: int, dim: int, begin: Any) -> None:
    shape = k.steps[part].shape
    lanes = k.lanes(shape[-1], kinds(k, [part]))
    start, stop = k.share(k.size(shape[0]))

    def body(outer: list[Any]) -> None:
        def turn(i: Any) -> None:
            k.fresh()
            index = (*[(o, False) for o in outer], (i, k.code.lanes > 1))
            value = k.value(part, index)
            place, own = index[dim]
            k.store(k.core, (*index[:dim], (k.plus(place, k.size(begin)), own), *index[dim + 1 :]), value)

        if len(shape) == 1:
            k.vectors(shape[-1], lanes, turn, start, stop)
        else:
            k.vectors(shape[-1], lanes, turn)

    k.nest(shape[:-1], body, (start, stop))
