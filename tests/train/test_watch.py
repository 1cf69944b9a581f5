"""Loops that are written out are watched as a trainer's are, and what was forgotten in them is named."""

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, ArgumentTypeError, StateError
from backlit.train import Trainer, Watch, diagnose
from backlit.view import training

X = backlit.from_numpy(np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32))
Y = X[:, :1] - X[:, 1:2]
LOSS = nn.MSELoss()


def network():
    backlit.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def loop(step, every=2, lr=0.05, epochs=6):
    """A run of a loop whose `step(loss, optimizer, model)` is what is done with a loss."""
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=lr)
    watch = Watch(model, LOSS, every=every)
    for _ in range(epochs):
        for first in range(0, 60, 20):
            with watch:
                loss = LOSS(model(X[first : first + 20]), Y[first : first + 20])
                watch.see(loss)
                step(loss, optimizer, model)
    return watch.run()


def right(loss, optimizer, model):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def zeroed_last(loss, optimizer, model):
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def clipped(loss, optimizer, model):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()


def without_zero_grad(loss, optimizer, model):
    loss.backward()
    optimizer.step()


def without_step(loss, optimizer, model):
    optimizer.zero_grad()
    loss.backward()


def test_it_measures_what_a_trainer_measures():
    run = loop(right, every=3)
    model = network()
    trainer = Trainer(model, LOSS, optim.SGD(model.parameters(), lr=0.05), watch=3)
    watched = trainer.fit((X, Y), epochs=6, batch_size=20, shuffle=False, compile=False).watched
    for kind in ("loss", "values", "weights", "gradients", "updates"):
        assert run.watched.names(kind) == watched.names(kind)
        for name in watched.names(kind):
            assert np.allclose(run.watched.series(kind, name), watched.series(kind, name), atol=1e-6)
    assert len(run.history["loss"]) == 10
    assert training(run).svg.startswith("<svg")


@pytest.mark.parametrize("step", [right, zeroed_last, clipped])
def test_a_right_loop_gives_no_finding(step):
    run = loop(step, lr=0.2)
    assert list(map(str, diagnose(run))) == []
    assert run.watched.series("gradients", "0.weight")[:, 2].all()
    assert not any(parameter._hooks for parameter in run.model.parameters())


def test_a_forgotten_zero_grad_is_named():
    found = [str(finding) for finding in diagnose(loop(without_zero_grad)) if "earlier" in finding.problem]
    assert len(found) == 1
    assert "backward() added a gradient of root mean square 0." in found[0]
    assert "Call optimizer.zero_grad() before each backward()" in found[0]


def test_a_forgotten_step_is_named():
    found = [finding for finding in diagnose(loop(without_step)) if finding.problem == "parameters that never change"]
    assert len(found) == 1
    assert "at every parameter, and no update follows" in found[0].evidence
    assert "call its step() after backward()" in found[0].mend


def test_bad_input_and_errors_inside():
    with pytest.raises(ArgumentTypeError, match=r"must be an nn\.Module, got int"):
        Watch(3)
    with pytest.raises(ArgumentError, match="positive number of steps, got 0"):
        Watch(network(), every=0)
    watch = Watch(network())
    with pytest.raises(StateError, match=r"call watch\.see\(loss\)"), watch:
        pass
    with pytest.raises(ValueError, match="no number"), watch:
        float("no number")
    assert watch.losses == []
    assert not any(module._hooks_of("forward") for module in watch.run().model.modules())
