"""The course of a fit: what it notes, how Ctrl-C ends it, and that a fit that fails leaves everything as it was."""

import pickle
import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from backlit import nn, ops, optim
from backlit.errors import ArgumentError, ArgumentTypeError, NonFiniteError, ShapeError
from backlit.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

# Few epochs are enough to compare.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, CLASSES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
LENGTHS = IRIS[:, 2:]
SHORT = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
# Next to no steps: what is measured while training is what is measured after it.
STILL = {**SHORT, "learning_rate_init": 1e-12, "batch_size": 40}


def sureness(scores, target):
    """A metric of one's own: the largest score of each row."""
    return scores.max(1)[0].mean()


def test_metrics_of_classes_by_hand():
    half = {"X_val": IRIS[::2], "y_val": CLASSES[::2]}
    model = MLPClassifier(**STILL, metrics=["accuracy", sureness]).fit(IRIS, CLASSES, **half)
    assert list(model.history_) == ["loss", "val_loss", "accuracy", "val_accuracy", "sureness", "val_sureness"]
    assert model.history_["loss"] is model.loss_curve_
    assert model.history_["val_loss"] is model.validation_loss_curve_
    assert model.history_["val_accuracy"] == model.validation_scores_
    np.testing.assert_allclose(model.history_["accuracy"], [model.score(IRIS, CLASSES)] * 4)
    scores = model.to_module()(ops.from_numpy(IRIS)).detach().numpy()
    np.testing.assert_allclose(model.history_["sureness"][-1], scores.max(1).mean(), rtol=1e-9)
    np.testing.assert_allclose(model.history_["val_sureness"][-1], scores[::2].max(1).mean(), rtol=1e-9)


@pytest.mark.parametrize("y", [LENGTHS[:, 0], LENGTHS], ids=["one", "several"])
def test_metrics_of_numbers_by_hand(y):
    model = MLPRegressor(**STILL, metrics=["mae", "r2"]).fit(IRIS, y)
    np.testing.assert_allclose(model.history_["mae"][-1], mean_absolute_error(y, model.predict(IRIS)), rtol=1e-6)
    np.testing.assert_allclose(model.history_["r2"][-1], r2_score(y, model.predict(IRIS)), rtol=1e-6)


def test_metrics_are_taken_while_the_network_changes():
    model = MLPRegressor(**{**SHORT, "max_iter": 1, "learning_rate_init": 0.5}, metrics=["mae"], batch_size=10)
    model.fit(IRIS, LENGTHS)
    after = mean_absolute_error(LENGTHS, model.predict(IRIS))
    assert abs(model.history_["mae"][0] - after) > 0.01


class Quiet:
    def on_batch_end(self, estimator):
        pass


@pytest.mark.parametrize("y", [CLASSES == 1, np.stack([CLASSES > 0, IRIS[:, 0] > 0], 1).astype(int)])
def test_metrics_change_no_training_and_are_the_same_batch_by_batch(y):
    whole, parts = (
        MLPClassifier(**SHORT, batch_size=40, metrics=["mae"], callbacks=hooks).fit(IRIS, y)
        for hooks in ((), [Quiet()])
    )
    np.testing.assert_array_equal(whole.history_["mae"], parts.history_["mae"])
    np.testing.assert_array_equal(whole.coefs_[0], MLPClassifier(**SHORT, batch_size=40).fit(IRIS, y).coefs_[0])


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(**STILL, metrics=["accuracy"]),
        NetClassifier(metrics=["accuracy"], max_iter=1, lr=1e-12, random_state=0, compile=False),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 1, 150)], ids=["plain", "weighted"])
def test_the_accuracy_of_several_labels_is_their_score(model, weight):
    y = np.stack([CLASSES > 0, IRIS[:, 0] > 0, IRIS[:, 1] > 0], 1).astype(int)
    model.fit(IRIS, y, weight, X_val=IRIS[::2], y_val=y[::2])
    assert model.history_["val_accuracy"][-1] == model.score(IRIS[::2], y[::2])
    np.testing.assert_allclose(model.history_["accuracy"][-1], model.score(IRIS, y))
    assert model.history_["accuracy"][-1] < (model.predict(IRIS) == y).mean()


def test_metrics_of_two_classes_and_after_dropped_rows():
    model = MLPClassifier(**{**STILL, "batch_size": 149}, metrics=["accuracy"], normalization="batch")
    model.fit(IRIS, CLASSES == 1)
    assert 0 < model.history_["accuracy"][-1] < 1


def test_metrics_are_cloned_searched_and_go_on_with_warm_starts():
    model = MLPClassifier(**SHORT, metrics=["accuracy"], warm_start=True)
    assert clone(model).metrics == ["accuracy"]
    assert len(model.fit(IRIS, CLASSES).fit(IRIS, CLASSES).history_["accuracy"]) == 8
    model.partial_fit(IRIS, CLASSES)
    assert len(pickle.loads(pickle.dumps(model)).history_["accuracy"]) == 9
    search = GridSearchCV(model, {"metrics": [(), ["accuracy"]]}, cv=2).fit(IRIS, CLASSES)
    np.testing.assert_array_equal(*search.cv_results_["mean_test_score"])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("metrics", "kind"),
    [
        (["acuracy"], ArgumentError),
        ("accuracy", ArgumentTypeError),
        ([3], ArgumentTypeError),
        (["mae", "mae"], ArgumentError),
        ([lambda output, target: output], ShapeError),
    ],
)
def test_metrics_that_cannot_be_used_are_an_error(solver, metrics, kind):
    model = MLPRegressor(**SHORT, solver=solver, metrics=metrics)
    with pytest.raises(kind, match="metric"):
        model.fit(IRIS, LENGTHS)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("metric", ["accuracy", "mae"])
def test_metrics_of_modules_do_not_see_the_weights_of_rows(metric):
    if metric == "accuracy":
        model, y = NetClassifier(metrics=[metric], max_iter=1, lr=1e-12, random_state=0, compile=False), CLASSES
    else:
        model, y = NetRegressor(metrics=[metric], max_iter=1, lr=1e-12, random_state=0, compile=False), LENGTHS[:, 0]
    plain = clone(model).fit(IRIS, y).history_[metric]
    np.testing.assert_allclose(model.fit(IRIS, y, np.linspace(0, 1, 150)).history_[metric], plain, rtol=1e-9)


# -- lbfgs -----------------------------------------------------------------------------------------------------------


class Stops:
    def __init__(self, at):
        self.at, self.scores = at, []

    def on_epoch_end(self, estimator):
        self.scores.append(estimator.score(IRIS, CLASSES))
        estimator.stop_ = len(self.scores) == self.at


def test_iterations_of_lbfgs_are_noted_and_may_be_stopped():
    stops = Stops(5)
    model = MLPClassifier((6,), solver="lbfgs", random_state=0, metrics=["accuracy"], callbacks=[stops])
    model.fit(IRIS, CLASSES, X_val=IRIS[::2], y_val=CLASSES[::2])
    assert model.n_iter_ == 5
    assert model.history_["accuracy"] == stops.scores
    assert model.history_["val_accuracy"] == model.validation_scores_
    assert model.loss_curve_[-1] == model.loss_ == model.best_loss_
    assert model.score(IRIS, CLASSES) == stops.scores[-1]
    alone = MLPClassifier((6,), solver="lbfgs", random_state=0, max_iter=5).fit(IRIS, CLASSES)
    np.testing.assert_array_equal(alone.coefs_[0], model.coefs_[0])


def test_lbfgs_normalises_by_the_rows_it_has_seen():
    model = MLPClassifier((6,), solver="lbfgs", normalization="batch", random_state=0, max_iter=30).fit(IRIS, CLASSES)
    inner = IRIS @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_allclose(model._rest[2], inner.mean(0), rtol=1e-9)
    np.testing.assert_allclose(model._rest[3], inner.var(0, ddof=1), rtol=1e-9)
    assert model.score(IRIS, CLASSES) > 0.95


def test_dropout_is_not_for_lbfgs():
    with pytest.raises(ArgumentError, match="dropout needs solver"):
        MLPClassifier((6,), solver="lbfgs", dropout=0.5).fit(IRIS, CLASSES)


# -- errors and Ctrl-C -----------------------------------------------------------------------------------------------


class Raises:
    """Raises an error, or does as Ctrl-C does, when a hook is called for the n-th time."""

    def __init__(self, hook, count, error=None):
        self.count, self.error = count, error
        setattr(self, hook, self.raise_at_last)

    def raise_at_last(self, _):
        self.count -= 1
        if self.count == 0:
            if self.error is None:
                signal.raise_signal(signal.SIGINT)
            else:
                raise self.error


def module(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, outputs))


def state(estimator):
    """All that training sets, as bytes."""
    found = {k: v for k, v in vars(estimator).items() if k not in (*estimator.get_params(), "module_", "optimizer_")}
    if hasattr(estimator, "module_"):
        found["weights"] = [t.numpy() for t in estimator.module_.state_dict().values()]
        found["modes"] = [m.training for m in estimator.module_.modules()]
        found["gradients"] = [p.grad for p in estimator.module_.parameters()]
        found["optimizer"] = estimator.optimizer_.state_dict()
    return {name: pickle.dumps(value) for name, value in found.items()}


FITTED = {
    "adam": MLPClassifier(**SHORT, metrics=["accuracy"], warm_start=True),
    "stopping": MLPClassifier(**SHORT, solver="sgd", early_stopping=True, normalization="batch", warm_start=True),
    "lbfgs": MLPClassifier(**SHORT, solver="lbfgs", warm_start=True),
    "module": NetClassifier(module, max_iter=2, metrics=["accuracy"], random_state=0, warm_start=True),
    "schedule": NetClassifier(
        module,
        optimizer="sgd",
        scheduler=lambda optimizer: optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        max_iter=2,
        random_state=0,
        compile=False,
        warm_start=True,
    ),
}


@pytest.mark.parametrize("error", [RuntimeError("mine"), SystemExit()], ids=["error", "exit"])
@pytest.mark.parametrize(("hook", "count"), [("on_batch_end", 4), ("on_epoch_end", 2), ("on_fit_end", 1)])
@pytest.mark.parametrize("name", FITTED)
def test_a_fit_that_fails_on_its_way_changes_nothing(name, hook, count, error):
    model = clone(FITTED[name]).set_params(batch_size=40)
    if name == "lbfgs":
        model.set_params(batch_size="auto")
        hook = "on_epoch_end" if hook == "on_batch_end" else hook
        count = min(count, 2)
    model.fit(IRIS, CLASSES)
    before, wanted = state(model), model.predict_proba(IRIS)
    model.set_params(callbacks=[Raises(hook, count, error)])
    with pytest.raises(type(error)):
        model.fit(IRIS, CLASSES)
    assert state(model) == before
    np.testing.assert_array_equal(model.predict_proba(IRIS), wanted)
    # The comparison can fail.
    model.set_params(callbacks=()).fit(IRIS, CLASSES)
    assert state(model) != before


def test_an_increment_whose_loss_is_not_finite_changes_no_module():
    model = NetRegressor(module, max_iter=2, batch_size=16, random_state=0).fit(IRIS, LENGTHS)
    before, y = state(model), LENGTHS.copy()
    y[-3:] = 1e200
    with pytest.raises(NonFiniteError):
        model.set_params(shuffle=False).partial_fit(IRIS, y)
    assert state(model) == before


@pytest.mark.parametrize("name", FITTED)
def test_ctrl_c_ends_a_fit_with_what_was_learnt(name):
    model = clone(FITTED[name]).set_params(max_iter=50, callbacks=[Raises("on_epoch_end", 3)])
    with pytest.warns(UserWarning, match="Training interrupted by user") as caught:
        model.fit(IRIS, CLASSES)
    assert model.n_iter_ == 3
    assert len(model.loss_curve_) == 3
    assert caught[0].filename == __file__
    alone = clone(FITTED[name]).set_params(max_iter=3).fit(IRIS, CLASSES)
    np.testing.assert_array_equal(model.predict_proba(IRIS), alone.predict_proba(IRIS))


def test_increments_go_on_with_the_first_ones_solver():
    model = MLPClassifier(**SHORT, solver="sgd").partial_fit(IRIS, CLASSES, classes=[0, 1, 2])
    twin = pickle.loads(pickle.dumps(model)).partial_fit(IRIS, CLASSES)
    model.set_params(solver="adam").partial_fit(IRIS, CLASSES)
    np.testing.assert_array_equal(model.coefs_[0], twin.coefs_[0])
