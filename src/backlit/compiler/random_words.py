"""Random words in machine code: the generator of `xp.random_bits`, bit for bit.

Philox 4x64-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A block of four words depends on
the key and its counter alone, so blocks are computed in any order and by any thread.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, number
from backlit.compiler.frame import loop
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.squares import rows_of
from backlit.compiler.values import Code, item_size

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
# What is added to the key's two words from round to round: the golden ratio, and sqrt(3) - 1.
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_BLOCK = 4
_LOW = (1 << 32) - 1


def emit_words(
    code: Code, state: Any, count: Any, lanes: int, put: Callable[[Any, Any], None], share: Any = None, room: int = 0
) -> None:
    """Emit loops over the words of one draw.

    Args:
        code: Emits them; has so many lanes as it has words whenever `put` is called.
        state: Address of a generator's three 64-bit integers (seed, stream, number of the draw), read before the loops.
        count: How many words, a 64-bit integer.
        lanes: Words of a vector.
        put: Emits what is done with words that follow each other, a vector or, at the end, one word, from the place
            of the first in the draw and their values.
        share: From the number of blocks of four words, the first that is computed and the first that is not; None: all.
        room: How many words may be put beyond the count.
    """
    b = code.builder
    seed, stream, draw = (b.load(b.gep(state, [number(w)], source_etype=I64), typ=I64, align=8) for w in range(3))
    blocks = b.lshr(b.add(count, number(_BLOCK - 1)), number(2))
    first, last = (number(0), blocks) if share is None else share(blocks)

    def words(i: Any) -> list[Any]:
        counters = b.add(b.add(code.splat(i), code.steps()), code.splat(number(1)))
        return _philox(code, code.splat(seed), code.splat(stream), (counters, code.splat(draw)))

    def several(i: Any) -> None:
        for part, found in enumerate(rows_of(b, words(i), lanes)):
            put(b.add(b.shl(i, number(2)), number(part * lanes)), found)

    def one(i: Any) -> None:
        for position, word in enumerate(words(i)):
            place = b.add(b.shl(i, number(2)), number(position))
            with b.if_then(b.icmp_signed("<", place, count)):
                put(place, word)

    if lanes > 1:
        code.lanes = lanes
        if room >= _BLOCK * lanes:
            loop(b, first, last, lanes, several)
            return
        full = b.lshr(count, number(2))
        full = b.select(b.icmp_signed("<", full, last), full, last)
        in_vectors = b.and_(b.sub(full, first), number(-lanes))
        middle = b.select(b.icmp_signed(">", in_vectors, number(0)), b.add(first, in_vectors), first)
        loop(b, first, middle, lanes, several)
        first = middle
    code.lanes = 1
    loop(b, first, last, 1, one)


def _philox(code: Code, k0: Any, k1: Any, counter: tuple[Any, Any]) -> list[Any]:
    """The four words of blocks, whose counters' upper two words are 0."""
    b, zero = code.builder, code.splat(number(0))
    first, before = (number(0), *counter, zero, zero, k0, k1), b.block
    rounds, after = b.append_basic_block("rounds"), b.append_basic_block("drawn")
    b.branch(rounds)
    b.position_at_end(rounds)
    old = [b.phi(value.type) for value in first]
    turn, x0, x1, x2, x3, k0, k1 = old
    (high0, low0), (high1, low1) = _product(code, x0, _MULTIPLIERS[0]), _product(code, x2, _MULTIPLIERS[1])
    words = [b.xor(b.xor(high1, x1), k0), low1, b.xor(b.xor(high0, x3), k1), low0]
    keys = [b.add(key, code.splat(number(step))) for key, step in zip((k0, k1), _WEYL, strict=True)]
    following = b.add(turn, number(1))
    for phi, begin, value in zip(old, first, (following, *words, *keys), strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(value, b.block)
    b.cbranch(b.icmp_signed("<", following, number(_ROUNDS)), rounds, after)
    b.position_at_end(after)
    return words


def _product(code: Code, x: Any, factor: int) -> tuple[Any, Any]:
    """The upper and the lower word of a product of 64-bit words."""
    b = code.builder
    if code.lanes == 1:
        wide = ir.IntType(128)
        whole = b.mul(b.zext(x, wide), ir.Constant(wide, factor))
        return b.trunc(b.lshr(whole, ir.Constant(wide, 64)), I64), b.trunc(whole, I64)
    # Vector registers have products of half words alone.
    half, low = code.splat(number(32)), code.splat(number(_LOW))
    f_low, f_high = code.splat(number(factor & _LOW)), code.splat(number(factor >> 32))
    x_low, x_high = b.and_(x, low), b.lshr(x, half)
    lowest, upper = b.mul(x_low, f_low), b.mul(x_low, f_high)
    # At most (2^32 - 1)^2 + 2 (2^32 - 1), which is the largest word.
    middle = b.add(b.add(b.mul(x_high, f_low), b.lshr(lowest, half)), b.and_(upper, low))
    high = b.add(b.add(b.mul(x_high, f_high), b.lshr(upper, half)), b.lshr(middle, half))
    return high, b.or_(b.shl(middle, half), b.and_(lowest, low))


def emit_random(k: KernelEmitter) -> None:
    """The core of a kernel for a "random" step; threads share its blocks."""
    core = k.kernel.core or 0
    step = k.steps[core]
    state = k.pointer(k.plan.memory[step.args[0]])
    lanes = k.width // item_size(step.dtype)

    def put(place: Any, words: Any) -> None:
        k.store(core, ((place, k.code.lanes > 1),), words)

    emit_words(k.code, state, k.size(step.shape[0]), lanes, put, k.share)
