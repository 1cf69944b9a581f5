"""Numbers of threads for a while: they are put back, for NumPy's products too, also where several threads set them."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from backlit.core import threads
from backlit.core.threads import get_num_threads, num_threads
from backlit.errors import ArgumentError


def of_products():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def without_threadpoolctl(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)


@pytest.mark.parametrize("change", [None, without_threadpoolctl])
def test_what_held_before_is_put_back(change, monkeypatch):
    chosen, own = get_num_threads(), of_products()
    with threadpool_limits(1, "blas"):
        if change is not None:
            change(monkeypatch)
        with num_threads(3):
            assert get_num_threads() == 3
            assert 3 in of_products()
        # A worker's own limit, which is not ours, holds again.
        assert of_products() == {1}
    assert (get_num_threads(), of_products()) == (chosen, own)


def test_of_several_threads_the_last_puts_back():
    before, chosen = get_num_threads(), threads._chosen
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with num_threads(before + 1):
            inside.set()
            leave.wait(10)

    with ThreadPoolExecutor(1) as other:
        done = other.submit(hold)
        inside.wait(10)
        with num_threads(before + 2):
            leave.set()
            done.result()
            assert get_num_threads() == before + 2
    assert (get_num_threads(), threads._chosen) == (before, chosen)


def test_no_threads_are_an_error_and_change_nothing():
    before = get_num_threads()
    with pytest.raises(ArgumentError, match="positive integer"), num_threads(0):
        pass
    assert get_num_threads() == before
    with num_threads(before + 1):
        assert get_num_threads() == before + 1
    assert get_num_threads() == before
