"""How kernels are called, and the numbers and addresses of which calls are made.

Every kernel is a function `kernel(table, rows, thread, threads, ...)`: `table` is the executable's table of addresses,
`rows` the number of rows, threads share the outermost loop, and the addresses of the kernel's own places follow; before
them where views begin, and the number of elements where the function serves kernels of any size.
"""

import functools
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

I64 = ir.IntType(64)
I32 = ir.IntType(32)
BYTE = ir.IntType(8)
POINTER = ir.PointerType()
# What every executable has, at the beginning of its table of addresses: its status and its number, where the threads'
# room for copies begins, and how many bytes of it each has.
FIXED = (("status", 0), ("executable", 0), ("scratch", 0), ("scratch", 1))


def signature(places: int, numbers: int = 0) -> ir.FunctionType:
    """The type of a kernel's function with so many places of its own, which is told so many numbers."""
    return ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64, *[I64] * numbers, *[POINTER] * places])


@dataclass(frozen=True)
class Told:
    """A number that a kernel's function is told; not known while it is emitted, but not 0.

    Attributes:
        position: Which of them.
    """

    position: int


@functools.lru_cache(1024)
def number(value: int) -> ir.Constant:
    """A 64-bit integer."""
    return ir.Constant(I64, value)


def number32(value: int) -> ir.Constant:
    """A 32-bit integer."""
    return ir.Constant(I32, value)


def pointer(b: ir.IRBuilder, table: Any, slot: int) -> Any:
    """The address in a slot of a table of addresses."""
    return b.load(b.gep(table, [number(slot)], source_etype=POINTER), typ=POINTER)


def own_copy(b: ir.IRBuilder, address: Any, thread: Any, size: int | None) -> Any:
    """Where a thread's own copy of a place is, if each has one of so many bytes; else the place."""
    return address if size is None else b.gep(address, [b.mul(thread, number(size))], source_etype=BYTE)
