"""Training and evaluation mode for a while, on one thread and on several."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from backlit import nn, optim
from backlit.errors import StateError
from backlit.train import Trainer
from backlit.train.modes import in_mode

X = np.random.default_rng(0).normal(size=(64, 4))


def model():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1)).double()


def trainer_of(net):
    return Trainer(net, nn.MSELoss(), optim.SGD(net.parameters(), 0.01))


def modes(net):
    return [module.training for module in net.modules()]


def raise_in_evaluation(net):
    assert not any(modes(net))
    raise RuntimeError("mine")


def test_each_module_gets_its_own_mode_back_also_after_an_error():
    net = model()
    net[1].eval()
    before = modes(net)
    with in_mode(net, training=True):
        with pytest.raises(RuntimeError, match="mine"), in_mode(net, training=False):
            raise_in_evaluation(net)
        assert all(modes(net))
    assert modes(net) == before


def test_threads_that_predict_with_one_model_in_training_mode_find_it_in_evaluation_mode():
    net = model()
    trainer, parts = trainer_of(net), [X[at : at + 8] for at in range(0, 64, 8)]
    wanted = [trainer.predict(part, batch_size=2).numpy() for part in parts]
    running, before = net[1].running_mean.clone(), modes(net)

    def is_right(call):
        return np.array_equal(trainer.predict(parts[call % 8], batch_size=2).numpy(), wanted[call % 8])

    with ThreadPoolExecutor(4) as callers:
        assert all(callers.map(is_right, range(100)))
    assert modes(net) == before
    np.testing.assert_array_equal(net[1].running_mean.numpy(), running.numpy())


def test_the_last_of_several_threads_puts_the_modes_back():
    net, inside, leave = model(), threading.Event(), threading.Event()

    def hold():
        with in_mode(net[:2], training=False):
            inside.set()
            leave.wait(10)

    with ThreadPoolExecutor(1) as other:
        done = other.submit(hold)
        inside.wait(10)
        with in_mode(net, training=False):
            leave.set()
            done.result()
            assert not any(modes(net))
    assert all(modes(net))


class PredictsElsewhere:
    """Evaluates as a callback may, and lets another thread try to."""

    def __init__(self):
        self.errors = []

    def on_epoch_end(self, trainer):
        trainer.evaluate((X, X[:, :1]))
        with ThreadPoolExecutor(1) as other:
            for attempt in (self.elsewhere, self.elsewhere_while_here):
                self.errors.append(attempt(trainer, other))

    @staticmethod
    def elsewhere(trainer, other):
        return other.submit(trainer.predict, X).exception()

    def elsewhere_while_here(self, trainer, other):
        with in_mode(trainer.model, training=False):
            return self.elsewhere(trainer, other)


def test_predicting_on_another_thread_than_the_one_that_trains_is_an_error_and_does_not_disturb():
    watch, net = PredictsElsewhere(), model()
    trainer = Trainer(net, nn.MSELoss(), optim.SGD(net.parameters(), 0.01), callbacks=[watch])
    trainer.fit((X, X[:, :1]), epochs=1, compile=False)
    assert [type(error) for error in watch.errors] == [StateError, StateError]
    assert "another thread trains it" in str(watch.errors[0])
    assert all(modes(net))


def test_training_while_another_thread_predicts_is_an_error():
    net = model()
    with in_mode(net, training=False), ThreadPoolExecutor(1) as other:
        error = other.submit(trainer_of(net).fit, (X, X[:, :1]), epochs=1, compile=False).exception()
    assert isinstance(error, StateError)
    assert "another thread evaluates it" in str(error)
    assert trainer_of(net).predict(X).shape == (64, 1)
