"""Fitting, measuring and predicting: every kind of data, every argument, and what goes wrong."""

import itertools
import math
import threading

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.data import DataLoader, Dataset, IterableDataset, TensorDataset, permutation
from backlit.data.datasets import digits
from backlit.errors import (
    ArgumentError,
    ArgumentTypeError,
    BacklitError,
    DataError,
    IndexRangeError,
    ShapeError,
    StateError,
)
from backlit.ops import default_generator, from_numpy
from backlit.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from backlit.train import Trainer
from tests.train.problems import classes, line, small_trainer, weights


def test_digits_are_learnt():
    data = digits()
    train, test = data.split(0.25)
    backlit.manual_seed(1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    trainer = Trainer(
        model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=5e-3), metrics=["accuracy"], seed=1
    )
    run = trainer.fit((train.X, train.y), (test.X, test.y), epochs=8)
    assert set(run.history) == {"loss", "val_loss", "accuracy", "val_accuracy"}
    assert all(len(values) == 8 for values in run.history.values())
    assert run.history["val_accuracy"][-1] > 0.93
    assert run.history["loss"][-1] < run.history["loss"][0] / 5
    assert trainer.evaluate((test.X, test.y))["accuracy"] == run.history["val_accuracy"][-1]
    predicted = trainer.predict(test.X).argmax(1).numpy()
    assert (predicted == test.y).mean() == pytest.approx(run.history["val_accuracy"][-1])


def test_a_fit_equals_the_loop_written_out():
    X, y = line(50)
    trainer, compiled = small_trainer(), small_trainer()
    run = trainer.fit((X, y), epochs=3, batch_size=16, compile=False)
    compiled_run = compiled.fit((X, y), epochs=3, batch_size=16, compile=True)

    backlit.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    backlit.manual_seed(0)
    loader = DataLoader(TensorDataset(from_numpy(X), from_numpy(y)), batch_size=16, shuffle=True)
    means = []
    for _ in range(3):
        total = 0.0
        for inputs, target in loader:
            loss = nn.functional.mse_loss(model(inputs), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(target)
        means.append(total / 50)
    assert weights(trainer) == [parameter.tolist() for parameter in model.parameters()]
    assert run.history["loss"] == means
    assert trainer.last_loss == loss.item()
    assert compiled_run.history["loss"] == pytest.approx(means, rel=1e-5)
    assert compiled.predict(X).numpy() == pytest.approx(trainer.predict(X).numpy(), abs=1e-5)


class Rows(Dataset):
    """Rows one by one, out of sight of the fast way."""

    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, index):
        return self.X[index], self.y[index]


class Stream(IterableDataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __iter__(self):
        return iter(zip(self.X, self.y, strict=True))


class Batches:
    """Batches of somebody's own, of arrays that are not in the parameters' type."""

    def __init__(self, X, y):
        self.X, self.y = X.astype(np.float64), y.astype(np.float64)

    def __iter__(self):
        return ((self.X[at : at + 8], self.y[at : at + 8]) for at in range(0, len(self.X), 8))


def test_every_kind_of_data_gives_the_same_fit():
    X, y = line(37)
    tensors = from_numpy(X), from_numpy(y)
    kinds = [
        (X, y),
        [X.astype(np.float64), y.astype(np.float64)],
        tensors,
        (X.tolist(), y.tolist()),
        TensorDataset(*tensors),
        Rows(X, y),
        DataLoader(TensorDataset(*tensors), batch_size=8, shuffle=True),
    ]
    results = []
    for data in kinds:
        trainer = small_trainer()
        run = trainer.fit(data, epochs=2, batch_size=8, compile=False)
        results.append((run.history, weights(trainer)))
    assert all(result == results[0] for result in results)
    for compile in (True, False):
        streamed = small_trainer().fit(Stream(X, y), epochs=2, batch_size=8, compile=compile)
        arrays = small_trainer().fit((X, y), epochs=2, batch_size=8, shuffle=False, compile=compile)
        assert streamed.history == arrays.history


def test_other_iterables_run_the_compiled_step():
    X, y = line(37)
    results = []
    for data, compiled in ((Batches(X, y), True), (Batches(X, y), False), ((X, y), True)):
        trainer, calls = small_trainer(), []
        trainer.model.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        run = trainer.fit(data, data, epochs=4, batch_size=8, shuffle=False, compile=compiled)
        results.append((run.history["loss"], run.history["val_loss"], len(calls)))
    own, eager, arrays = results
    np.testing.assert_allclose([*own[0], *own[1]], [*eager[0], *eager[1]], rtol=1e-5)
    np.testing.assert_allclose(own[0], arrays[0], rtol=1e-5)
    assert own[2] < eager[2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ((batch for batch in [(np.ones((2, 3)), np.ones((2, 1)))]), "generator can be read only once"),
        ([(np.ones((2, 3)), np.ones((2, 1)))] * 3, "no list, got 3 of them"),
        ({"X": [1.0]}, "no list, got dict"),
        ({1.0}, "a batch must be .inputs, targets., got float"),
    ],
)
def test_iterables_that_are_no_batches_are_said(data, words):
    with pytest.raises(ArgumentTypeError, match=words):
        small_trainer().fit(data, epochs=2)


def test_full_one_and_mini_batches_make_their_number_of_steps():
    X, y = line(10)
    for batch_size, steps in (("full", 1), (1, 10), (4, 3)):
        trainer = small_trainer(lr=0.01)
        trainer.fit((X, y), epochs=2, batch_size=batch_size)
        assert trainer.step == 2 * steps
    full = small_trainer()
    full.fit((X, y), epochs=1, batch_size="full")
    backlit.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    nn.functional.mse_loss(model(from_numpy(X)), from_numpy(y)).backward()
    optimizer.step()
    assert weights(full) == [parameter.tolist() for parameter in model.parameters()]


def test_later_fits_go_on_and_the_seed_settles_everything():
    X, y = line()
    first, second = small_trainer(seed=3), small_trainer(seed=3)
    assert first.fit((X, y), epochs=2).history == second.fit((X, y), epochs=2).history
    assert first.fit((X, y), epochs=1).history["loss"][0] < second.history["loss"][0]
    assert small_trainer(seed=4).fit((X, y), epochs=2).history != second.history


def test_small_batches_cut_from_larger_chunks_are_the_permutation(monkeypatch):
    from backlit.train import feed

    X, y = np.arange(23, dtype=np.float32)[:, None], np.arange(23)
    for chunk in (1, 30, 10**6):
        monkeypatch.setattr(feed, "_CHUNK_BYTES", chunk)
        data = feed.Feed((X, y), 4, shuffle=True, name="train")
        backlit.manual_seed(5)
        seen = [target.tolist() for _, target in data.batches()]
        assert [len(batch) for batch in seen] == [4, 4, 4, 4, 4, 3]
        assert sorted(itertools.chain(*seen)) == list(range(23))
        backlit.manual_seed(5)
        assert [target.tolist() for _, target in data.batches(4)] == seen[4:]
    backlit.manual_seed(5)
    backlit.randint(0, 1 << 62, ())
    assert list(itertools.chain(*seen)) == permutation(23).tolist()


def test_modes_of_modules_come_back_and_evaluation_draws_nothing():
    X, y = line()
    trainer = small_trainer(2, 4, 1, layers=(nn.Dropout(0.5),))
    trainer.model[1].eval()
    before = default_generator.get_state().tolist()
    trainer.evaluate((X, y))
    assert default_generator.get_state().tolist() == before
    trainer.fit((X, y), (X, y), epochs=1)
    assert (trainer.model.training, trainer.model[1].training) == (True, False)
    assert trainer.predict(X).tolist() == trainer.predict(X).tolist()
    assert not trainer.predict(X).requires_grad


def test_clipping_bounds_the_step():
    X, y = line()
    trainer = small_trainer(clip_grad_norm=1e-3, lr=1.0)
    before = np.concatenate([np.ravel(value) for value in weights(trainer)])
    trainer.fit((X, 1000 * y), epochs=1, batch_size="full")
    after = np.concatenate([np.ravel(value) for value in weights(trainer)])
    assert np.linalg.norm(after - before) == pytest.approx(1e-3, rel=1e-2)


def test_schedulers_step_after_epochs_and_one_cycle_after_batches():
    X, y = line()
    for make, rate in (
        (lambda o: StepLR(o, 1, gamma=0.1), 0.001),
        (lambda o: ReduceLROnPlateau(o, patience=0, threshold=1e9), 0.001),
        (lambda o: OneCycleLR(o, max_lr=0.1, total_steps=11, final_div_factor=1e3), 0.1 / 25 / 1e3),
    ):
        trainer = small_trainer(lr=0.1)
        trainer.scheduler = make(trainer.optimizer)
        trainer.fit((X, y), epochs=2, batch_size=8)
        assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(rate)


def test_an_optimizer_that_needs_a_closure():
    X, y = line()
    model = nn.Linear(2, 1)
    trainer = Trainer(model, nn.MSELoss(), optim.LBFGS(model.parameters(), lr=0.5), seed=0)
    assert trainer.fit((X, y), epochs=5, batch_size="full").history["loss"][-1] < 1e-3


def test_classes_by_their_own_words():
    X, y = classes()
    trainer = small_trainer(4, 3, loss=nn.CrossEntropyLoss(), metrics=["accuracy"])
    assert trainer.fit((X, y.astype(np.uint8)), epochs=20).history["accuracy"][-1] > 0.9


def test_the_data_given_is_never_changed():
    X, y = line()
    copies = X.copy(), y.copy()
    X.flags.writeable = False
    trainer = small_trainer()
    trainer.fit((X, y), (X, y), epochs=1)
    trainer.predict(X)
    assert np.array_equal(X, copies[0])
    assert np.array_equal(y, copies[1])


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        ((np.zeros((3, 2)), np.zeros((4, 1))), ShapeError, r"train: .*same number of rows.*\(3, 2\) and \(4, 1\)"),
        ((np.zeros((0, 2)), np.zeros((0, 1))), DataError, r"train: no rows"),
        ((np.array([["a"]]), np.zeros((1, 1))), DataError, r"train inputs: expected an array of numbers"),
        (([[1.0], [1.0, 2.0]], [0.0, 0.0]), DataError, r"train inputs: rows of different lengths"),
        ((np.array([[0, 1], [np.nan, 0]]), np.zeros((2, 1))), DataError, r"train inputs: row 1, column 0 is nan"),
        ((np.zeros((2, 2)), np.array([[0], [np.inf]])), DataError, r"train targets: row 1, column 0 is inf"),
        ((np.zeros((2, 2)),), ArgumentTypeError, r"expected a pair"),
        (np.zeros((2, 2)), ArgumentTypeError, r"expected a pair .* got ndarray"),
        (TensorDataset(from_numpy(np.zeros((2, 2)))), ShapeError, r"expected rows \(inputs, target\), got 1"),
        (Rows([1, 2], [[1, 2], [3]]), BacklitError, r"different"),
        (Stream([], []), BacklitError, r"without any batch"),
    ],
)
def test_data_that_cannot_be_used(data, kind, words):
    trainer = small_trainer()
    before = weights(trainer)
    with pytest.raises(kind, match=words):
        trainer.fit(data, epochs=1)
    assert weights(trainer) == before


def test_inputs_of_another_width_name_the_layer():
    trainer = small_trainer()
    with pytest.raises(ShapeError, match="Linear"):
        trainer.fit((np.zeros((5, 3)), np.zeros((5, 1))), epochs=1)
    assert trainer.model.training


def test_labels_out_of_range_are_found_before_any_update():
    X, y = classes()
    y[50] = 7
    trainer = small_trainer(4, 3, loss=nn.CrossEntropyLoss())
    before = weights(trainer)
    with pytest.raises(IndexRangeError, match=r"train: row 50 has label 7, but the model has 3 outputs"):
        trainer.fit((X, y), epochs=1, batch_size=4, shuffle=False)
    y[50] = 2
    wrong = y.copy()
    wrong[3] = -2
    with pytest.raises(IndexRangeError, match=r"val: row 3 has label -2"):
        trainer.fit((X, y), (X, wrong), epochs=1)
    assert weights(trainer) == before
    y[50] = -100
    trainer.fit((X, y), epochs=1)


def test_targets_and_losses_that_do_not_fit_are_found_before_any_update():
    X, y = line()
    _, labels = classes(40)

    def bias(pred, target):
        return pred - target

    for loss, targets, kind, words in (
        (
            nn.MSELoss(),
            y.reshape(-1),
            ShapeError,
            r"targets of shape \(n,\) do not fit .* shape \(n, 1\).*y\[:, None\]",
        ),
        (nn.MSELoss(reduction="none"), y, ShapeError, r"one number, got shape \(2, 1\)"),
        (bias, y, ShapeError, r"one number, got shape \(2, 1\)"),
        (lambda pred, target: 1.0, y, ArgumentTypeError, "tensor of one number, got float"),
        (nn.CrossEntropyLoss(), 0 * labels[:, None], ShapeError, r"\(2, 1\)"),
    ):
        trainer = small_trainer(loss=loss)
        before = weights(trainer)
        with pytest.raises(kind, match=words):
            trainer.fit((X, targets), epochs=1)
        with pytest.raises(kind, match=words):
            trainer.evaluate((X, targets))
        assert weights(trainer) == before
    with pytest.raises(ShapeError, match="bias must return one number"):
        small_trainer(metrics=[bias]).fit((X, y), epochs=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": 1, "batch_size": 0}, "batch_size"),
        ({"epochs": 1, "batch_size": "ful"}, "batch_size"),
        ({"epochs": 1, "batch_size": True}, "batch_size"),
        ({"epochs": 1, "shuffle": "yes"}, "shuffle"),
        ({"epochs": 1, "compile": "yes"}, "compile"),
        ({"epochs": 1, "threads": 0}, "threads"),
        ({"epochs": 1, "checkpoint_every": 5}, "checkpoint=PATH"),
        ({"epochs": 1, "checkpoint": "no/such/folder/file"}, "no/such/folder"),
        ({"epochs": 1, "checkpoint": "."}, "must name a file"),
        ({"epochs": 1, "checkpoint": "file", "checkpoint_every": 0}, "checkpoint_every"),
        ({"epochs": 1, "resume": "no/such/file"}, "no file"),
    ],
)
def test_arguments_of_fit_out_of_range(settings, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BacklitError, match=words):
        small_trainer().fit(line(), **settings)


def test_arguments_of_the_trainer_out_of_range():
    model, loss = nn.Linear(2, 1), nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for arguments, words in (
        ((lambda x: x, loss, optimizer), "model must be an nn.Module"),
        ((model, nn.MSELoss, optimizer), "loss must be"),
        ((model, loss, "adam"), "optimizer must be"),
        ((nn.Linear(2, 1), loss, optimizer), "none of the model's parameters"),
    ):
        with pytest.raises(BacklitError, match=words):
            Trainer(*arguments)
    for settings, words in (
        ({"clip_grad_norm": -1}, "clip_grad_norm"),
        ({"clip_grad_norm": math.nan}, "clip_grad_norm"),
        ({"scheduler": 3}, "scheduler"),
        ({"metrics": ["acuracy"]}, "did you mean 'accuracy'"),
        ({"metrics": "accuracy"}, "list"),
        ({"metrics": ["r2", "r2"]}, "taken"),
        ({"callbacks": 3}, "callbacks"),
        ({"seed": 1.5}, "seed"),
    ):
        with pytest.raises(BacklitError, match=words):
            Trainer(model, loss, optimizer, **settings)


def test_predictions_need_rows_of_finite_numbers():
    trainer = small_trainer()
    with pytest.raises(DataError, match="no rows"):
        trainer.predict(np.zeros((0, 2)))
    with pytest.raises(DataError, match="row 0, column 1 is nan"):
        trainer.predict([[0, math.nan]])
    with pytest.raises(ArgumentError, match="batch_size"):
        trainer.predict([[0, 0]], batch_size=-1)
    X, y = line(5)
    assert trainer.predict(DataLoader(Rows(X, y), batch_size=2)).tolist() == trainer.predict(X, batch_size=2).tolist()


def test_threads_are_set_for_the_fit_alone():
    before = backlit.get_num_threads()
    seen = []

    class Look:
        def on_epoch_end(self, trainer):
            seen.append(backlit.get_num_threads())

    small_trainer(callbacks=[Look()]).fit(line(), epochs=1, threads=1)
    assert seen == [1]
    assert backlit.get_num_threads() == before


def test_a_second_fit_while_one_goes_on_is_refused_and_harms_nothing():
    refused = []

    def ask(trainer):
        with pytest.raises(StateError, match=r"in the middle of a fit.*another Trainer"):
            trainer.fit(line(30), epochs=9)
        refused.append(trainer.epoch)

    class Again:
        def on_epoch_end(self, trainer):
            thread = threading.Thread(target=ask, args=(trainer,))
            thread.start()
            thread.join()
            ask(trainer)

    trainer, alone = small_trainer(callbacks=[Again()]), small_trainer()
    run = trainer.fit(line(), epochs=3)
    assert len(refused) == 6
    expected = alone.fit(line(), epochs=3)
    assert run.history == expected.history
    assert weights(trainer) == weights(alone)
    # Also after a fit that failed there can be another.
    with pytest.raises(DataError):
        trainer.fit((np.full((4, 2), math.nan), np.zeros((4, 1))), epochs=1)
    trainer.callbacks = alone.callbacks
    assert len(trainer.fit(line(), epochs=1).history["loss"]) == 1


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.LBFGS])
@pytest.mark.parametrize("compile", [True, False])
def test_a_model_that_is_frozen_from_end_to_end_is_told(compile, optimizer):
    model = nn.Linear(2, 1)
    trainer = Trainer(model, nn.MSELoss(), optimizer(model.parameters(), lr=0.1))
    for parameter in trainer.model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(StateError, match=r"nothing to train.*requires_grad_\(True\)"):
        trainer.fit(line(), epochs=1, compile=compile)
