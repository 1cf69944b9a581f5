"""How many threads matrix products and compiled programs may use."""

import ctypes
import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from backlit.errors import ArgumentError

_chosen: int | None = None
# Threads of Python inside `num_threads`, and what puts back what held before the first of them.
_inside = 0
_put_back: Callable[[], None]
_turn = threading.Lock()


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
    _set(number)


@contextmanager
def num_threads(number: int) -> Iterator[None]:
    """Inside, matrix products and compiled programs use this many threads; afterwards as many as before.

    Where several threads of Python are inside at a time, the number of the last to enter holds for all, and the last to
    leave puts back what held before the first.

    Raises:
        ArgumentError: `number` is not a positive integer.
    """
    global _inside, _put_back
    with _turn:
        put_back = _set(number)
        if not _inside:
            _put_back = put_back
        _inside += 1
    try:
        yield
    finally:
        with _turn:
            _inside -= 1
            if not _inside:
                _put_back()


def _set(number: int) -> Callable[[], None]:
    """Set the number; what puts the one before back, also where that is another one for matrix products."""
    global _chosen
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise ArgumentError(f"set_num_threads: expected a positive integer, got {number!r}")
    before, _chosen = _chosen, number
    restore = _limit_blas(number)

    def put_back() -> None:
        global _chosen
        _chosen = before
        restore()

    return put_back


def _limit_blas(number: int) -> Callable[[], Any]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return _limit_openblas(number)
    restore: Callable[[], Any] = threadpool_limits(number, "blas").restore_original_limits
    return restore


def _limit_openblas(number: int) -> Callable[[], Any]:
    """Tell the OpenBLAS of NumPy's wheels, whose functions are found through NumPy's own library."""
    library = ctypes.CDLL(str(import_module("numpy._core._multiarray_umath").__file__))
    for bits in ("64_", ""):
        get, put = (getattr(library, f"scipy_openblas_{do}_num_threads{bits}", None) for do in ("get", "set"))
        if get is not None and put is not None:
            before = get()
            put(ctypes.c_int(number))
            return functools.partial(put, ctypes.c_int(before))
    return lambda: None
