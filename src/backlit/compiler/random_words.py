"""Random words in machine code: the generator of `xp.random_bits`, bit for bit.

Philox 4x64-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A block of four words depends on
the key and its counter alone, so blocks are computed in any order and by any thread.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.frame import I64, loop, number
from backlit.compiler.kernels import KernelEmitter

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
# What is added to the key's two words from round to round: the golden ratio, and sqrt(3) - 1.
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_BLOCK = 4


def emit_words(b: ir.IRBuilder, state: Any, count: Any, put: Callable[[Any, Any], None], share: Any = None) -> None:
    """Emit a loop over the words of one draw.

    Args:
        b: The builder.
        state: Address of a generator's three 64-bit integers (seed, stream, number of the draw), read before the loop.
        count: How many words, a 64-bit integer.
        put: Emits what is done with a word, from its place in the draw and its value.
        share: From the number of blocks of four words, the first that is computed and the first that is not; None: all.
    """
    seed, stream, draw = (b.load(b.gep(state, [number(w)], source_etype=I64), typ=I64, align=8) for w in range(3))
    blocks = b.lshr(b.add(count, number(_BLOCK - 1)), number(2))
    first, last = (number(0), blocks) if share is None else share(blocks)

    def block(i: Any) -> None:
        start = b.shl(i, number(2))
        for position, word in enumerate(_philox(b, (seed, stream), (b.add(i, number(1)), draw))):
            place = b.add(start, number(position))
            with b.if_then(b.icmp_signed("<", place, count)):
                put(place, word)

    loop(b, first, last, 1, block)


def _philox(b: ir.IRBuilder, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, ...]:
    """The four words of a block, whose counter's upper two words are 0."""
    x0, x1, x2, x3 = *counter, number(0), number(0)
    k0, k1 = key
    for turn in range(_ROUNDS):
        if turn:
            k0, k1 = b.add(k0, number(_WEYL[0])), b.add(k1, number(_WEYL[1]))
        (high0, low0), (high1, low1) = _product(b, x0, _MULTIPLIERS[0]), _product(b, x2, _MULTIPLIERS[1])
        x0, x1, x2, x3 = b.xor(b.xor(high1, x1), k0), low1, b.xor(b.xor(high0, x3), k1), low0
    return x0, x1, x2, x3


def _product(b: ir.IRBuilder, x: Any, factor: int) -> tuple[Any, Any]:
    """The upper and the lower word of a product of 64-bit words."""
    wide = ir.IntType(128)
    whole = b.mul(b.zext(x, wide), ir.Constant(wide, factor))
    return b.trunc(b.lshr(whole, ir.Constant(wide, 64)), I64), b.trunc(whole, I64)


def emit_random(k: KernelEmitter) -> None:
    """The core of a kernel for a "random" step; threads share its blocks."""
    core = k.kernel.core or 0
    step = k.steps[core]
    state = k.pointer(k.plan.memory[step.args[0]])
    k.code.lanes = 1
    emit_words(
        k.builder, state, k.size(step.shape[0]), lambda place, word: k.store(core, ((place, False),), word), k.share
    )
