"""Compiled training beside eager training: tables of rates, closures, streams, and what makes a fit fall back."""

import threading
import time

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import BacklitError, NonFiniteError, ShapeError
from backlit.train import Trainer
from backlit.train.native import _INLINE_SECONDS, NativeLoop
from tests.train.problems import line


def fitted(compile, make_optimizer, *, epochs=3, data=None, **settings):
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    optimizer, scheduler = make_optimizer(model)
    trainer = Trainer(model, nn.MSELoss(), optimizer, scheduler=scheduler, seed=1, **settings)
    X, y = some_rows() if data is None else data
    run = trainer.fit((X, y), epochs=epochs, batch_size=8, compile=compile)
    weights = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    return run.history, weights, optimizer, scheduler


def some_rows(n=37):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((n, 3))
    return X, X[:, :1] ** 2 - X[:, 1:2]


def one_cycle(model):
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    return optimizer, optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.05, total_steps=15)


def lbfgs(model):
    return optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=4), None


def plain(model):
    return optim.SGD(model.parameters(), lr=0.05, momentum=0.9), None


@pytest.mark.parametrize("make_optimizer", [one_cycle, lbfgs, plain])
@pytest.mark.parametrize("settings", [{}, {"metrics": ["mae"]}, {"clip_grad_norm": 0.5}])
def test_compiled_training_is_eager_training(make_optimizer, settings):
    compiled, eager = (fitted(c, make_optimizer, **settings) for c in (True, False))
    assert compiled[0].keys() == eager[0].keys()
    # L-BFGS divides by differences of gradients, which makes rounding larger from step to step.
    tolerance = 1e-5 if make_optimizer is lbfgs else 1e-9
    for name, values in eager[0].items():
        np.testing.assert_allclose(compiled[0][name], values, rtol=tolerance)
    np.testing.assert_allclose(compiled[1], eager[1], rtol=tolerance, atol=tolerance)
    # The comparison can fail: another rate shows.
    assert not np.allclose(
        compiled[1], fitted(True, lambda m: (optim.SGD(m.parameters(), lr=0.01), None))[1], rtol=1e-3
    )


def test_a_schedule_of_batches_ends_where_eager_training_ends():
    compiled, eager = (fitted(c, one_cycle) for c in (True, False))
    assert compiled[3].last_epoch == eager[3].last_epoch
    assert compiled[2].param_groups[0]["lr"] == eager[2].param_groups[0]["lr"]
    assert compiled[2].param_groups[0]["betas"] == eager[2].param_groups[0]["betas"]


def test_a_schedule_stands_at_the_batch_that_failed():
    X, y = some_rows()
    y[20] = 1e200

    def rates(compile):
        backlit.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 1)).double()
        optimizer, scheduler = one_cycle(model)
        trainer = Trainer(model, nn.MSELoss(), optimizer, scheduler=scheduler, seed=1)
        with pytest.raises(NonFiniteError):
            trainer.fit((X, y), epochs=3, batch_size=8, compile=compile, shuffle=False)
        return optimizer.param_groups[0]["lr"], scheduler.last_epoch

    assert rates(True) == rates(False)


def test_epochs_in_one_call_are_epochs_one_by_one():
    class Watches:
        def on_epoch_end(self, trainer):
            pass

    together, apart = fitted(True, plain), fitted(True, plain, callbacks=[Watches()])
    assert together[0] == apart[0]
    assert (together[1] == apart[1]).all()


def test_no_more_than_one_step_that_may_be_slow_runs_where_nothing_can_stop_it(monkeypatch):
    runs, run = [], NativeLoop._run_batches

    def slow(self, start, stop):
        runs.append((stop - start, threading.current_thread() is threading.main_thread()))
        time.sleep(_INLINE_SECONDS)
        return run(self, start, stop)

    monkeypatch.setattr(NativeLoop, "_run_batches", slow)
    fitted(True, plain)
    assert runs[0] == (1, True)
    assert len(runs) > 1
    assert not any(main for _, main in runs[1:])


def test_what_asks_for_values_runs_eagerly_and_says_so():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 1)

        def forward(self, x):
            return self.linear(x) if x.sum().item() > 0 else -self.linear(x)

    model = Branches()
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.01))
    with pytest.warns(
        UserWarning, match=r"cannot be compiled and runs eagerly: .*test_native.py:\d+: .*number of a tensor"
    ):
        run = trainer.fit(line(8), epochs=1, batch_size=4)
    assert len(run.history["loss"]) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"checkpoint": 5}, "checkpoint must be a path"),
        ({"resume": 5}, "resume must be a path"),
        ({"batch_size": np.ones(3)}, "batch_size must be a positive whole number"),
    ],
)
def test_arguments_of_other_kinds(settings, words):
    model = nn.Linear(2, 1)
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(BacklitError, match=words):
        trainer.fit(line(8), epochs=1, **settings)


class Sequences:
    """Batches whose first dimension is time and not the rows, as recurrent networks have them."""

    def __init__(self, sizes):
        self.sizes = sizes

    def __iter__(self):
        rng = np.random.default_rng(0)
        for steps, rows in self.sizes:
            yield rng.standard_normal((steps, rows, 3)), rng.integers(0, 2, rows)


class MeanOverTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        return self.linear(x).mean(0)


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.LBFGS(p, max_iter=2)])
def test_batches_whose_targets_have_another_first_size(make):
    runs = []
    for compile in (True, False):
        backlit.manual_seed(0)
        model = MeanOverTime().double()
        trainer = Trainer(model, nn.CrossEntropyLoss(), make(model.parameters()))
        data = Sequences([(5, 4), (5, 4), (6, 4), (5, 2), (2, 2), (7, 1), (1, 7)])
        runs.append((trainer.fit(data, epochs=2, compile=compile).history["loss"], model.linear.weight.tolist()))
    np.testing.assert_allclose(runs[0][0], runs[1][0], rtol=1e-9)
    np.testing.assert_allclose(runs[0][1], runs[1][1], rtol=1e-9)


class Branching(nn.Module):
    def forward(self, x):
        return x * 2 if x.mean() > 0 else x


@pytest.mark.parametrize("hook", ["on_fit_begin", "on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize("make_optimizer", [plain, one_cycle])
def test_an_edit_that_leaves_nothing_to_compile_is_said_once_and_runs_eagerly(hook, make_optimizer):
    def edit(self, trainer):
        if trainer.step in (0, 3, 5):
            trainer.model[1] = Branching()

    edits = type("Edits", (), {hook: edit})
    eager = fitted(False, make_optimizer, callbacks=[edits()])
    with pytest.warns(UserWarning, match="runs eagerly: .*test_native.py:.*asked for the truth") as caught:
        compiled = fitted(True, make_optimizer, callbacks=[edits()])
    assert len(caught) == 1
    np.testing.assert_allclose(compiled[0]["loss"], eager[0]["loss"], rtol=1e-9)
    np.testing.assert_allclose(compiled[1], eager[1], rtol=1e-9)


class FirstRowOnly(nn.Module):
    """A prediction with one row for all."""

    def forward(self, x):
        return x.mean(0, keepdim=True)


def test_what_could_not_be_compiled_again_serves_no_later_fit():
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 1), nn.Identity())

    def edit(self, trainer):
        trainer.model[1] = FirstRowOnly()

    trainer = Trainer(
        model,
        lambda p, y: (p - y).square().mean(),
        optim.SGD(model.parameters(), lr=0.1),
        metrics=["mae"],
        callbacks=[type("Edit", (), {"on_epoch_end": edit})()],
    )
    for _ in range(2):
        with pytest.warns(UserWarning, match="not of a fixed size"), pytest.raises(ShapeError):
            trainer.fit(line(8), epochs=3, batch_size=4)
