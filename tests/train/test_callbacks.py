"""Callbacks: when they are called, what they may do, and what happens when they fail."""

import numpy as np
import pytest

from backlit import nn, optim
from backlit.errors import ArgumentError, ArgumentTypeError, StateError
from backlit.train import BestWeights, EarlyStopping
from tests.train.problems import line, small_trainer, weights


class Diary:
    def __init__(self):
        self.seen = []

    def on_fit_begin(self, trainer):
        self.seen.append("fit")

    def on_epoch_begin(self, trainer):
        self.seen.append(f"epoch {trainer.epoch}")

    def on_batch_end(self, trainer):
        self.seen.append(f"step {trainer.step}")

    def on_epoch_end(self, trainer):
        self.seen.append(f"epoch {trainer.epoch} done, {len(trainer.history['loss'])}")

    def on_fit_end(self, trainer):
        self.seen.append("end")


def test_hooks_are_called_in_order():
    diary = Diary()
    small_trainer(callbacks=[diary]).fit(line(10), epochs=2, batch_size=5)
    assert diary.seen == [
        *("fit", "epoch 0", "step 1", "step 2", "epoch 0 done, 1"),
        *("epoch 1", "step 3", "step 4", "epoch 1 done, 2", "end"),
    ]


def test_a_misspelt_hook_is_an_error_with_the_right_name():
    class Typo:
        def on_epoch_ends(self, trainer):
            pass

    with pytest.raises(ArgumentError, match=r"Typo defines on_epoch_ends.*did you mean 'on_epoch_end'"):
        small_trainer(callbacks=[Typo()])
    with pytest.raises(ArgumentError, match="object defines none of on_fit_begin"):
        small_trainer(callbacks=[object()])
    with pytest.raises(ArgumentTypeError, match="is a class"):
        small_trainer(callbacks=[Diary])


class Script:
    """Puts made-up losses in place of the real ones."""

    def __init__(self, *losses):
        self.losses = losses

    def on_epoch_end(self, trainer):
        trainer.history["val_loss"][-1] = self.losses[trainer.epoch]


def scripted(losses, callback, epochs=8):
    X, y = line()
    kept = []

    class Keep:
        def on_epoch_end(self, trainer):
            kept.append(weights(trainer))

    trainer = small_trainer(lr=0.01, callbacks=[Script(*losses), Keep(), callback])
    run = trainer.fit((X, y), (X, y), epochs=epochs)
    return trainer, run, kept


def test_early_stopping_waits_and_restores_the_best():
    trainer, run, kept = scripted([5, 3, 4, 3, 3, 9, 9, 9], EarlyStopping(patience=3))
    assert len(run.history["loss"]) == 5
    assert weights(trainer) == kept[1]
    assert not run.interrupted
    trainer, run, kept = scripted([5, 3, 4, 3, 3, 9, 9, 9], EarlyStopping(patience=3, restore_best=False))
    assert weights(trainer) == kept[-1]


def test_min_delta_and_nan_are_no_improvement():
    nan = float("nan")
    _, run, _ = scripted([5, 4.8, 4.6, 4.4, 0, 0, 0, 0], EarlyStopping(patience=2, min_delta=1.0))
    assert len(run.history["loss"]) == 3
    _, run, _ = scripted([nan] * 8, EarlyStopping(patience=2))
    assert len(run.history["loss"]) == 2


def test_a_number_that_grows_is_best_when_large():
    callback = EarlyStopping("r2", patience=1)
    assert callback.sign == -1
    assert EarlyStopping("val_mae").sign == 1
    assert EarlyStopping("r2", mode="min").sign == 1


def test_best_weights_come_back_without_stopping():
    trainer, run, kept = scripted([5, 3, 4, 6, 6, 9, 9, 9], BestWeights())
    assert len(run.history["loss"]) == 8
    assert weights(trainer) == kept[1]


@pytest.mark.parametrize(
    "settings", [{"patience": 0}, {"patience": 1.5}, {"min_delta": -1}, {"min_delta": float("nan")}, {"mode": "large"}]
)
def test_settings_out_of_range(settings):
    with pytest.raises(ArgumentError, match="EarlyStopping"):
        EarlyStopping(**settings)


def test_an_unknown_monitor_is_said_before_training():
    trainer = small_trainer(callbacks=[EarlyStopping("val_los")])
    before = weights(trainer)
    with pytest.raises(ArgumentError, match=r"'val_los'.*did you mean"):
        trainer.fit(line(), line(), epochs=1)
    assert weights(trainer) == before


def test_a_failing_callback_leaves_everything_consistent():
    class Fails:
        def on_epoch_end(self, trainer):
            if trainer.epoch == 1:
                raise ZeroDivisionError("mine")

    X, y = line()
    trainer = small_trainer(callbacks=[Fails()], metrics=["mae"])
    trainer.model.eval()
    with pytest.raises(ZeroDivisionError, match="mine"):
        trainer.fit((X, y), (X, y), epochs=3)
    assert {name: len(values) for name, values in trainer.history.items()} == dict.fromkeys(trainer.history, 2)
    assert not trainer.model.training
    same = small_trainer()
    same.fit((X, y), epochs=2)
    assert weights(trainer) == weights(same)


def test_a_wish_to_stop_within_an_epoch():
    class Stops:
        def on_batch_end(self, trainer):
            trainer.stop = trainer.step == 7

    trainer = small_trainer(callbacks=[Stops()])
    run = trainer.fit(line(20), epochs=5, batch_size=4)
    assert trainer.step == 7
    assert len(run.history["loss"]) == 1
    assert np.isfinite(trainer.last_loss)


@pytest.mark.parametrize("hook", ["on_fit_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end"])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("model", lambda trainer: small_trainer().model),
        ("optimizer", lambda trainer: optim.Adam(trainer.model.parameters())),
        ("loss", lambda trainer: nn.L1Loss()),
        ("clip_grad_norm", lambda trainer: 0.1),
    ],
)
def test_what_a_fit_works_with_is_not_replaced_in_it(hook, name, make):
    def replace(self, trainer):
        setattr(trainer, name, make(trainer))

    trainer = small_trainer(callbacks=[type("Replacing", (), {hook: replace})()])
    with pytest.raises(StateError, match=rf"{hook}: trainer.{name} was replaced during a fit.*between fits"):
        trainer.fit(line(), epochs=2)
