"""Shuffling in machine code: the order that `ops.randperm` draws, bit for bit, so that epochs follow each other there.

Random words are sorted by their topmost bits, of which as many are taken as tell most words apart, and what is still
out of place after that has few steps to go: Knuth, The Art of Computer Programming 3, 5.2.5 and 5.2.1 (exercise 12).
"""

from typing import Any

import llvmlite.ir as ir

from backlit.compiler.frame import I64, POINTER, loop, number
from backlit.compiler.random_words import emit_words

_DIGIT = 11
_DIGITS = 1 << _DIGIT
_CLEARED = 8
_PERMUTE = ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER, POINTER])
_SORT = ir.FunctionType(ir.VoidType(), [I64, POINTER, POINTER])


def scratch_words(n: int) -> int:
    """64-bit words of memory that `permute` needs to order n elements."""
    return 4 * n + _DIGITS


def emit_permute(module: ir.Module) -> Any:
    """Emit `permute(state, n, order, scratch)`, all but `n` addresses of 64-bit integers, and return it.

    It fills `order` with the stable order of the n words of the draw that a generator's state (seed, stream, number of
    the draw) stands at, and counts the draw. `scratch` is `scratch_words(n)` long.
    """
    sort = emit_sort(module)
    function = ir.Function(module, _PERMUTE, "permute")
    state, n, order, scratch = function.args
    b = ir.IRBuilder(function.append_basic_block())
    emit_words(b, state, n, lambda place, word: _put(b, scratch, place, word, place))
    b.call(sort, [n, order, scratch])
    draw = b.gep(state, [number(2)], source_etype=I64)
    b.store(b.add(b.load(draw, typ=I64), number(1)), draw)
    b.ret_void()
    return function


def emit_sort(module: ir.Module) -> Any:
    """Emit `stable_order(n, order, scratch)` and return it.

    `scratch` begins with n pairs of a word and its place, in order of place; `order` gets the places in order of the
    words, taken as unsigned, and of place where words are equal. The time grows with n if the words are random.
    """
    function = ir.Function(module, _SORT, "stable_order")
    n, order, scratch = function.args
    b = ir.IRBuilder(function.append_basic_block())
    spare = b.gep(scratch, [b.shl(n, number(1))], source_etype=I64)
    counts = b.gep(scratch, [b.shl(n, number(2))], source_etype=I64)
    # Two passes leave few neighbours out of order up to four million words, three beyond.
    passes: Any = number(1)
    for done in (1, 2):
        passes = b.add(passes, b.zext(b.icmp_unsigned(">", n, number(1 << done * _DIGIT)), I64))

    def one(i: Any) -> None:
        odd = b.trunc(i, ir.IntType(1))
        source, target = b.select(odd, spare, scratch), b.select(odd, scratch, spare)
        _pass(b, n, source, target, counts, b.sub(number(64), b.mul(b.sub(passes, i), number(_DIGIT))))

    loop(b, number(0), passes, 1, one)
    pairs = b.select(b.trunc(passes, ir.IntType(1)), spare, scratch)
    _insertion(b, n, pairs)
    loop(b, number(0), n, 1, lambda i: _store(b, order, i, _load(b, pairs, _second(b, i))))
    b.ret_void()
    return function


def _pass(b: ir.IRBuilder, n: Any, source: Any, target: Any, counts: Any, shift: Any) -> None:
    """Move pairs from `source` to `target` in the stable order of the digit of their words that begins at a bit."""
    clear = ir.VectorType(I64, _CLEARED)
    zeros = ir.Constant(clear, [0] * _CLEARED)
    loop(
        b, number(0), number(_DIGITS), _CLEARED,
        lambda d: b.store(zeros, b.gep(counts, [d], source_etype=I64), align=8),
    )  # fmt: skip

    def digit(word: Any) -> Any:
        return b.and_(b.lshr(word, shift), number(_DIGITS - 1))

    def count(i: Any) -> None:
        d = digit(_load(b, source, b.shl(i, number(1))))
        _store(b, counts, d, b.add(_load(b, counts, d), number(1)))

    loop(b, number(0), n, 1, count)
    # Now counts become the places where each digit's first pair goes. Room made at the function's entry is a register.
    with b.goto_entry_block():
        begun = b.alloca(I64)
    b.store(number(0), begun)

    def begin(d: Any) -> None:
        before = b.load(begun, typ=I64)
        b.store(b.add(before, _load(b, counts, d)), begun)
        _store(b, counts, d, before)

    loop(b, number(0), number(_DIGITS), 1, begin)

    def move(i: Any) -> None:
        word, place = _load(b, source, b.shl(i, number(1))), _load(b, source, _second(b, i))
        d = digit(word)
        at = _load(b, counts, d)
        _store(b, counts, d, b.add(at, number(1)))
        _put(b, target, at, word, place)

    loop(b, number(0), n, 1, move)


def _insertion(b: ir.IRBuilder, n: Any, pairs: Any) -> None:
    """Sort pairs, most of which are in place, by their words; equal ones keep their order."""

    def word(i: Any) -> Any:
        return _load(b, pairs, b.shl(i, number(1)))

    def turn(i: Any) -> None:
        own, place = word(i), _load(b, pairs, _second(b, i))
        before = b.block
        test, up, found = (b.append_basic_block(name) for name in ("test", "up", "found"))
        wrong = b.icmp_unsigned(">", word(b.sub(i, number(1))), own)
        after = b.append_basic_block("after")
        b.cbranch(wrong, up, after)
        b.position_at_end(up)
        j = b.phi(I64)
        j.add_incoming(i, before)
        below = b.sub(j, number(1))
        _put(b, pairs, j, word(below), _load(b, pairs, _second(b, below)))
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


def _second(b: ir.IRBuilder, i: Any) -> Any:
    return b.add(b.shl(i, number(1)), number(1))


def _put(b: ir.IRBuilder, pairs: Any, i: Any, word: Any, place: Any) -> None:
    """Write a pair."""
    _store(b, pairs, b.shl(i, number(1)), word)
    _store(b, pairs, _second(b, i), place)
