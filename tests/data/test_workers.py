import multiprocessing
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest

import backlit
from backlit.data.workers import describe
from backlit.errors import ArgumentError, StateError, WorkerError
from backlit.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

# A process that starts afresh imports this module to find what it needs here.


class Rows(Dataset):
    def __init__(self, n, fault=None):
        self.n, self.fault = n, fault

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        if self.fault is not None and index == 3:
            self.fault()
        return index


class Count(IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        worker = get_worker_info()
        return iter(range(worker.id, self.n, worker.num_workers))


class Drawn(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return backlit.rand(2)


class WhoAmI(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        worker = get_worker_info()
        return np.array([worker.id, worker.num_workers, os.getpid(), started, worker.seed % 1000])


class Odd(Exception):
    def __init__(self, first, second):
        super().__init__(first, second)


def value_error():
    raise ValueError("the third row is bad")


def key_error():
    raise KeyError("third")


def odd_error():
    raise Odd(1, 2)


def local_error():
    raise type("Local", (Exception,), {})("made up on the spot")


def exit_at_once():
    os._exit(7)


def sleep_long():
    time.sleep(60)


started = 0


def mark_start(number):
    global started
    started = 100 + number


def bad_start(number):
    raise RuntimeError("cannot start")


@pytest.fixture(autouse=True)
def no_worker_stays():
    yield
    assert multiprocessing.active_children() == []


def values(loader):
    return [batch.tolist() for batch in loader]


def spawned(dataset, **settings):
    return DataLoader(dataset, **{"num_workers": 2, "multiprocessing_context": "spawn", **settings})


def test_batches_are_those_of_one_process():
    X = backlit.arange(22.0).reshape(11, 2)
    for dataset in (TensorDataset(X, backlit.arange(11)), Rows(11)):
        loaders = [
            DataLoader(dataset, batch_size=3, shuffle=True, generator=backlit.Generator().manual_seed(2), **settings)
            for settings in ({}, {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True})
        ]
        for _ in range(2):
            for here, there in zip(*loaders, strict=True):
                assert type(here) is type(there)
                pairs = zip(here, there, strict=True) if isinstance(here, list) else [(here, there)]
                for ours, theirs in pairs:
                    assert ours.dtype == theirs.dtype
                    assert ours.tolist() == theirs.tolist()
        loaders[1].close()


def test_iterable_data_is_shared_out():
    assert values(spawned(Count(9), batch_size=2)) == [[0, 2], [1, 3], [4, 6], [5, 7], [8]]
    assert [batch.tolist() for batch in spawned(Count(9), batch_size=2).iterate(3)] == [[5, 7], [8]]


def test_workers_know_themselves():
    rows = np.concatenate([batch.numpy() for batch in spawned(WhoAmI(), worker_init_fn=mark_start)])
    assert rows[:, 0].tolist() == [0, 1, 0, 1]
    assert (rows[:, 1] == 2).all()
    assert os.getpid() not in rows[:, 2]
    assert rows[:, 3].tolist() == [100, 101, 100, 101]
    assert rows[0, 4] != rows[1, 4]
    assert get_worker_info() is None


def test_random_numbers_in_workers_are_settled_by_the_generator():
    def passes():
        loader = spawned(Drawn(), persistent_workers=True, generator=backlit.Generator().manual_seed(4))
        drawn = [values(loader) for _ in range(2)]
        loader.close()
        return drawn

    first, second = passes()
    assert first != second
    assert len({str(row) for row in first}) == 4
    assert passes() == [first, second]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (value_error, ValueError, r"Caught ValueError in DataLoader worker process 1(?s:.*)in value_error"),
        (exit_at_once, WorkerError, "exit code 7"),
    ],
)
def test_errors_come_back_with_their_trace(fault, kind, words):
    got = []
    with pytest.raises(kind, match=words):
        got.extend(batch.tolist() for batch in spawned(Rows(6, fault)))
    # A worker that exits on the spot may take batches with it that were made and not yet sent.
    assert got == [[0], [1], [2]][: len(got) if fault is exit_at_once else 3]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (key_error, KeyError, r"^Caught KeyError(?s:.*)in key_error"),
        (odd_error, WorkerError, r"^Caught Odd(?s:.*)in odd_error"),
        (local_error, WorkerError, r"^Caught Local(?s:.*)made up on the spot"),
    ],
)
def test_errors_of_every_class_can_travel(fault, kind, words):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the next lines look at it closely
        fault()
    sent = pickle.dumps(describe(2, caught.value))
    with pytest.raises(kind, match=words):
        raise pickle.loads(sent).exception()


def test_workers_outlive_an_error_where_they_persist():
    loader = spawned(Rows(6, value_error), num_workers=1, persistent_workers=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="third row"):
            list(loader)
    loader.close()


def test_a_start_that_fails():
    with pytest.raises(RuntimeError, match="cannot start"):
        list(spawned(Rows(3), num_workers=1, worker_init_fn=bad_start))


def test_a_worker_that_takes_too_long():
    with pytest.raises(WorkerError, match="timed out"):
        list(spawned(Rows(6, sleep_long), num_workers=1, timeout=0.5))


def test_what_cannot_be_sent():
    with pytest.raises(WorkerError, match="top level of a module"):
        list(spawned(Rows(3, lambda: None)))


def test_leaving_early_ends_the_workers():
    batches = iter(spawned(Rows(100_000), num_workers=1))
    assert next(batches).tolist() == [0]
    assert len(multiprocessing.active_children()) == 1
    del batches


def test_persistent_workers_begin_again_after_a_pass_left_early():
    loader = spawned(Rows(20), batch_size=2, num_workers=1, persistent_workers=True)
    left = iter(loader)
    next(left)
    assert values(loader) == values(DataLoader(Rows(20), batch_size=2))
    with pytest.raises(StateError, match="new pass"):
        next(left)
    (child,) = multiprocessing.active_children()
    list(loader)
    assert multiprocessing.active_children() == [child]
    del loader, left


def test_tasks_and_batches_larger_than_a_pipe():
    loader = spawned(Rows(100_000), batch_size=50_000, num_workers=1, prefetch_factor=2)
    assert [len(batch) for batch in loader] == [50_000, 50_000]


def test_an_unknown_way_to_start():
    with pytest.raises(ArgumentError, match="did you mean 'spawn'"):
        DataLoader(Rows(3), num_workers=1, multiprocessing_context="spwan")


PROGRAM = """
import multiprocessing, os, signal
from backlit.utils.data import DataLoader, Dataset

class Rows(Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, index):
        return index

batches = iter(DataLoader(Rows(), batch_size=2, num_workers=2))
print(next(batches).tolist(), flush=True)
END
"""


def run(end):
    return subprocess.run(
        [sys.executable, "-"],
        input=PROGRAM.replace("END", end),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_a_plain_program_needs_no_file_and_no_guard():
    done = run("print([batch.tolist() for batch in batches])")
    assert done.stdout == "[0, 1]\n[[2, 3], [4, 5], [6, 7]]\n"
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_ctrl_c_is_left_to_the_parent_from_the_first_moment():
    done = run(
        "os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "print([batch.tolist() for batch in DataLoader(Rows(), batch_size=4, num_workers=2)])"
    )
    assert done.stdout == "[0, 1]\n[[0, 1, 2, 3], [4, 5, 6, 7]]\n"
    assert done.stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
def test_ctrl_c_is_left_to_the_parent():
    done = run(
        "for child in multiprocessing.active_children():\n    os.kill(child.pid, signal.SIGINT)\n"
        "print([batch.tolist() for batch in batches])"
    )
    assert done.stdout == "[0, 1]\n[[2, 3], [4, 5], [6, 7]]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit"])
def test_workers_end_with_their_parent(end):
    # Output stays open as long as a worker has it, so `run` returns when the last worker is gone.
    assert run(end).stdout == "[0, 1]\n"
