"""Watched training: the statistics are those of the tensors, compiled as eager, and training is not changed by it."""

import math

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, NonFiniteError
from backlit.optim.lr_scheduler import OneCycleLR
from backlit.train import Run, Trainer, Watched
from backlit.utils.data import DataLoader, IterableDataset

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
Y = X @ np.array([[1.0], [-2.0], [0.5]], np.float32)


def trainer(watch: bool | int = 3, scheduled: bool = False, **options) -> Trainer:
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.2), nn.Linear(4, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = OneCycleLR(optimizer, 0.1, total_steps=100) if scheduled else None
    return Trainer(model, nn.MSELoss(), optimizer, seed=0, watch=watch, scheduler=schedule, **options)


def alike(one: Watched, other: Watched) -> bool:
    """Whether the same was measured, bit for bit."""
    parts = zip(one.parts, other.parts, strict=True)
    return one.every == other.every and all(
        (a.places, a.steps) == (b.places, b.steps) and np.array_equal(a.rows, b.rows) for a, b in parts
    )


@pytest.mark.parametrize("compile", [True, False])
def test_every_kth_step_is_watched(compile):
    run = trainer().fit((X, Y), epochs=4, batch_size=8, compile=compile)
    assert run.watched.every == 3
    assert run.watched.names("values") == ["0", "1", "2", "3"]
    for kind in ("weights", "gradients", "updates"):
        assert run.watched.names(kind) == ["0.weight", "0.bias", "3.weight", "3.bias"]
        assert run.watched.series(kind, "3.bias")[:, 0].tolist() == [0, 3, 6, 9]


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize("compile", [True, False])
def test_training_is_not_changed(compile, scheduled):
    runs = [trainer(watch, scheduled, metrics=["mae"]) for watch in (False, 1, 3)]
    plain, *watched = [t.fit((X, Y), (X, Y), epochs=4, batch_size=8, compile=compile) for t in runs]
    for run in watched:
        for name, values in plain.history.items():
            assert run.history[name] == pytest.approx(values, rel=1e-5)
        for one, other in zip(plain.model.parameters(), run.model.parameters(), strict=True):
            assert np.allclose(one.detach().numpy(), other.detach().numpy(), atol=1e-6)
    assert plain.watched is None


def test_compiled_statistics_are_the_eager_ones():
    compiled, eager = (trainer().fit((X, Y), epochs=4, batch_size=8, compile=c).watched for c in (True, False))
    for kind in ("values", "weights", "gradients", "updates"):
        for name in eager.names(kind):
            assert np.allclose(compiled.series(kind, name), eager.series(kind, name), atol=1e-5)


def test_statistics_are_those_of_the_tensors():
    model = nn.Linear(3, 1)
    weight = model.weight.detach().numpy().copy()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    run = Trainer(model, nn.MSELoss(), optimizer, watch=1).fit((X, Y), epochs=1, batch_size="full")
    values = X @ weight.T + run.watched.series("weights", "bias")[0, 1]
    gradient = 2 * (values - Y).T @ X / len(X)
    for kind, array in (("values", values), ("weights", weight), ("gradients", gradient), ("updates", -0.5 * gradient)):
        name = "" if kind == "values" else "weight"
        expected = [0, array.mean(), array.std(), array.min(), array.max(), (array == 0).mean()]
        assert run.watched.series(kind, name)[0] == pytest.approx(expected, rel=1e-4)
    ratio = 0.5 * np.sqrt((gradient**2).mean() / (weight**2).mean())
    assert run.watched.ratios("weight")[0] == pytest.approx([0, ratio], rel=1e-4)


def test_histograms_count_the_elements():
    model = nn.Linear(3, 1)
    weight = model.weight.detach().numpy().copy()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    run = Trainer(model, nn.MSELoss(), optimizer, watch=1).fit((X, Y), epochs=2, batch_size=10)
    gradient = run.watched.series("gradients", "weight")
    edges, shares = run.watched.histogram("gradients", "weight")
    assert edges.shape == (4, 18)
    assert np.allclose(edges[:, [0, -1]], gradient[:, 3:5])
    assert (np.diff(edges) >= 0).all()
    assert np.allclose(shares.sum(1), 1, atol=1e-6)
    edges, shares = run.watched.histogram("weights", "weight")
    for place in range(1, 17):
        if weight.min() < edges[0, place] < weight.max():
            assert shares[0, place:].sum() == pytest.approx((weight >= edges[0, place]).mean(), abs=1e-6)
    edges, shares = run.watched.histogram("updates", "weight")
    middle = np.searchsorted(edges[0], run.watched.ratios("weight")[0, 1])
    assert shares[0, middle - 3 : middle + 3].sum() > 0.5


class Functional(nn.Module):
    """Calls its activations as functions, in its own forward and in that of a block that has no modules inside."""

    class Block(nn.Module):
        def forward(self, x):
            return backlit.tanh(x) * 2

    def __init__(self):
        super().__init__()
        self.first, self.last, self.block = nn.Linear(3, 4), nn.Linear(4, 1), self.Block()

    def forward(self, x):
        h = nn.functional.relu(self.first(x))
        return self.last(nn.functional.gelu(self.block(nn.functional.relu(h - 1))))


def test_shares_are_never_negative_by_rounding():
    watched = Watched(1)
    watched.add(0, [("weights", "w")], np.array([[*[1.0] * 5, *[1 + 6e-7] * 3, *[0.5] * 13]], np.float32))
    assert (watched.histogram("weights", "w")[1] >= 0).all()


@pytest.mark.parametrize("compile", [True, False])
def test_activations_called_as_functions_are_watched(compile):
    model = Functional()
    first = {name: value.detach().clone() for name, value in model.state_dict().items()}
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    run = Trainer(model, nn.MSELoss(), optimizer, watch=1).fit((X, Y), epochs=1, batch_size="full", compile=compile)
    names = ["first", "relu()", "relu() 2", "block.tanh()", "block", "gelu()", "last"]
    assert run.watched.names("values") == names
    hidden = np.maximum(X @ first["first.weight"].numpy().T + first["first.bias"].numpy(), 0)
    for name, values in (("relu()", hidden), ("block.tanh()", np.tanh(np.maximum(hidden - 1, 0)))):
        expected = [0, values.mean(), values.std(), values.min(), values.max(), (values == 0).mean()]
        assert run.watched.series("values", name)[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_all_is_measured_in_machine_code():
    once = trainer()
    once.fit((X, Y), epochs=2, batch_size=8)
    plain, watched = (step.executable.code.plan.program for step in once._loop._steps)
    kinds = [{program.steps[n].kind for n in program.alive()} for program in (plain, watched)]
    assert "call" not in kinds[0] | kinds[1]
    assert kinds[1] - kinds[0] >= {"measure"}


def test_watching_leaves_the_compiled_program_as_it_is():
    once = trainer(metrics=["mae"])
    once.fit((X, Y), (X, Y), epochs=3, batch_size=8)
    step = once._loop.step
    once.fit((X, Y), (X, Y), epochs=3, batch_size=8)
    assert once._loop.step is step


def test_a_second_fit_has_measures_of_its_own():
    twice = trainer()
    runs = [twice.fit((X, Y), epochs=2, batch_size=8) for _ in range(2)]
    assert [run.watched.series("weights", "0.weight")[:, 0].tolist() for run in runs] == [[0, 3], [0, 3]]
    assert not alike(*(run.watched for run in runs))


@pytest.mark.parametrize("metrics", [[], ["mae"]])
def test_gradients_that_the_optimizer_leaves_are_not_taken_for_measures(metrics):
    def fitted(compile):
        backlit.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
        fit = Trainer(model, nn.MSELoss(), optim.SGD(model[2].parameters(), lr=0.1), watch=1, metrics=metrics)
        return fit.fit((X, Y), epochs=1, batch_size="full", compile=compile).watched

    compiled, eager = fitted(True), fitted(False)
    for kind in ("loss", "input", "output", "values", "weights", "gradients", "updates"):
        assert compiled.names(kind) == eager.names(kind) != []
        for name in eager.names(kind):
            assert np.allclose(compiled.series(kind, name), eager.series(kind, name), atol=1e-5)
    assert compiled.series("updates", "0.weight")[0].tolist() == [0, 0, 0, 0, 0, 1]


def test_a_parameter_with_gaps_in_memory_is_followed():
    def fitted(watch):
        backlit.manual_seed(0)
        model = nn.Linear(3, 2)
        model.weight = nn.Parameter(backlit.randn(3, 2).T)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        fit = Trainer(model, nn.MSELoss(), optimizer, watch=watch)
        return fit.fit((X, np.hstack([Y, -Y])), epochs=3, batch_size=8)

    plain, watched = fitted(False), fitted(2)
    assert np.array_equal(plain.model.weight.detach().numpy(), watched.model.weight.detach().numpy())
    assert plain.history == watched.history


@pytest.mark.parametrize(("epochs", "every"), [(1, 1), (6, 2), (100, 20), (300, 100), (2000, 100)])
def test_short_trainings_are_looked_at_more_often(epochs, every):
    run = trainer(True).fit((X, Y), epochs=epochs, batch_size=8)
    assert run.watched.every == every
    assert run.watched.series("weights", "0.weight")[:, 0].tolist() == list(range(0, 3 * epochs, every))


class Last(nn.Module):
    """The last step of a recurrent layer."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0][:, -1]


def test_dead_units_show_as_zeros():
    dying = trainer(1)
    with backlit.no_grad():
        dying.model[0].bias.fill_(-100.0)
    run = dying.fit((X, Y), epochs=1, batch_size=8)
    assert run.watched.series("values", "1")[:, -1].tolist() == [1.0, 1.0, 1.0]


def test_the_units_of_a_layer_are_channels_or_columns():
    backlit.manual_seed(0)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 8), nn.ReLU(),
        nn.Unflatten(1, (4, 2)), nn.Linear(2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 1),
    )  # fmt: skip
    with backlit.no_grad():
        model[1].bias[:3] = -100.0
        model[4].bias[:2] = -100.0
        model[7].bias[:1] = -100.0
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    rows = backlit.randn(40, 4).numpy(), np.zeros((40, 1), np.float32)
    run = Trainer(model, nn.MSELoss(), optimizer, seed=0, watch=1).fit(rows, epochs=1, batch_size=40)
    silent = {name: run.watched.series("units", name)[0, -1] for name in run.watched.names("units")}
    assert list(silent) == ["2", "5", "8"]
    assert silent["2"] == 0.75
    assert silent["5"] >= 0.25
    assert silent["8"] == pytest.approx(1 / 3)


def test_values_of_a_recurrent_layer_are_what_it_gives_at_each_step():
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Unflatten(1, (2, 2)), Last(nn.GRU(2, 3, batch_first=True)))
    run = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.0), seed=0, watch=1).fit(
        (np.ones((8, 4), np.float32), np.zeros((8, 3), np.float32)), epochs=1, batch_size=8
    )
    expected, _ = model[1].inner(backlit.ones(8, 2, 2))
    assert run.watched.series("values", "1.inner")[0, 1] == pytest.approx(float(expected.mean()), rel=1e-5)


def test_data_not_known_beforehand_is_watched():
    class Stream(IterableDataset):
        def __iter__(self):
            return zip(backlit.from_numpy(X), backlit.from_numpy(Y), strict=True)

    run = trainer(2).fit(DataLoader(Stream(), batch_size=8), epochs=2)
    assert run.watched.series("weights", "0.weight")[:, 0].tolist() == [0, 2, 4]
    assert trainer(True).fit(DataLoader(Stream(), batch_size=8), epochs=1).watched.every == 100


def test_a_resumed_run_has_all_statistics(tmp_path):
    whole = trainer().fit((X, Y), epochs=4, batch_size=8).watched
    trainer().fit((X, Y), epochs=2, batch_size=8, checkpoint=tmp_path / "state")
    resumed = trainer().fit((X, Y), epochs=4, batch_size=8, resume=tmp_path / "state").watched
    assert alike(resumed, whole)


def test_a_saved_run_keeps_its_statistics(tmp_path):
    run = trainer().fit((X, Y), epochs=2, batch_size=8)
    run.save(tmp_path)
    assert alike(Run.load(tmp_path).watched, run.watched)
    assert run.model.training or not any(module._hooks_of("forward") for module in run.model.modules())


def test_a_loss_that_is_no_number_is_still_explained():
    broken = trainer(1)
    with backlit.no_grad():
        broken.model[0].weight.fill_(math.inf)
    with pytest.raises(NonFiniteError):
        broken.fit((X, Y), epochs=1, batch_size=8)
    assert not any(module._hooks_of("forward") for module in broken.model.modules())


@pytest.mark.parametrize("watch", [0, -1, 2.5, "yes", None])
def test_bad_watch(watch):
    with pytest.raises(ArgumentError, match="watch must be True, False or a positive number of steps"):
        trainer(watch)
