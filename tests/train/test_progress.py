"""The progress bar and Ctrl-C in places other than a terminal's main thread."""

import io
import signal
import sys
import threading

import pytest

from backlit.train import ProgressBar, progress
from backlit.train.interrupt import Interrupts
from tests.train.problems import line, small_trainer


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("compile", [False, True])
def test_a_terminal_sees_loss_metrics_speed_and_time_left(monkeypatch, compile):
    X, y = line()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    run = small_trainer(metrics=["mae"]).fit((X, y), (X, y), epochs=3, batch_size=8, compile=compile)
    shown = terminal.getvalue()
    last = run.history["val_mae"][-1]
    for words in ("epoch 1/3", "epoch 3/3", "loss", "mae", f"val_mae {last:.4g}", "examples/s", "0:00:00"):
        assert words in shown


def test_elsewhere_nothing_is_drawn(capsys):
    small_trainer().fit(line(), epochs=1)
    said = capsys.readouterr()
    assert not said.out
    assert not said.err


def test_drawing_is_by_time_and_not_by_step(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(progress, "_rich_bar", Recorder)
    bar = ProgressBar(True, epochs=2, batches=None)
    for _ in range(1000):
        now[0] += 0.001
        if bar.due():
            bar.show(0, 1, 1, {"loss": 1.0})
    assert bar._bar.refreshed == 10


class Recorder:
    refreshed = 0

    def add_task(self, *_, **__):
        return 0

    def update(self, *_, **__):
        pass

    def refresh(self):
        self.refreshed += 1


def test_another_thread_trains_without_signals():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def train():
        with Interrupts() as interrupts:
            seen.append(signal.getsignal(signal.SIGINT) is before)
            seen.append(interrupts.requested)
        seen.append(len(small_trainer().fit(line(), epochs=1).history["loss"]))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [True, False, 1]
