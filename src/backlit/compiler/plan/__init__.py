"""The plan: which steps get memory, which are computed together in one kernel, in which order, and where.

A kernel is one nest of loops. Its core may be a product, a reduction or a scatter; its roots are the steps whose values
it stores. Everything that has no memory is computed where it is used.
"""

from backlit.compiler.plan.arena import LINE, aligned, layout
from backlit.compiler.plan.flat import is_flat
from backlit.compiler.plan.memory import COPIED_BYTES
from backlit.compiler.plan.ownership import keeps_rows, rows_read, summands_read, sums_rows
from backlit.compiler.plan.planning import plan
from backlit.compiler.plan.reading import Access, access, same_dims
from backlit.compiler.plan.result import Kernel, Plan
from backlit.compiler.program import row_major

__all__ = [
    "COPIED_BYTES",
    "LINE",
    "Access",
    "Kernel",
    "Plan",
    "access",
    "aligned",
    "is_flat",
    "keeps_rows",
    "layout",
    "plan",
    "row_major",
    "rows_read",
    "same_dims",
    "summands_read",
    "sums_rows",
]
