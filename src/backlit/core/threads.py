"""How many threads matrix products and compiled programs may use."""

import ctypes
import os
from importlib import import_module

from backlit.errors import ArgumentError

_chosen: int | None = None


def get_num_threads() -> int:
    """The number that `set_num_threads` set, at first the number of processors that this process may use."""
    if _chosen is not None:
        return _chosen
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def set_num_threads(number: int) -> None:
    """Let matrix products and compiled programs use this many threads.

    NumPy's products follow through threadpoolctl where it is installed, else through the OpenBLAS that NumPy's wheels
    carry; with another library they keep their own number.

    Raises:
        ArgumentError: `number` is not a positive integer.
    """
    global _chosen
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ArgumentError(f"set_num_threads: expected a positive integer, got {number!r}")
    _chosen = number
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        _limit_openblas(number)
    else:
        threadpool_limits(number, "blas")


def _limit_openblas(number: int) -> None:
    """Tell the OpenBLAS of NumPy's wheels, whose functions are found through NumPy's own library."""
    library = ctypes.CDLL(str(import_module("numpy._core._multiarray_umath").__file__))
    for name in ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads"):
        function = getattr(library, name, None)
        if function is not None:
            function(ctypes.c_int(number))
            return
