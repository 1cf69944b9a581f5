"""The benchmarks' sweeps, predictions and compile times: what they compare and mark, never what they measure."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import cliffs, compile_time, predict, scaling, threads
from benchmarks.floor import Rates, operations
from benchmarks.jobs import JOBS, Job, load
from benchmarks.peers import PEERS, Peer, predict_others, predict_torch_style
from benchmarks.runner import JobResults, Result
from benchmarks.sweeps import STEPS, along, shaped, steps_of


def result(seconds: float) -> Result:
    return Result(2 * seconds, seconds, 1.0, 0.5)


class NoWorker:
    """Stands in for a peer's process."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def __enter__(self) -> "NoWorker":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_sweeps_vary_one_property_and_bound_the_work() -> None:
    base = shaped("Adam")
    assert base.sizes == (64, 128, 128, 10)
    assert along("width", "SGD")(16).sizes == (64, 16, 16, 10)
    assert along("depth", "SGD")(3).sizes == (64, 128, 128, 128, 10)
    assert along("inputs", "SGD")(5).sizes == (5, 128, 128, 10)
    assert along("classes", "SGD")(3).sizes == (64, 128, 128, 3)
    assert along("batch", "SGD")(7, 11).batch_size == 7
    assert steps_of(along("batch", "SGD")(7, 11)) == 11
    assert steps_of(along("width", "Adam")(16)) == STEPS[1]
    assert steps_of(along("width", "Adam")(4096)) == STEPS[0]
    assert operations(along("width", "Adam")(256)) > operations(base) / 2


def test_scaling_writes_points_and_plots_and_marks_the_slow_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_nothing(work: dict[str, tuple[NoWorker, Job]], rounds: int) -> JobResults:
        (job,) = {job for _, job in work.values()}
        seconds = {"backlit": 3.0 if "depth=32" in job.name else 1.0, "jax-scan": 2.0}
        return JobResults({name: result(seconds[name]) for name in work})

    monkeypatch.setattr(scaling, "Worker", NoWorker)
    monkeypatch.setattr(scaling, "interleave", run_nothing)
    monkeypatch.setattr(Rates, "measured", lambda: Rates(1e11, 1e10))
    arguments = ["--quick", "--axes", "depth", "--peers", "backlit,jax-scan", "--folder", str(tmp_path / "made")]
    assert scaling.main(arguments) == 1
    assert "2 of 6 points are above" in capsys.readouterr().out
    points = json.loads((tmp_path / "made" / "scaling.json").read_text(encoding="utf-8"))
    assert [(point["optimizer"], point["value"], point["ratio"]) for point in points[:3]] == [
        ("Adam", 1, 0.5),
        ("Adam", 8, 0.5),
        ("Adam", 32, 1.5),
    ]
    assert (tmp_path / "made" / "scaling-depth.png").stat().st_size > 1000
    assert "1.50" in (tmp_path / "made" / "scaling-depth.svg").read_text(encoding="utf-8")


def test_a_cliff_is_measured_again_and_stands_only_if_it_is_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*ratios: float) -> tuple[float, int]:
        left = list(ratios)

        def run_nothing(work: dict[str, tuple[NoWorker, Job]], rounds: int) -> JobResults:
            return JobResults(dict(zip(work, map(result, (1.0, left.pop(0))), strict=True)))

        monkeypatch.setattr(cliffs, "interleave", run_nothing)
        workers = [NoWorker(PEERS["backlit"])] * 2
        step, failures = cliffs.measure(workers, "Adam", "width", 45, rounds=1)
        assert step is not None
        assert not failures
        assert steps_of(along("width", "Adam")(45)) * step.times[0] == pytest.approx(1e6)
        return step.ratio, len(left)

    assert measured(1.1, 9.0) == (pytest.approx(1.1), 1)
    assert measured(1.5, 1.0) == (pytest.approx(1.0), 0)
    assert measured(1.5, 1.6) == (pytest.approx(1.5), 0)


def test_the_growth_of_the_work_is_no_cliff() -> None:
    assert cliffs.Step("SGD", "depth", 1, (1.0, 1.9), work=2.0).over_bar < 1
    assert cliffs.Step("SGD", "depth", 1, (1.0, 2.1), work=2.0).over_bar > 1
    assert cliffs.Step("SGD", "width", 15, (1.0, 1.21), work=1.1).over_bar > 1
    assert cliffs.Step("SGD", "width", 15, (1.0, 0.9), work=1.1).over_bar < 1


def test_cliffs_come_worst_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ratios = {15: 1.0, 31: 1.5, 63: 1.1}

    def measured(workers: object, optimizer: str, axis: str, value: int, rounds: int) -> object:
        return cliffs.Step(optimizer, axis, value, (1.0, ratios[value]), 1.0), {}

    monkeypatch.setattr(cliffs, "Worker", NoWorker)
    monkeypatch.setattr(cliffs, "measure", measured)
    assert cliffs.main(["--axes", "width", "--values", "15,31,63"]) == 1
    out = capsys.readouterr().out
    assert out.index(" 31 ") < out.index(" 63 ") < out.index(" 15 ")
    assert "1 of 3 steps" in out


def test_the_other_choice_of_threads_is_the_same_training(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []
    seconds = threads.Epochs.seconds

    def watched(epochs: threads.Epochs) -> float:
        found = seconds(epochs)
        ended.append(epochs.losses.copy())
        return found

    monkeypatch.setattr(threads.Epochs, "seconds", watched)
    job = shaped("Adam", width=64, batch=32, steps=3)
    choice = threads.choice(job, rounds=1)
    assert choice.threads == 1
    assert min(choice.one, choice.two) > 0
    assert choice.ratio == max(1.0, choice.one / choice.two)
    rule, other = ended[:2]
    np.testing.assert_allclose(rule, other, rtol=1e-5)


def test_a_wrong_choice_of_threads_is_marked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def choice(job: Job, rounds: int) -> threads.Choice:
        return threads.Choice(job, threads=1, one=100.0, two=50.0 if job.sizes[1] == 32 else 150.0)

    monkeypatch.setattr(threads, "choice", choice)
    assert threads.main(["--widths", "64", "--batches", "16"]) == 0
    assert threads.main(["--widths", "32,64", "--batches", "16"]) == 1
    assert "2 of 4 choices" in capsys.readouterr().out


def test_predictions_are_of_the_same_network_and_counted_per_call() -> None:
    X, y = load(replace(JOBS["digits"], rows=300))
    settings = {"rows": 1, "calls": 2}
    compiled, eager = (
        predict_torch_style.build(JOBS["digits"], X, y, library="backlit", **settings, **more)()
        for more in ({"compiled": True}, {"mode": "no_grad"})
    )
    assert compiled == pytest.approx(eager, rel=1e-5)
    assert np.isfinite(predict_others.jax(JOBS["digits"], X, y, **settings)())
    assert 0 <= predict_others.sklearn(JOBS["digits"], X, y, **settings)() <= 1
    assert predict.microseconds({"backlit": result(1.0)}, 1) == {"backlit": 1e6 / predict.CALLS[1]}
    assert predict.with_rows(predict.PREDICTORS["torch"], 1).settings["calls"] == predict.CALLS[1]
    assert predict.table({1: {"backlit": 9.0, "torch": 40.0}, 1437: {"backlit": 80.0}}).row_count == 3


def test_predict_exits_with_1_where_a_peer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_nothing(work: dict[str, tuple[NoWorker, Job]], rounds: int) -> JobResults:
        return JobResults({name: result(1.0) for name in work if name != "sklearn"}, {"sklearn": "failed"})

    monkeypatch.setattr(predict, "Worker", NoWorker)
    monkeypatch.setattr(predict, "interleave", run_nothing)
    assert predict.main(["--peers", "backlit,sklearn"]) == 1


def test_every_timed_part_of_the_compiler_is_still_there() -> None:
    for place in (*compile_time.PHASES, compile_time.FIRST_STEP):
        owner, name = compile_time.owner_of(place)
        assert callable(getattr(owner, name)), place


def test_a_clock_gives_inner_phases_their_own_time() -> None:
    clock = compile_time.Clock()
    inner = clock.timed(lambda: sum(range(200_000)), "code")
    outer = clock.timed(inner, "plan")
    assert outer() == inner() == sum(range(200_000))
    seconds = clock.stop()
    assert seconds["code"] > seconds["plan"] > 0
    with pytest.raises(ZeroDivisionError):
        clock.timed(lambda: 1 / 0, "code")()
    assert clock.stop()["code"] > 0


def test_compile_time_of_a_job_from_an_empty_and_a_filled_cache(tmp_path: Path) -> None:
    first, second = (compile_time.in_a_new_process("tiny", str(tmp_path), str(tmp_path / "bytecode")) for _ in range(2))
    assert set(first) == set(second) == set(compile_time.PARTS)
    assert all(first[part] > 0 for part in ("imports", "data", "trace", "plan", "code", "link"))
    assert second["code"] < first["code"]
    assert compile_time.counted("filled", first) < compile_time.counted("empty", first)
    assert compile_time.parts([first, first, first]) == first
    assert compile_time.table({("tiny", "empty"): first, ("tiny", "filled"): second}).row_count == 2


@pytest.mark.parametrize("command", [scaling, cliffs, predict, compile_time])
def test_unknown_names_are_refused(command, capsys: pytest.CaptureFixture[str]) -> None:
    option = "--jobs" if command is compile_time else "--axes" if command is cliffs else "--peers"
    with pytest.raises(SystemExit):
        command.main([option, "huge"])
    assert "huge" in capsys.readouterr().err
