"""What a kernel costs, and which way of computing it is the cheapest for batches of a typical number of rows.

The rule knows sizes alone, never the clock, so that the same program is always computed in the same way. Its constants
are of a server's core of 2022; `python -m benchmarks.threads` holds the rule against measurement.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from backlit.compiler.plan import COPIED_BYTES, Kernel, Plan, access, keeps_rows, summands_read, sums_rows
from backlit.compiler.rows import at
from backlit.compiler.values import item_size

# Multiply-adds of one core in a microsecond and other operations, on float32, and bytes to and from its own cache.
_PRODUCT_RATE, _RATE, _BYTES_RATE = 55_000, 32_000, 60_000
# Words that a generator draws in a microsecond.
_WORDS_RATE = 500
# Threads that meet, and hand over the parameters that each has updated: microseconds a meeting, and bytes in a
# microsecond from core to core; what a core's own cache does not hold is no longer there in any case.
_MEETING, _HANDED_RATE, _OWN_CACHE = 0.67, 6_500, 2**20
# Meetings of a step of linear layers.
_FEW_MEETINGS = 3
# How much more than that half of a step must take, so that threads are taken at all: others want the processor, too.
_WORTH_THREADS = 1.5
# Microseconds that a kernel must take so that threads meet for it alone.
_WORTH_SHARING = 2.5
# Kernels of these kinds run on one thread.
_ALONE = ("call", "scatter", "scan", "measure")
# Of how many bytes a second matrix must be, and from how many rows on, to be worth copying though it lies as it should.
# Smaller ones fit into a core's own cache; of the largest, each row is on a page that the processor has to look up.
_COPIED_ROWS = ((2**23, 8), (2**20, 64))
# The same where the first matrix has to be copied, too, as its columns lie together and not its rows.
_COPIED_WITH_FIRST = ((COPIED_BYTES, 32),)
# How many times as many columns as rows a weight must have before threads share its columns.
_MANY_COLUMNS = 4
# What of a copy fits into a core's second cache beside all else.
_BLOCK_BYTES = 2**18
# Blocks have whole panels: a multiple of so many columns, whatever the vectors.
_COLUMNS = 64
# The most rows of a tile, for which there are registers.
TALL = 8
# And the fewest where matrices are copied, which later batches of more rows should not pay for.
_LOW = 4
# Operations that move or choose numbers and compute none.
_FREE = ("cast", "where", "select")


class Share(StrEnum):
    """How threads share a kernel.

    Attributes:
        ALONE: One thread computes it.
        EACH: Each computes all of it for itself.
        SPREAD: Each computes a part of its outermost loop.
        ROWS: Each computes the rows of the batch that are its own.
        PARTS: Each adds up the rows of the batch that are its own; what follows the sum waits for all.
        TOTAL: What follows such a sum: each computes a part of its outermost loop.
    """

    ALONE = "alone"
    EACH = "each"
    SPREAD = "spread"
    ROWS = "rows"
    PARTS = "parts"
    TOTAL = "total"


@dataclass(frozen=True)
class Way:
    """How a kernel is computed.

    Attributes:
        share: How threads share it.
        height: The rows of a product's tiles.
        block: Rows and columns of the blocks in which a product copies its second matrix, or when it is turned the
            transpose of its first; None if it copies nothing.
        across: Whether threads share the columns of a product; otherwise its rows.
        turned: Whether the product of the transposes is computed, whose second matrix is the smaller one to copy.
    """

    share: Share = Share.ALONE
    height: int = TALL
    block: tuple[int, int] | None = None
    across: bool = False
    turned: bool = False

    @property
    def shared(self) -> bool:
        """Whether more than one thread takes part."""
        return self.share is not Share.ALONE


@dataclass(frozen=True)
class Work:
    """What a kernel has to do.

    Attributes:
        steps: The steps that it computes, stored or not.
        multiply_adds: Those of its product.
        operations: Other floating-point operations; a function such as exp counts as one.
        bytes: Bytes read from and written to arrays; a second reading of the same array counts as none.
        width: Bytes of the widest number that is computed with.
    """

    steps: tuple[int, ...]
    multiply_adds: int
    operations: int
    bytes: int
    width: int

    @property
    def microseconds(self) -> float:
        """About what it takes on one thread."""
        computing = (self.multiply_adds / _PRODUCT_RATE + self.operations / _RATE) * self.width / 4
        return max(computing, self.bytes / _BYTES_RATE)


def work(plan: Plan, kernel: Kernel, rows: int) -> Work:
    """What a kernel has to do for a batch of so many rows."""
    steps = plan.program.steps
    own, reads = plan.inside(kernel)
    multiply_adds = operations = 0
    for n in own:
        step = steps[n]
        size = _size(plan, n, rows)
        if step.kind == "product":
            multiply_adds += size * int(at(steps[step.args[0]].shape[-1], rows))
        elif step.kind in ("reduce", "scatter", "scan", "measure"):
            operations += _size(plan, step.args[-1 if step.kind == "scatter" else 0], rows)
        elif step.kind == "pointwise" and step.dtype[0] == "f" and step.op not in _FREE:
            operations += size
    stores = [n for n in kernel.roots for _ in plan.stores.get(n, ())]
    moved = sum(plan.size(n, rows) for n in (*reads, *stores))
    width = max((item_size(steps[n].dtype) for n in own if steps[n].dtype[0] == "f" and steps[n].shape), default=4)
    return Work(tuple(own), multiply_adds, operations, moved, width)


def ways(
    plan: Plan, rows: int, meetings: Callable[[Sequence[Way]], int] = lambda shared: _FEW_MEETINGS
) -> tuple[Way, ...]:
    """The way of each kernel of a plan, for batches of so many rows.

    Args:
        plan: The plan.
        rows: Rows of a batch.
        meetings: How often threads would meet in a step that they share in these ways; asked where it matters.
    """
    shared = shared_ways(plan, rows)
    return shared if _threads_pay(plan, shared, rows, meetings) else alone(shared)


def shared_ways(plan: Plan, rows: int) -> tuple[Way, ...]:
    """The ways for several threads, whether they pay or not."""
    return tuple(_way(plan, kernel, rows) for kernel in plan.kernels)


def alone(shared: Sequence[Way]) -> tuple[Way, ...]:
    """The same ways for one thread."""
    return tuple(replace(way, share=Share.ALONE) for way in shared)


def _threads_pay(plan: Plan, shared: Sequence[Way], rows: int, meetings: Callable[[Sequence[Way]], int]) -> bool:
    """Whether two threads need clearly less time than one."""
    updates = [k.core for k in plan.kernels if k.core is not None and not _stays_inside(plan, k)]
    handed = min(sum(plan.size(core, rows) for core in updates), _OWN_CACHE)
    # The rows of one tile have one owner.
    divided = (Share.SPREAD, Share.ROWS, Share.PARTS) if rows > TALL else (Share.SPREAD,)
    kernels = [kernel for kernel, way in zip(plan.kernels, shared, strict=True) if way.share in divided]
    saved = sum(_shareable(plan, kernel, rows) for kernel in kernels) / 2
    left = saved / _WORTH_THREADS - handed / _HANDED_RATE
    return left > _FEW_MEETINGS * _MEETING and left > meetings(shared) * _MEETING


def _way(plan: Plan, kernel: Kernel, rows: int) -> Way:
    height, block, across, turned = TALL, None, False, False
    found = _product(plan, kernel, rows)
    if found is not None:
        height, across = _height(plan, kernel, found[0]), _across(plan, kernel, found)
        block = _block(plan, kernel, found)
    if found is not None and block is not None:
        turned = _turned(plan, kernel, found)
        height = TALL if turned else max(height, _LOW)
    return Way(_share(plan, kernel, rows, across), height, block, across, turned)


def _share(plan: Plan, kernel: Kernel, rows: int, across: bool) -> Share:
    """How threads share a kernel where there are several: with as little memory handed over as can be."""
    if keeps_rows(plan, kernel) and not across:
        return Share.ROWS
    if sums_rows(plan, kernel):
        parts = 2 * plan.size(kernel.core or 0, rows)
        if parts <= sum(plan.size(n, rows) for n in summands_read(plan, kernel)):
            return Share.PARTS
    if _shareable(plan, kernel, rows) > _WORTH_SHARING:
        return Share.SPREAD
    return Share.EACH if _is_own_matter(plan, kernel) else Share.ALONE


def _is_own_matter(plan: Plan, kernel: Kernel) -> bool:
    """Whether every thread may compute a kernel for itself: what it writes is of fixed size and inside."""
    if kernel.core is not None and plan.program.steps[kernel.core].kind in _ALONE:
        return False
    return all(isinstance(n, int) for n in kernel.shape) and _stays_inside(plan, kernel)


def _stays_inside(plan: Plan, kernel: Kernel) -> bool:
    """Whether a kernel writes intermediate values alone."""
    return all(kind == "arena" for root in kernel.roots for kind, _ in plan.stores.get(root, ()))


def _size(plan: Plan, number: int, rows: int) -> int:
    return math.prod(int(at(n, rows)) for n in plan.program.steps[number].shape)


def _shareable(plan: Plan, kernel: Kernel, rows: int) -> float:
    """Microseconds on one thread of what threads could share."""
    kind = None if kernel.core is None else plan.program.steps[kernel.core].kind
    if not kernel.shape or kind in _ALONE:
        return 0.0
    if kind == "random":
        return _size(plan, kernel.roots[0], rows) / _WORDS_RATE
    return work(plan, kernel, rows).microseconds


def _product(plan: Plan, kernel: Kernel, rows: int) -> tuple[int, int, int] | None:
    """Rows, columns and inner size of a kernel's product."""
    steps = plan.program.steps
    if kernel.core is None or steps[kernel.core].kind != "product":
        return None
    step = steps[kernel.core]
    m, n, inner = step.shape[-2], step.shape[-1], steps[step.args[0]].shape[-1]
    return int(at(m, rows)), int(at(n, rows)), int(at(inner, rows))


def _block(plan: Plan, kernel: Kernel, sizes: tuple[int, int, int]) -> tuple[int, int] | None:
    """The blocks of a kernel's product, if copying its second matrix pays, or it lies the wrong way round."""
    if kernel.core is None or not _is_large(plan, kernel, sizes):
        return None
    step, (m, n, inner) = plan.program.steps[kernel.core], sizes
    size = item_size(step.dtype)
    first, second = (access(plan.program, argument, plan.memory) for argument in step.args)
    worth = _COPIED_ROWS if first is not None and first.strides[-1] == 1 else _COPIED_WITH_FIRST
    is_worth = any(inner * n * size >= least and m >= rows for least, rows in worth)
    if not is_worth and (second is None or second.strides[-1] == 1):
        return None
    # As deep as can be, and all blocks about as deep.
    blocks = math.ceil(inner * _COLUMNS * size / _BLOCK_BYTES)
    depth = _multiple(math.ceil(inner / blocks), _COLUMNS)
    return depth, min(_multiple(n, _COLUMNS), _BLOCK_BYTES // size // depth // _COLUMNS * _COLUMNS)


def _across(plan: Plan, kernel: Kernel, sizes: tuple[int, int, int]) -> bool:
    """Whether threads should share a product's columns, so that they read little of a large second matrix each.

    A weight's gradient is shared by rows, as the weight's rows are in the forward pass, which each thread then keeps.
    """
    (m, n, _), is_large = sizes, _is_large(plan, kernel, sizes)
    return is_large and n >= m * (_MANY_COLUMNS if sums_rows(plan, kernel) else 1)


def _is_large(plan: Plan, kernel: Kernel, sizes: tuple[int, int, int]) -> bool:
    """Whether a kernel computes one product, with a large second matrix of a fixed number of columns."""
    if len(kernel.shape) != 2 or not isinstance(kernel.shape[1], int):
        return False
    _, n, inner = sizes
    return n > 1 and inner * n * item_size(plan.program.steps[kernel.core or 0].dtype) >= COPIED_BYTES


def _turned(plan: Plan, kernel: Kernel, sizes: tuple[int, int, int]) -> bool:
    """Whether a product that copies should be computed as that of the transposes."""
    m, n, _ = sizes
    # Each of two threads would copy half of the second matrix.
    if m >= n / 2:
        return False
    arguments = plan.program.steps[kernel.core or 0].args
    if not isinstance(plan.program.steps[arguments[0]].shape[-1], int):
        return False
    first, second = (access(plan.program, a, plan.memory) for a in arguments)
    return first is not None and second is not None and first.strides[-1] == 1 and second.strides[-2] == 1


def _multiple(value: int, unit: int) -> int:
    """The next multiple of a unit."""
    return math.ceil(value / unit) * unit


def _height(plan: Plan, kernel: Kernel, m: int) -> int:
    """Rows of tiles: as few tiles as can be, and all of them about as high, so that one more row costs no more."""
    # A program that trains nothing, such as a prediction, is called with single rows and with many.
    if not (plan.program.writes or isinstance(kernel.shape[-2], int)):
        return TALL
    m = max(m, 1)
    return math.ceil(m / math.ceil(m / TALL))
