"""The sums of a tile, the part of a product of matrices that is held in registers while the inner dimension goes by."""

from collections.abc import Callable
from typing import Any

from backlit.compiler.calling import I64, number
from backlit.compiler.values import Code

Loader = Callable[[int, Any], Any]


def summed(
    code: Code,
    kind: str,
    height: int,
    width: int,
    left: Loader,
    right: Loader,
    begin: Any,
    end: Any,
    initial: list[Any],
) -> list[Any]:
    """The sums of a tile after a part of the inner dimension, from those before it.

    `left(r, t)` is a number of the first matrix in every lane, `right(v, t)` a vector of the second.
    """
    b, vector = code.builder, code.type(kind)
    before = b.block
    head, after = b.append_basic_block("inner"), b.append_basic_block("done")
    b.cbranch(b.icmp_signed("<", begin, end), head, after)
    b.position_at_end(head)
    t = b.phi(I64)
    t.add_incoming(begin, before)
    sums = [b.phi(vector) for _ in range(height * width)]
    columns = [right(v, t) for v in range(width)]
    new = []
    for r in range(height):
        single = left(r, t)
        new += [code.fma(single, columns[v], sums[r * width + v]) for v in range(width)]
    following = b.add(t, number(1))
    t.add_incoming(following, b.block)
    for old, first, value in zip(sums, initial, new, strict=True):
        old.add_incoming(first, before)
        old.add_incoming(value, b.block)
    last = b.block
    b.cbranch(b.icmp_signed("<", following, end), head, after)
    b.position_at_end(after)
    results = []
    for first, value in zip(initial, new, strict=True):
        result = b.phi(vector)
        result.add_incoming(first, before)
        result.add_incoming(value, last)
        results.append(result)
    return results
