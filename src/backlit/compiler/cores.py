"""What each kind of kernel has inside its loops."""

import llvmlite.ir as ir

from backlit.compiler.blocks import BlockedProduct
from backlit.compiler.calling import I64, number
from backlit.compiler.costs import Share
from backlit.compiler.elementwise import emit_loop
from backlit.compiler.joins import emit_join
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.measures import emit_measure
from backlit.compiler.products import Product
from backlit.compiler.random_words import emit_random
from backlit.compiler.reductions import emit_reduction
from backlit.compiler.scans import emit_scan
from backlit.compiler.scatters import emit_scatter
from backlit.compiler.short_rows import emit_short_rows
from backlit.compiler.transpose import emit_transpose, is_transposed
from backlit.compiler.turned import TurnedProduct

# The symbol by which native code calls back into Python.
CALL_BACK = "backlit_call_back"


def emit_core(k: KernelEmitter) -> None:
    """Emit the body of a kernel."""
    if is_transposed(k):
        emit_transpose(k)
    elif k.way.share is Share.TOTAL:
        emit_loop(k)
    elif k.kernel.columns is not None:
        emit_short_rows(k)
    else:
        _CORES["loop" if k.kernel.core is None else k.steps[k.core].kind](k)
    k.finish()


def _call(k: KernelEmitter) -> None:
    """Call the process's one way back into Python, which knows the executable by its number."""
    slot = k.fixed(k.builder, ("executable", 0))
    with k.builder.if_then(k.builder.icmp_signed("==", k.thread, number(0))):
        k.code.call(CALL_BACK, ir.VoidType(), k.builder.load(slot, typ=I64), number(k.core), k.rows)


def _product(k: KernelEmitter) -> None:
    (Product if k.way.block is None else TurnedProduct if k.way.turned else BlockedProduct)(k).emit()


_CORES = {
    "loop": emit_loop,
    "product": _product,
    "reduce": emit_reduction,
    "join": emit_join,
    "scatter": emit_scatter,
    "call": _call,
    "random": emit_random,
    "measure": emit_measure,
    "scan": emit_scan,
}
