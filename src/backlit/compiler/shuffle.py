"""Shuffling in machine code: the order that `ops.randperm` draws, bit for bit, so that epochs follow each other there.

Random words are sorted by their topmost bits, of which as many are taken as tell most words apart, and what is still
out of place after that has few steps to go: Knuth, The Art of Computer Programming 3, 5.2.5 and 5.2.1 (exercise 12).
"""

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir

from backlit.compiler.calling import I64, POINTER, number
from backlit.compiler.frame import loop
from backlit.compiler.random_words import emit_words
from backlit.compiler.values import Code

_DIGIT = 11
_DIGITS = 1 << _DIGIT
# Counters are cleared and added up so many at a time.
_COUNTERS = 8
_PERMUTE = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER, POINTER])
_SORT = ir.FunctionType(ir.VoidType(), [I64, POINTER, POINTER])
# What emits the word and the place of a pair, from its number.
_Pairs = Callable[[Any], tuple[Any, Any]]


def scratch_words(n: int) -> int:
    """64-bit words of memory that `permute` needs to order n elements."""
    return 4 * n + _DIGITS


def emit_permute(module: ir.Module, lanes: int) -> Any:
    """Emit `permute(state, n, order, scratch)`, all but `n` addresses of 64-bit integers, and return it.

    It fills `order` with the stable order of the n words of the draw that a generator's state (seed, stream, number of
    the draw) stands at, and counts the draw. `scratch` is `scratch_words(n)` long. `lanes` words are drawn at a time.
    """
    sort = emit_sort(module)
    function = ir.Function(module, _PERMUTE, "permute")
    state, n, order, scratch = function.args
    b = ir.IRBuilder(function.append_basic_block())
    # Where words beyond the last are put, counters will be.
    code = Code(module, b, 1)
    emit_words(code, state, n, lanes, lambda place, words: _store(b, scratch, place, words), room=_DIGITS)
    b.call(sort, [n, order, scratch])
    draw = b.gep(state, [number(2)], source_etype=I64)
    b.store(b.add(b.load(draw, typ=I64), number(1)), draw)
    b.ret_void()
    return function


def emit_sort(module: ir.Module) -> Any:
    """Emit `stable_order(n, order, scratch)` and return it.

    `scratch` begins with n words; `order` gets their places in order of the words, taken as unsigned, and of place
    where words are equal. The time grows with n if the words are random.
    """
    function = ir.Function(module, _SORT, "stable_order")
    n, order, words = function.args
    b = ir.IRBuilder(function.append_basic_block())
    pairs = b.gep(words, [b.shl(n, number(1))], source_etype=I64)
    counts = b.gep(words, [b.shl(n, number(2))], source_etype=I64)
    # Two passes leave few neighbours out of order up to four million words, three beyond.
    passes: Any = number(1)
    for done in (1, 2):
        passes = b.add(passes, b.zext(b.icmp_unsigned(">", n, number(1 << done * _DIGIT)), I64))

    def shift(i: Any) -> Any:
        return b.sub(number(64), b.mul(b.sub(passes, i), number(_DIGIT)))

    def further(i: Any) -> None:
        odd = b.trunc(i, ir.IntType(1))
        # The words themselves are not needed any more.
        source, target = b.select(odd, pairs, words), b.select(odd, words, pairs)
        _pass(b, n, lambda p: _pair(b, source, p), target, counts, shift(i))

    _pass(b, n, lambda p: (_load(b, words, p), p), pairs, counts, shift(number(0)))
    loop(b, number(1), passes, 1, further)
    found = b.select(b.trunc(passes, ir.IntType(1)), pairs, words)
    _insertion(b, n, found)
    loop(b, number(0), n, 1, lambda i: _store(b, order, i, _pair(b, found, i)[1]))
    b.ret_void()
    return function


def _pass(b: ir.IRBuilder, n: Any, source: _Pairs, target: Any, counts: Any, shift: Any) -> None:
    """Move pairs to `target` in the stable order of the digit of their words that begins at a bit."""
    several = ir.VectorType(I64, _COUNTERS)
    zeros = ir.Constant(several, None)

    def counters(d: Any) -> Any:
        return b.gep(counts, [d], source_etype=I64)

    loop(b, number(0), number(_DIGITS), _COUNTERS, lambda d: b.store(zeros, counters(d), align=8))

    def digit(word: Any) -> Any:
        return b.and_(b.lshr(word, shift), number(_DIGITS - 1))

    def count(i: Any) -> None:
        d = digit(source(i)[0])
        _store(b, counts, d, b.add(_load(b, counts, d), number(1)))

    loop(b, number(0), n, 1, count)
    # Now counts become the places where each digit's first pair goes. Room made at the function's entry is a register.
    with b.goto_entry_block():
        begun = b.alloca(several)
    b.store(zeros, begun)

    def begin(d: Any) -> None:
        before, own = b.load(begun, typ=several), b.load(counters(d), typ=several, align=8)
        until, distance = own, 1
        while distance < _COUNTERS:
            until = b.add(until, _lanes(b, zeros, until, [_COUNTERS + i - distance for i in range(_COUNTERS)]))
            distance *= 2
        b.store(b.add(before, _lanes(b, zeros, until, [2 * _COUNTERS - 1] * _COUNTERS)), begun)
        b.store(b.add(before, b.sub(until, own)), counters(d), align=8)

    loop(b, number(0), number(_DIGITS), _COUNTERS, begin)

    def move(i: Any) -> None:
        word, place = source(i)
        d = digit(word)
        at = _load(b, counts, d)
        _store(b, counts, d, b.add(at, number(1)))
        _put(b, target, at, word, place)

    loop(b, number(0), n, 1, move)


def _lanes(b: ir.IRBuilder, zeros: Any, vector: Any, places: list[int]) -> Any:
    """Lanes of a vector, which follow some zeros."""
    order = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
    return b.shuffle_vector(zeros, vector, order)


def _insertion(b: ir.IRBuilder, n: Any, pairs: Any) -> None:
    """Sort pairs, most of which are in place, by their words; equal ones keep their order."""

    def word(i: Any) -> Any:
        return _pair(b, pairs, i)[0]

    def turn(i: Any) -> None:
        own, place = _pair(b, pairs, i)
        before = b.block
        test, up, found = (b.append_basic_block(name) for name in ("test", "up", "found"))
        wrong = b.icmp_unsigned(">", word(b.sub(i, number(1))), own)
        after = b.append_basic_block("after")
        b.cbranch(wrong, up, after)
        b.position_at_end(up)
        j = b.phi(I64)
        j.add_incoming(i, before)
        below = b.sub(j, number(1))
        _put(b, pairs, j, *_pair(b, pairs, below))
        b.cbranch(b.icmp_signed(">", below, number(0)), test, found)
        b.position_at_end(test)
        j.add_incoming(below, test)
        b.cbranch(b.icmp_unsigned(">", word(b.sub(below, number(1))), own), up, found)
        b.position_at_end(found)
        _put(b, pairs, below, own, place)
        b.branch(after)
        b.position_at_end(after)

    loop(b, number(1), n, 1, turn)


def _load(b: ir.IRBuilder, words: Any, i: Any) -> Any:
    return b.load(b.gep(words, [i], source_etype=I64), typ=I64, align=8)


def _store(b: ir.IRBuilder, words: Any, i: Any, value: Any) -> None:
    b.store(value, b.gep(words, [i], source_etype=I64), align=8)


def _pair(b: ir.IRBuilder, pairs: Any, i: Any) -> tuple[Any, Any]:
    """A pair's word and place."""
    return _load(b, pairs, b.shl(i, number(1))), _load(b, pairs, _second(b, i))


def _second(b: ir.IRBuilder, i: Any) -> Any:
    return b.add(b.shl(i, number(1)), number(1))


def _put(b: ir.IRBuilder, pairs: Any, i: Any, word: Any, place: Any) -> None:
    """Write a pair."""
    _store(b, pairs, b.shl(i, number(1)), word)
    _store(b, pairs, _second(b, i), place)
