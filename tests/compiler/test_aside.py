"""Native calls on a thread of their own: what comes back, what is raised, and how they are stopped."""

import threading

import pytest

from backlit.compiler.aside import run_aside


def test_the_result_comes_back():
    here = threading.get_ident()
    assert run_aside(lambda: int(threading.get_ident() != here), pytest.fail) == 1


def test_what_the_work_raises_is_raised_here():
    def work():
        raise MemoryError("no room for the measures")

    with pytest.raises(MemoryError, match="no room"):
        run_aside(work, pytest.fail)


def test_an_interrupt_stops_the_work_and_waits_for_it():
    stopped, ended = threading.Event(), threading.Event()

    def work():
        stopped.wait()
        ended.set()
        return 0

    def look():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_aside(work, stopped.set, look)
    assert ended.is_set()
