"""What the perceptrons have beyond scikit-learn's, each beside the same thing computed by hand or in another way."""

import pickle
import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from backlit import nn, ops
from backlit.errors import BacklitError
from backlit.nn import functional as F
from backlit.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor
from backlit.sklearn.calibration import best_temperature, tempered

# Few epochs are enough to compare.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, CLASSES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
SHORT = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0}
RNG = np.random.default_rng(0)


def test_weights_of_classes_are_weights_of_rows():
    by_class = MLPClassifier(**SHORT, class_weight={0: 3, 1: 1, 2: 0.5}).fit(IRIS, CLASSES)
    by_row = MLPClassifier(**SHORT).fit(IRIS, CLASSES, np.array([3, 1, 0.5])[CLASSES])
    np.testing.assert_array_equal(by_class.coefs_[0], by_row.coefs_[0])
    assert (by_class.coefs_[0] != MLPClassifier(**SHORT).fit(IRIS, CLASSES).coefs_[0]).any()
    rare = np.r_[np.arange(100), 100, 101]
    even = MLPClassifier(**{**SHORT, "max_iter": 60}, class_weight="balanced").fit(IRIS[rare], CLASSES[rare])
    assert (even.predict(IRIS[100:]) == 2).mean() > 0.5


def test_an_activation_for_each_layer():
    model = MLPRegressor(hidden_layer_sizes=(5, 4), activation=["gelu", lambda x: x.sin()], max_iter=3, random_state=0)
    model.fit(IRIS, CLASSES)
    first = F.gelu(ops.from_numpy(IRIS @ model.coefs_[0] + model.intercepts_[0])).numpy()
    second = np.sin(first @ model.coefs_[1] + model.intercepts_[1])
    expected = second @ model.coefs_[2] + model.intercepts_[2]
    np.testing.assert_allclose(model.predict(IRIS), expected[:, 0], atol=1e-12)


def test_an_activation_of_the_output():
    model = MLPRegressor(**{**SHORT, "max_iter": 40}, learning_rate_init=0.02, out_activation="softplus")
    model.fit(IRIS, CLASSES)
    assert model.out_activation_ == "softplus"
    assert (model.predict(10 * IRIS) >= 0).all()
    assert model.score(IRIS, CLASSES) > 0.7


def test_losses_of_ones_own():
    standard = MLPClassifier(**SHORT).fit(IRIS, CLASSES)
    own = MLPClassifier(**SHORT, loss=lambda scores, target: F.cross_entropy(scores, target, reduction="none"))
    np.testing.assert_allclose(own.fit(IRIS, CLASSES).coefs_[0], standard.coefs_[0], rtol=1e-12)
    half = MLPRegressor(**SHORT, loss=lambda output, target: 0.5 * (output - target) ** 2).fit(IRIS, CLASSES)
    np.testing.assert_allclose(half.coefs_[0], MLPRegressor(**SHORT).fit(IRIS, CLASSES).coefs_[0], rtol=1e-12)
    huber = MLPRegressor(**SHORT, loss=lambda output, target: F.huber_loss(output, target, reduction="none"))
    assert (huber.fit(IRIS, CLASSES).coefs_[0] != half.coefs_[0]).any()
    # Of a regression, the outputs, also where they are those of a class.
    rows = {"loss": lambda output, target: (output - target) ** 2, **SHORT}
    sure = [MLPRegressor(**rows, out_activation=name).fit(IRIS, CLASSES > 0).loss_ for name in ("logistic", "sigmoid")]
    assert sure[0] == sure[1]


def test_dropout_repeats_and_changes_training_alone():
    fits = [MLPClassifier(**SHORT, dropout=p).fit(IRIS, CLASSES) for p in (0.5, 0.5, [0.0])]
    np.testing.assert_array_equal(fits[0].coefs_[0], fits[1].coefs_[0])
    assert (fits[0].coefs_[0] != fits[2].coefs_[0]).any()
    np.testing.assert_array_equal(fits[2].coefs_[0], MLPClassifier(**SHORT).fit(IRIS, CLASSES).coefs_[0])
    np.testing.assert_array_equal(fits[0].predict_proba(IRIS), fits[0].predict_proba(IRIS))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalisation_learns_and_predicts_as_its_module(normalization):
    # 150 rows in batches of 149: the last row alone has no variance.
    model = MLPClassifier((6,), normalization=normalization, batch_size=149, max_iter=60, learning_rate_init=0.05)
    model.set_params(random_state=0).fit(IRIS, CLASSES)
    assert model.score(IRIS, CLASSES) > 0.9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(IRIS), model.predict_proba(IRIS))
    scale, shift, *running = model._rest
    layer = nn.BatchNorm1d(6) if normalization == "batch" else nn.LayerNorm(6)
    names = ["weight", "bias", "running_mean", "running_var"]
    layer.double().eval()
    state = {name: ops.from_numpy(array) for name, array in zip(names, [scale, shift, *running], strict=False)}
    layer.load_state_dict(state, strict=False)
    hidden = layer(ops.from_numpy(IRIS @ model.coefs_[0] + model.intercepts_[0])).relu().detach().numpy()
    scores = ops.from_numpy(hidden @ model.coefs_[1] + model.intercepts_[1])
    np.testing.assert_allclose(model.predict_proba(IRIS), scores.softmax(1).numpy(), rtol=1e-9)


def test_validation_rows_that_are_given():
    model = MLPClassifier(**SHORT).fit(IRIS[::2], CLASSES[::2], X_val=IRIS[1::2], y_val=CLASSES[1::2])
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == model.n_iter_
    right = model.predict_proba(IRIS[1::2])[np.arange(75), CLASSES[1::2]]
    np.testing.assert_allclose(model.validation_loss_curve_[-1], -np.log(right).mean(), rtol=1e-9)
    assert model.validation_scores_[-1] == model.score(IRIS[1::2], CLASSES[1::2])
    np.testing.assert_array_equal(model.coefs_[0], MLPClassifier(**SHORT).fit(IRIS[::2], CLASSES[::2]).coefs_[0])
    stopped = MLPClassifier((6,), early_stopping=True, random_state=0, n_iter_no_change=2, learning_rate_init=0.1)
    stopped.fit(IRIS[::2], CLASSES[::2], X_val=IRIS[1::2], y_val=CLASSES[1::2])
    assert stopped.score(IRIS[1::2], CLASSES[1::2]) == stopped.best_validation_score_
    with pytest.raises(BacklitError, match="go together"):
        MLPClassifier().fit(IRIS, CLASSES, X_val=IRIS)


class Watch:
    def __init__(self, last):
        self.last, self.epochs, self.batches, self.scores = last, 0, 0, []

    def on_batch_end(self, estimator):
        self.batches += 1

    def on_epoch_end(self, estimator):
        self.epochs += 1
        self.scores.append(estimator.score(IRIS, CLASSES))
        estimator.stop_ = self.epochs == self.last


def test_callbacks_see_each_epoch_and_batch_and_may_stop():
    watch = Watch(last=3)
    model = MLPClassifier((6,), batch_size=40, random_state=0, callbacks=[watch]).fit(IRIS, CLASSES)
    assert (watch.epochs, watch.batches, model.n_iter_) == (3, 12, 3)
    assert watch.scores[-1] == model.score(IRIS, CLASSES)
    alone = MLPClassifier((6,), batch_size=40, random_state=0, max_iter=3).fit(IRIS, CLASSES)
    np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])
    np.testing.assert_allclose(model.loss_curve_, alone.loss_curve_, rtol=1e-12)


def frames():
    import pandas as pd

    return pd.DataFrame(
        {
            "colour": RNG.choice(["red", "green", "blue"], 300),
            "size": RNG.normal(size=300),
            "shop": pd.Categorical(RNG.choice(["a", "b"], 300)),
        }
    )


def test_categories_are_learnt_by_type_or_name():
    pytest.importorskip("pandas", reason="frames of pandas are an option")
    X = frames()
    y = (X["colour"] == "red") * 2.0 + (X["shop"] == "a") * X["size"]
    options = {"max_iter": 150, "learning_rate_init": 0.02, "random_state": 0, "hidden_layer_sizes": (16,)}
    model = MLPRegressor(categorical_features="from_dtype", **options).fit(X, y)
    assert model.score(X, y) > 0.95
    named = MLPRegressor(categorical_features=["colour", "shop"], **options).fit(X, y)
    np.testing.assert_array_equal(named.predict(X), model.predict(X))
    assert list(model.feature_names_in_) == ["colour", "size", "shop"]
    unseen = X.assign(colour=["violet", None] * 150)
    assert np.isfinite(model.predict(unseen)).all()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(unseen), model.predict(unseen))
    with pytest.raises(BacklitError, match=r"no column 'color'.*'colour'"):
        clone(model).set_params(categorical_features=["color"]).fit(X, y)


def test_an_array_of_objects_has_categories_too():
    X = np.array([["x", 1.0], ["y", 2.0], ["x", 3.0], ["y", 4.0]] * 10, object)
    y = np.array([0.0, 1.0, 0.0, 1.0] * 10)
    model = MLPRegressor(hidden_layer_sizes=(8,), categorical_features=[0], solver="lbfgs", random_state=0).fit(X, y)
    assert model.score(X, y) > 0.99


def test_missing_values_are_filled_in_and_told_apart():
    X = RNG.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int)
    X[:100, 1] = np.where(y[:100], np.nan, X[:100, 1])
    X[:, 2] = np.nan
    model = MLPClassifier((8,), missing_values="impute", max_iter=150, learning_rate_init=0.03, random_state=0)
    model.fit(X, y)
    assert model.coefs_[0].shape == (5, 8)
    assert model.score(X, y) > 0.95
    filled = X.copy()
    filled[:, 2] = 7
    assert np.isfinite(model.predict_proba(filled)).all()
    with pytest.raises(ValueError, match="NaN"):
        MLPClassifier().fit(X, y)


def test_a_temperature_mends_certainty():
    scores = RNG.normal(size=(4000, 3)) * 1.5
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    labels = np.array([RNG.choice(3, p=p) for p in shares])
    assert 0.9 < best_temperature(shares, labels, None) < 1.1
    sure = tempered(shares, 1 / 3, several=True)
    assert 2.7 < best_temperature(sure, labels, None) < 3.3
    np.testing.assert_allclose(tempered(sure, 3.0, several=True), shares, rtol=1e-9)
    one = shares[:, :1]
    np.testing.assert_allclose(tempered(tempered(one, 0.5, several=False), 2.0, several=False), one, rtol=1e-9)


def test_calibrated_probabilities_of_a_fit():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1200, 5))
    y = (X[:, 0] + rng.normal(size=1200) > 0).astype(int)
    options = {"hidden_layer_sizes": (50,), "alpha": 0, "learning_rate_init": 0.05, "random_state": 0, "max_iter": 100}
    raw = MLPClassifier(**options).fit(X[:200], y[:200], X_val=X[200:700], y_val=y[200:700])
    mended = MLPClassifier(**options, calibrate=True).fit(X[:200], y[:200], X_val=X[200:700], y_val=y[200:700])
    assert mended.temperature_ > 1
    losses = [-np.log(m.predict_proba(X[700:])[np.arange(500), y[700:]]).mean() for m in (raw, mended)]
    assert losses[1] < losses[0]
    np.testing.assert_array_equal(raw.predict(X), mended.predict(X))
    with pytest.raises(BacklitError, match="calibrate=True needs validation rows"):
        MLPClassifier(calibrate=True, max_iter=2).fit(X, y)


def test_lbfgs_finds_logistic_regression():
    model = MLPClassifier((), solver="lbfgs", alpha=1.0, max_iter=500, tol=1e-7, random_state=0).fit(IRIS, CLASSES == 1)
    peer = LogisticRegression(C=1.0, tol=1e-8).fit(IRIS, CLASSES == 1)
    np.testing.assert_allclose(model.coefs_[0][:, 0], peer.coef_[0], rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"activation": "rellu"}, "no activation 'rellu'; did you mean 'relu'"),
        ({"activation": "glu"}, "no activation 'glu'"),
        ({"activation": "dropout"}, "'dropout' is another thing in training"),
        ({"activation": ["relu", "tanh"]}, "one for each of 1 hidden layers, got 2"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be > 0"),
        ({"solver": "adamax"}, "solver must be one of"),
        ({"momentum": 2}, re.escape("momentum must be a number in [0, 1]")),
        ({"batch_size": 0}, "batch_size must be"),
        ({"shuffle": "yes"}, "shuffle must be True or False"),
        ({"normalization": "group"}, "normalization must be one of"),
        ({"loss": "hinge"}, "loss must be"),
        ({"dropout": 1.5}, "dropout"),
        ({"categorical_features": "auto"}, "from_dtype"),
        ({"verbose": "yes"}, "verbose must be True, False or a whole number"),
        ({"n_iter_no_change": 2.5}, "n_iter_no_change must be a positive whole number or infinity"),
    ],
)
def test_parameters_out_of_range_are_named(change, words):
    model = MLPClassifier(**{**SHORT, **change})
    with pytest.raises(ValueError, match=words):
        model.fit(IRIS, CLASSES)
    assert not hasattr(model, "coefs_")


def test_data_that_cannot_be_used_are_named_by_row_and_column():
    pd = pytest.importorskip("pandas", reason="frames of pandas are an option")
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 2, "three", 4]})
    y = [0, 1, 0, 1]
    times = X.assign(b=pd.Timestamp("2020-01-01"))
    twice = pd.DataFrame(np.eye(4)[:, :2], columns=["a", "a"])
    filling = MLPClassifier(missing_values="impute")
    for model in (MLPClassifier(), filling, NetClassifier()):
        with pytest.raises(ValueError, match="row 2, column 'b' is 'three'"):
            model.fit(X, y)
        with pytest.raises(ValueError, match="row 1, column 0 is inf"):
            model.fit([[1.0], [np.inf]], [0, 1])
        with pytest.raises(ValueError, match="column 'b' holds times"):
            model.fit(times, y)
        with pytest.raises(ValueError, match="several columns called 'a'"):
            model.fit(twice, y)
    table = pd.DataFrame({"a": [1, {"kind": 3}, 2, 2]})
    for model in (MLPClassifier(), filling, NetClassifier(), MLPClassifier(categorical_features="from_dtype")):
        with pytest.raises(TypeError, match=r"row 1, column 'a' is {'kind': 3}, n.*must be a string or a.* number"):
            model.fit(table, y)
    with pytest.raises(TypeError, match=r"row 1, column 'a' is <NA>.*missing_values=\"impute\""):
        MLPClassifier().fit(table.assign(a=[1, pd.NA, 2, 2]), y)
    with pytest.raises(ValueError, match=r"shape \(0, 1\)"):
        filling.fit(table[:0], y[:0])
    with pytest.raises(ValueError, match=r"row 1, column 0 is nan.*missing_values=\"impute\""):
        MLPClassifier().fit([[1.0], [np.nan]], [0, 1])
    model = MLPClassifier(**SHORT).fit(IRIS, CLASSES)
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(IRIS, CLASSES + 1)


@pytest.mark.parametrize("model", [MLPRegressor(), MLPRegressor(missing_values="impute"), NetRegressor()], ids=str)
def test_targets_that_cannot_be_used_are_named_by_row(model):
    with pytest.raises(ValueError, match="y: row 1 is nan"):
        model.fit([[1.0], [2.0]], [0.0, np.nan])
    with pytest.raises(ValueError, match="y: row 0 is 'dear'"):
        model.fit([[1.0], [2.0]], ["dear", "cheap"])
    with pytest.raises(ValueError, match=r"y: row 1 is (nan|None)"):
        model.fit([[1.0], [2.0]], np.array([0.0, None], object))
    assert not hasattr(model, "n_iter_")


@pytest.mark.parametrize("model", [MLPClassifier(), MLPClassifier(missing_values="impute"), NetClassifier()], ids=str)
def test_labels_of_two_kinds_and_missing_labels_are_said(model):
    pd = pytest.importorskip("pandas", reason="frames of pandas are an option")
    X = [[1.0], [2.0]]
    for labels, words in (
        (np.array(["yes", 1], object), "all text or all numbers"),
        (np.array(["yes", None], object), "y: row 1 is None"),
        (pd.Series(["yes", None], dtype="string"), "y: row 1 is <NA>"),
    ):
        with pytest.raises(ValueError, match=words):
            model.fit(X, labels)


@pytest.mark.parametrize("model", [MLPRegressor(**SHORT), NetRegressor(max_iter=1)], ids=str)
@pytest.mark.parametrize("weight", [None, np.ones(150)])
def test_targets_of_another_width_are_said(model, weight):
    model.fit(IRIS, IRIS[:, :2])
    with pytest.raises(ValueError, match="y has 1 columns, expected 2 as before"):
        model.partial_fit(IRIS, CLASSES, weight)
    with pytest.raises(ValueError, match="y has 1 columns, expected 2 as before"):
        model.fit(IRIS, IRIS[:, :2], weight, X_val=IRIS, y_val=CLASSES)
    assert model.fit(IRIS, CLASSES, weight).predict(IRIS).shape == (150,)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_loss_that_is_not_that_of_each_row_is_said(solver):
    model = MLPRegressor(**{**SHORT, "solver": solver}, loss=lambda output, target: ((output - target) ** 2)[:3])
    with pytest.raises(ValueError, match="expected the loss of each row"):
        model.fit(IRIS, CLASSES)
    model.set_params(loss=lambda output, target: ((output - target) ** 2).mean()).fit(IRIS, CLASSES)
    with pytest.raises(ValueError, match="weights of rows need a loss"):
        model.fit(IRIS, CLASSES, sample_weight=np.ones(150))


class Failing:
    def on_epoch_end(self, estimator):
        raise RuntimeError("mine")


def test_a_fit_that_fails_leaves_the_estimator_as_it_was():
    fitted = MLPClassifier(**SHORT).fit(IRIS, CLASSES)
    before = fitted.predict_proba(IRIS)
    for model in (fitted, MLPClassifier(**SHORT)):
        kept = dict(vars(model))
        with pytest.raises(ValueError, match="classes not in"):
            model.fit(IRIS, CLASSES % 2, X_val=IRIS, y_val=CLASSES + 7)
        with pytest.raises(ValueError, match="classes not in"):
            model.partial_fit(IRIS, CLASSES + 7, classes=[0, 1, 2])
        assert vars(model) == kept
        model.set_params(callbacks=[Failing()], hidden_layer_sizes=(3, 3))
        with pytest.raises(RuntimeError, match="mine"):
            model.fit(IRIS[:, :2], CLASSES)
        model.set_params(callbacks=(), hidden_layer_sizes=(6,))
        assert vars(model) == kept | {"callbacks": ()}
    np.testing.assert_array_equal(fitted.predict_proba(IRIS), before)


def test_bad_validation_rows_leave_no_network():
    model = MLPClassifier(**SHORT)
    with pytest.raises(ValueError, match="classes not in"):
        model.fit(IRIS, CLASSES, X_val=IRIS, y_val=CLASSES + 1)
    assert not hasattr(model, "coefs_")


def test_a_single_row_is_too_few_for_some():
    with pytest.raises(BacklitError, match="there is one row only"):
        MLPRegressor(early_stopping=True).fit([[1.0]], [1.0])
    with pytest.raises(BacklitError, match="needs at least two rows"):
        MLPRegressor(normalization="batch").fit([[1.0]], [1.0])


def test_edges_have_a_sensible_result():
    constant = np.c_[IRIS, np.ones(150)]
    assert MLPClassifier(**SHORT).fit(constant, CLASSES).predict(constant).shape == (150,)
    single = MLPClassifier(**SHORT).fit(IRIS, np.ones(150, int))
    assert (single.predict(IRIS) == 1).all()
    assert single.predict_proba(IRIS).tolist() == [[1.0]] * 150
    row = MLPRegressor(**SHORT).fit(IRIS[:1], [2.0])
    assert row.predict(IRIS[:1]).shape == (1,)


def test_values_too_large_for_training_are_an_error():
    model = MLPRegressor(**SHORT, solver="sgd", learning_rate_init=1e6)
    with pytest.raises(ValueError, match="not finite"):
        model.fit(IRIS * 1e150, CLASSES)
