"""A fit goes on after Ctrl-C, an end and a kill as if nothing had been, bit for bit."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.data import DataLoader, RandomSampler, TensorDataset
from backlit.errors import FileError, StateError
from backlit.ops import Generator, from_numpy
from backlit.optim.lr_scheduler import OneCycleLR, StepLR
from backlit.train import EarlyStopping, Trainer
from backlit.train.storage import read_state, write_state
from tests.train.problems import classes, line, small_trainer, weights

PROGRAM = Path(__file__).with_name("long_training.py")


class StopAt:
    """Ends a fit after some updates, as a person might."""

    def __init__(self, step, how="stop"):
        self.step, self.how = step, how

    def on_batch_end(self, trainer):
        if trainer.step == self.step:
            if self.how == "stop":
                trainer.stop = True
            else:
                signal.raise_signal(signal.SIGINT)


class Nothing:
    def on_batch_end(self, trainer):
        pass


def trainer_of_all(callback, **settings):
    """Dropout, running averages, momentum, a schedule, metrics and a callback with a state."""
    backlit.manual_seed(2)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    return Trainer(
        model,
        nn.CrossEntropyLoss(),
        optimizer,
        metrics=["accuracy"],
        scheduler=StepLR(optimizer, 2, gamma=0.5),
        callbacks=[callback, EarlyStopping(patience=2)],
        **settings,
    )


def own_loader(X, y):
    dataset = TensorDataset(from_numpy(X), from_numpy(y))
    return DataLoader(dataset, batch_size=8, sampler=RandomSampler(dataset, generator=Generator().manual_seed(3)))


def result(trainer, run):
    state = {name: value.tolist() for name, value in trainer.model.state_dict().items()}
    return state, trainer.optimizer.state_dict()["state"][0]["exp_avg"].tolist(), run.history, trainer.last_loss


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("loader", [False, True])
@pytest.mark.parametrize("step", [1, 8, 13, 16])
def test_a_resumed_fit_ends_where_one_without_a_break_ends(step, loader, compile, tmp_path):
    X, y = classes(60)
    path = tmp_path / "state"

    def fit(trainer, **settings):
        data = own_loader(X, y) if loader else (X, y)
        run = trainer.fit(data, (X, y), epochs=4, batch_size=8, compile=compile, **settings)
        return result(trainer, run)

    whole = fit(trainer_of_all(Nothing()))
    fit(trainer_of_all(StopAt(step, "interrupt")), checkpoint=path)
    backlit.manual_seed(999)
    assert fit(trainer_of_all(Nothing()), resume=path) == whole

    # The comparison can fail: another order of the rows shows.
    state = read_state(path)
    for name in ("random", "random_at_epoch_begin"):
        state[name] = [value + 1 for value in state[name]]
    write_state(path, state)
    assert fit(trainer_of_all(Nothing()), resume=path) != whole


@pytest.mark.parametrize("compile", [False, True])
def test_a_fit_nobody_watches_equals_one_in_pieces(compile, tmp_path):
    X, y = classes(60)

    def fit(**settings):
        trainer = small_trainer(4, 8, 3, layers=(nn.Dropout(0.3),), loss=nn.CrossEntropyLoss(), metrics=["accuracy"])
        run = trainer.fit((X, y), batch_size=8, compile=compile, **settings)
        return weights(trainer), run.history, trainer.last_loss

    whole = fit(epochs=6)
    fit(epochs=2, checkpoint=tmp_path / "state", checkpoint_every=3)
    backlit.manual_seed(999)
    assert fit(epochs=6, resume=tmp_path / "state") == whole


def test_a_schedule_of_batches_is_resumed(tmp_path):
    X, y = line()

    def fit(callback, **settings):
        trainer = small_trainer(callbacks=[callback])
        trainer.scheduler = OneCycleLR(trainer.optimizer, max_lr=0.1, total_steps=30)
        trainer.fit((X, y), epochs=3, batch_size=8, **settings)
        return weights(trainer), trainer.optimizer.param_groups[0]["lr"]

    whole = fit(Nothing())
    fit(StopAt(7, "interrupt"), checkpoint=tmp_path / "state", checkpoint_every=2)
    assert fit(Nothing(), resume=tmp_path / "state") == whole


def test_a_fit_that_stopped_early_stays_stopped(tmp_path):
    X, y = classes(60)
    path = tmp_path / "state"
    trainer = trainer_of_all(Nothing())
    trainer.callbacks.all[1].patience = 1
    trainer.optimizer.param_groups[0]["lr"] = 1.0
    run = trainer.fit((X, y), (X, y), epochs=40, batch_size=8, checkpoint=path)
    assert len(run.history["loss"]) < 40
    again = trainer_of_all(Nothing())
    assert again.fit((X, y), (X, y), epochs=40, batch_size=8, resume=path).history == run.history
    assert weights(again) == weights(trainer)


def test_ctrl_c_ends_after_the_step_and_keeps_what_was_learnt():
    X, y = line(20)
    before = signal.getsignal(signal.SIGINT)
    trainer = small_trainer(callbacks=[StopAt(7, "interrupt")])
    run = trainer.fit((X, y), epochs=5, batch_size=4)
    assert run.interrupted
    assert trainer.step == 7
    assert len(run.history["loss"]) == 1
    assert signal.getsignal(signal.SIGINT) is before
    same = small_trainer(callbacks=[StopAt(7)])
    assert not same.fit((X, y), epochs=5, batch_size=4).interrupted
    assert weights(trainer) == weights(same)


def test_a_second_ctrl_c_does_not_wait():
    class Twice:
        def on_batch_end(self, trainer):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        small_trainer(callbacks=[Twice()]).fit(line(), epochs=1)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("change", ["rows", "batch", "model", "metrics", "callbacks", "file"])
def test_a_checkpoint_of_another_training_changes_nothing(change, tmp_path):
    X, y = classes(60)
    path = tmp_path / "state"
    trainer_of_all(StopAt(3)).fit((X, y), (X, y), epochs=2, batch_size=8, checkpoint=path)
    other = trainer_of_all(Nothing())
    if change == "model":
        other = small_trainer(4, 3, loss=nn.CrossEntropyLoss(), metrics=["accuracy"])
    if change == "metrics":
        other.metrics = []
    if change == "callbacks":
        other.callbacks.all.pop()
    if change == "file":
        write_state(path, {"weights": 1})
    rows = 59 if change == "rows" else 60
    before = weights(other)
    with pytest.raises((StateError, FileError), match=r"cannot be resumed|callbacks|not a checkpoint"):
        other.fit((X[:rows], y[:rows]), (X, y), epochs=2, batch_size=4 if change == "batch" else 8, resume=path)
    assert weights(other) == before


def life(folder: Path, seconds: float | None) -> None:
    """Let the program train, slowly, and kill it `seconds` after its first step; None: let it end."""
    command = [sys.executable, str(PROGRAM), str(folder)]
    if seconds is None:
        subprocess.run(command, check=True)
        return
    with subprocess.Popen([*command, "--slow"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"training"
        time.sleep(seconds)
        process.kill()


def test_twenty_kills_at_random_moments_leave_no_trace(tmp_path):
    rng = random.Random(0)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for folder in (killed, whole):
        folder.mkdir()
    for _ in range(20):
        life(killed, rng.uniform(0, 0.12))
    assert not (killed / "end").exists()
    assert read_state(killed / "state")["position"]["step"] > 0
    life(killed, None)
    life(whole, None)
    assert (killed / "end").read_bytes() == (whole / "end").read_bytes()
    assert np.isfinite(read_state(whole / "end")["history"]["val_loss"]).all()
