"""The benchmark's runner on a job of 96 rows with peers written here: order, counts, failures, never times."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks import __main__ as command
from benchmarks import floor, imports, recording, report
from benchmarks.floor import Rates
from benchmarks.jobs import JOBS, Job, load
from benchmarks.machine import describe, version_in
from benchmarks.memory import peak_mib
from benchmarks.peers import PEERS, Peer, older_jax
from benchmarks.runner import JobResults, Result, Worker, interleave, run_job

MICRO = Job("micro", (3, 4, 2), rows=100, batch_size=16, epochs=2, optimizer="SGD")

PEER_MODULE = '''
import os
from pathlib import Path

import numpy as np


def softmax_regression(job, X, y, *, name, log):
    """One layer, trained in NumPy; notes each fit in the log."""
    W = np.zeros((job.sizes[0], job.sizes[-1]), np.float32)

    def fit():
        with Path(log).open("a") as file:
            print(name, file=file)
        print("words of a library on standard output")
        for _ in range(job.epochs):
            for i in range(0, job.batches * job.batch_size, job.batch_size):
                xb, yb = X[i : i + job.batch_size], y[i : i + job.batch_size]
                p = np.exp(xb @ W)
                p /= p.sum(1, keepdims=True)
                loss = -np.log(p[range(len(yb)), yb]).mean()
                p[range(len(yb)), yb] -= 1
                W[:] -= job.lr * xb.T @ p
        return float(loss)

    return fit


def big(job, X, y):
    return lambda: float(np.ones(2**24).sum())


def wrong(job, X, y):
    raise ValueError("this peer cannot be built")


def crash(job, X, y):
    return lambda: os._exit(7)
'''


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs MICRO on peers written in PEER_MODULE and returns the outcome with the order of the fits."""
    (tmp_path / "written_peers.py").write_text(PEER_MODULE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    log = tmp_path / "log"

    def run(names: dict[str, str], rounds: int) -> tuple[JobResults, list[str]]:
        peers = []
        for name, function in names.items():
            settings = {"name": name, "log": str(log)} if function == "softmax_regression" else {}
            peers.append(Peer(name, "numpy", f"written_peers:{function}", settings))
        outcome = run_job(MICRO, peers, rounds)
        return outcome, log.read_text(encoding="utf-8").split() if log.exists() else []

    return run


def test_rounds_interleave_the_peers_and_fits_continue_on_the_same_model(run) -> None:
    outcome, order = run({"a": "softmax_regression", "b": "softmax_regression"}, rounds=3)
    assert order == ["a", "b"] * 4
    assert not outcome.failures
    once, _ = run({"c": "softmax_regression"}, rounds=1)
    assert outcome.results["a"].loss == outcome.results["b"].loss != once.results["c"].loss
    assert outcome.results["a"].first_s > 0
    assert outcome.results["a"].median_s > 0


def test_a_peer_that_fails_is_named_and_leaves_the_others_alone(run) -> None:
    outcome, order = run({"w": "wrong", "c": "crash", "a": "softmax_regression"}, rounds=2)
    assert list(outcome.results) == ["a"]
    assert order == ["a"] * 3
    assert outcome.failures["w"] == "ValueError: this peer cannot be built"
    assert "status 7" in outcome.failures["c"]


def test_memory_counts_what_a_fit_held_for_a_moment(run) -> None:
    outcome, _ = run({"a": "softmax_regression", "b": "big"}, rounds=1)
    held_mib = 2**24 * 8 / 2**20
    assert outcome.results["b"].peak_mib > 0.9 * held_mib > outcome.results["a"].peak_mib >= 0
    assert peak_mib() > 1


def test_jobs_give_the_shapes_they_announce() -> None:
    for job in (MICRO, JOBS["tiny"], JOBS["digits"]):
        X, y = load(job)
        assert X.shape == (job.rows, job.sizes[0])
        assert X.dtype == np.float32
        assert y.shape == (job.rows,)
        assert y.dtype == np.int64
        assert y.min() >= 0
        assert y.max() < job.sizes[-1]
    assert MICRO.batches == 6


def test_ratio_is_over_the_fastest_other_library() -> None:
    times = {"backlit": 1.0, "torch": 4.0, "jax-scan": 2.0}
    results = {name: Result(1.0, seconds, 1.0, 0.5) for name, seconds in times.items()}
    assert report.best_peer(results) == 2.0
    assert report.best_peer({"backlit": results["backlit"]}) == 1.0
    older = {**results, "jax-old": Result(1.0, 0.5, 1.0, 0.5)}
    assert report.best_peer(older) == 2.0
    assert report.table({"tiny": older}, {"tiny": 0.1}).row_count == 5


def test_bars_mark_what_is_above() -> None:
    assert Result(3.0, 1.0, 1.0, 0.5).extra_s == 2.0
    results = {"backlit": Result(3.0, 1.0, 40.0, 0.5), "torch": Result(2.0, 4.0, 100.0, 0.5)}
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report.bars({"tiny": results}, {"tiny": 0.1}))
    text = console.export_text()
    assert "0.25 (bar 0.15) !" in text
    assert "2 (bar 0.3) !" in text
    assert "0.4 (bar 0.5) !" not in text
    assert "0.4 (bar 0.5)" in text


def test_floor_counts_products_and_bytes() -> None:
    job = Job("counted", (3, 4, 2), rows=100, batch_size=16, epochs=2, optimizer="Adam")
    rows, weights = 96 * 2, 3 * 4 + 4 * 2
    assert floor.operations(job) == rows * (6 * weights - 2 * 3 * 4)
    assert floor.row_bytes(job) == rows * (3 * 4 + 8)
    assert floor.step_bytes(job) == 2 * 3 * 4 * (weights + 4 + 2)
    slow, fast = Rates(1e3, 1e9), Rates(1e9, 1e9)
    assert slow.floor(job) > floor.operations(job) / 1e3 > fast.floor(job) > 0


def test_command_writes_job_then_peer_and_skips_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(PEERS, "torch", Peer("torch", "a_library_nobody_has", "nothing:here"))
    asked: list[list[str]] = []

    def run_nothing(job: Job, peers: list[Peer], rounds: int) -> JobResults:
        asked.append([job.name, str(rounds), *(peer.name for peer in peers)])
        return JobResults({peer.name: Result(2.0, 1.0, 3.0, 0.5) for peer in peers}, {})

    monkeypatch.setattr(command, "run_job", run_nothing)
    monkeypatch.setattr(Rates, "measured", lambda: Rates(1e9, 1e9))
    file = tmp_path / "times.json"
    status = command.main(["--jobs", "tiny,digits", "--peers", "backlit,torch", "--rounds", "2", "--json", str(file)])
    assert status == 0
    assert asked == [["tiny", "2", "backlit"], ["digits", "2", "backlit"]]
    numbers = {"first_s": 2.0, "median_s": 1.0, "peak_mib": 3.0, "loss": 0.5}
    content = json.loads(file.read_text(encoding="utf-8"))
    assert content["rates"] == {"operations": 1e9, "bytes": 1e9}
    assert {name: job["peers"] for name, job in content["jobs"].items()} == {
        "tiny": {"backlit": numbers},
        "digits": {"backlit": numbers},
    }
    assert all(job["floor_s"] > 0 for job in content["jobs"].values())
    assert "torch: skipped" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--jobs", "huge"], ["--peers", "torch,tensorflow"], ["--rounds", "0"]])
def test_unknown_names_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_machine_line_names_the_versions() -> None:
    assert f"numpy {np.__version__}" in describe(["numpy"])


def test_import_times_are_of_fresh_interpreters(tmp_path: Path) -> None:
    times = imports.medians(("json", "colorsys"), rounds=1)
    assert list(times) == ["json", "colorsys"]
    assert all(time > 0 for time in times.values())
    with pytest.raises(subprocess.CalledProcessError):
        imports.import_seconds("a_library_nobody_has", str(tmp_path))


def test_import_times_are_of_compiled_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    imports.import_seconds("colorsys", str(tmp_path))
    assert list(tmp_path.rglob("colorsys*.pyc"))


def test_a_peer_of_another_environment_runs_in_its_interpreter(run, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = sys.executable
    monkeypatch.setattr(sys, "executable", "this interpreter is not to be used")
    assert run_job(MICRO, [Peer("big", "numpy", "written_peers:big", python=elsewhere)], 1).results
    assert older_jax(elsewhere).python == elsewhere
    assert version_in(elsewhere, "numpy") == np.__version__


def test_an_interpreter_without_the_library_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--jax-old", "no_such_interpreter"])
    assert "no_such_interpreter" in capsys.readouterr().err


def test_a_worker_does_one_job_after_the_other(run) -> None:
    with Worker(Peer("big", "numpy", "written_peers:big")) as worker:
        for rows in (32, 64):
            outcome = interleave({"big": (worker, replace(MICRO, rows=rows))}, rounds=1)
            assert len(worker.fits) == 2
            assert not outcome.failures


def test_worker_keeps_a_library_s_words_out_of_its_answers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker"],
        input="{}",
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert "error" in json.loads(done.stdout)


def test_recording_is_timed_against_its_bar(monkeypatch, capsys):
    assert recording.main(["--jobs", "tiny", "--seconds", "1"]) in (0, 1)
    assert "bar 2" in capsys.readouterr().out
    monkeypatch.setattr(recording, "BAR", 0.0)
    assert recording.main(["--jobs", "tiny", "--seconds", "1"]) == 1
