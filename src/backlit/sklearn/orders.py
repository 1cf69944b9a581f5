"""The orders of rows that NumPy's `RandomState.shuffle` makes, as machine code where there are many rows.

Fisher and Yates' method (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm P): from the last place down, each
is swapped with one that is not behind it. That one is drawn as NumPy draws it: of 32-bit words, cut to as many bits as
the place has, the first that is not beyond it. Drawn first and swapped then, so that the processor never guesses which
word is taken, and asks for the places of a swap in memory before their turn comes.
"""

import ctypes
import functools
from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from backlit.compiler import cache, llvm
from backlit.compiler.frame import I32, I64, POINTER, loop, number, number32
from backlit.compiler.values import Code

# Fewer rows are shuffled before this code is in place; of more, places would not fit into 32 bits.
_LEAST, _MOST = 1 << 16, 1 << 32
# Swaps of which the memory is asked for in advance.
_AHEAD = 32
_CHOOSE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_SWAP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)


def shuffle(draw: np.random.RandomState, order: NDArray[np.int64]) -> None:
    """What `draw.shuffle(order)` does, bit for bit, to an array without gaps, and to the generator."""
    if not _LEAST <= len(order) <= _MOST:
        draw.shuffle(order)
        return
    library = _library()
    choose, swap = library.function("choose", _CHOOSE), library.function("swap", _SWAP)
    # What lies before the first place is asked for at the end, so there are such places.
    places = np.zeros(_AHEAD + len(order), np.uint32)
    first = places.ctypes.data + places.itemsize * _AHEAD
    last = len(order) - 1
    while last:
        # No more words than are needed for certain: the generator must stand where NumPy would leave it.
        words = draw.randint(0, 1 << 32, size=last, dtype=np.uint32)
        last = choose(words.ctypes.data, len(words), last, first)
    swap(order.ctypes.data, len(order), first)


@functools.cache
def _library() -> llvm.Library:
    module = ir.Module("orders")
    _emit_choose(module)
    _emit_swap(module)
    text = str(module)
    code = cache.load(text)
    if code is None:
        code = llvm.machine_code(text)
        cache.save(text, code)
    return llvm.Library([code], ("choose", "swap"), {})


def _emit_choose(module: ir.Module) -> None:
    """Emit `choose(words, count, last, places)`: for places from `last` down the ones to swap with; the next place."""
    function = ir.Function(module, ir.FunctionType(I64, [POINTER, I64, I64, POINTER]), "choose")
    words, count, last, places = function.args
    b = ir.IRBuilder(function.append_basic_block())
    code, kept = Code(module, b, 1), b.alloca(I32)
    b.store(b.trunc(last, I32), kept)

    def take(k: Any) -> None:
        place = b.load(kept, typ=I32)
        unused = code.call("llvm.ctlz.i32", I32, place, ir.Constant(ir.IntType(1), 1))
        word = b.and_(b.load(_at(b, words, k, I32), typ=I32), b.lshr(number32(-1), unused))
        # One that is refused is written over by the next.
        b.store(word, _at(b, places, b.zext(place, I64), I32))
        b.store(b.sub(place, b.zext(b.icmp_unsigned("<=", word, place), I32)), kept)

    loop(b, number(0), count, 1, take)
    b.ret(b.zext(b.load(kept, typ=I32), I64))


def _emit_swap(module: ir.Module) -> None:
    """Emit `swap(order, n, places)`: swap each place from the last down to the second with the one chosen for it."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, I64, POINTER]), "swap")
    order, n, places = function.args
    b = ir.IRBuilder(function.append_basic_block())
    code = Code(module, b, 1)

    def other(place: Any) -> Any:
        return _at(b, order, b.zext(b.load(_at(b, places, place, I32), typ=I32), I64), I64)

    def one(k: Any) -> None:
        place = b.sub(n, k)
        # To write, into all caches, as data.
        code.call("llvm.prefetch.p0", ir.VoidType(), other(b.sub(place, number(_AHEAD))), *map(number32, (1, 3, 1)))
        here, there = _at(b, order, place, I64), other(place)
        first, second = b.load(here, typ=I64), b.load(there, typ=I64)
        b.store(second, here)
        b.store(first, there)

    loop(b, number(1), n, 1, one)
    b.ret_void()


def _at(b: ir.IRBuilder, array: Any, place: Any, kind: ir.Type) -> Any:
    return b.gep(array, [place], source_etype=kind)
