"""`MLPClassifier` and `MLPRegressor` beside scikit-learn's: the same seed gives the same network but for rounding."""

import contextlib
import io
import pickle
import warnings

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import backlit.sklearn
from backlit.errors import BacklitError
from backlit.sklearn import MLPClassifier, MLPRegressor

# Few epochs are enough to compare; neither library has converged then.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, IRIS_CLASSES = load_iris(return_X_y=True)
TWO = (IRIS_CLASSES == 1).astype(int)
SEVERAL = np.stack([IRIS_CLASSES > 0, IRIS[:, 0] > 5.8, IRIS[:, 1] > 3], axis=1).astype(int)
LENGTHS = IRIS[:, 2:]
WEIGHTS = np.random.default_rng(0).uniform(0.1, 3, size=len(IRIS))

SAME = {
    "adam": ("MLPClassifier", IRIS_CLASSES, {"batch_size": 32}),
    "two classes": ("MLPClassifier", TWO, {"hidden_layer_sizes": (5, 4), "activation": "tanh"}),
    "several labels": ("MLPClassifier", SEVERAL, {"activation": "logistic"}),
    "momentum": ("MLPClassifier", IRIS_CLASSES, {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5}),
    "nesterov": ("MLPClassifier", IRIS_CLASSES, {"solver": "sgd", "learning_rate": "invscaling", "batch_size": 20}),
    "adaptive": (
        "MLPClassifier",
        IRIS_CLASSES,
        {
            "solver": "sgd",
            "learning_rate": "adaptive",
            "learning_rate_init": 0.3,
            "n_iter_no_change": 1,
            "tol": 0.02,
            "max_iter": 150,
        },
    ),
    "early stopping": ("MLPClassifier", TWO, {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 60}),
    "converged": ("MLPClassifier", IRIS_CLASSES, {"tol": 0.05, "n_iter_no_change": 2, "max_iter": 100}),
    "kept order": ("MLPClassifier", IRIS_CLASSES, {"shuffle": False, "hidden_layer_sizes": (), "batch_size": 40}),
    "no hidden layer": ("MLPClassifier", TWO, {"hidden_layer_sizes": (), "activation": "logistic"}),
    "lbfgs": ("MLPClassifier", IRIS_CLASSES, {"solver": "lbfgs", "max_iter": 10}),
    "regression": ("MLPRegressor", LENGTHS[:, 0], {"alpha": 1.0}),
    "several targets": ("MLPRegressor", LENGTHS, {"early_stopping": True}),
    "poisson": ("MLPRegressor", LENGTHS[:, 0], {"loss": "poisson"}),
    "regression by lbfgs": ("MLPRegressor", LENGTHS[:, 0], {"solver": "lbfgs", "max_iter": 10}),
}


def pair_of(kind, y, options, weight=None):
    """scikit-learn's and backlit's estimator, fitted alike."""
    options = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 3, **options}
    theirs = getattr(sklearn.neural_network, kind)(**options).fit(IRIS, y, sample_weight=weight)
    return theirs, getattr(backlit.sklearn, kind)(**options).fit(IRIS, y, sample_weight=weight)


def assert_same(ours, theirs, tolerance=1e-9):
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert mine.dtype == other.dtype
            np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(np.isclose(ours.predict(IRIS), theirs.predict(IRIS), rtol=1e-7), True)
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_", "t_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_"):
        if hasattr(theirs, name):
            expected = getattr(theirs, name)
            mine = getattr(ours, name)
            assert (mine is None) == (expected is None), name
            if expected is not None:
                np.testing.assert_allclose(mine, expected, rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("case", SAME)
def test_the_same_seed_gives_scikit_learns_network(case):
    theirs, ours = pair_of(*SAME[case])
    assert_same(ours, theirs)
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_allclose(ours.predict_proba(IRIS), theirs.predict_proba(IRIS), rtol=1e-8)
        np.testing.assert_allclose(ours.predict_log_proba(IRIS), theirs.predict_log_proba(IRIS), rtol=1e-7)


@pytest.mark.parametrize("case", ["adam", "early stopping", "lbfgs", "regression"])
def test_weights_of_rows_are_scikit_learns(case):
    kind, y, options = SAME[case]
    theirs, ours = pair_of(kind, y, options, WEIGHTS)
    assert_same(ours, theirs)


def test_another_penalty_is_noticed():
    # The comparison above can fail.
    theirs, _ = pair_of("MLPClassifier", IRIS_CLASSES, {})
    _, ours = pair_of("MLPClassifier", IRIS_CLASSES, {"alpha": 0.01})
    with pytest.raises(AssertionError):
        assert_same(ours, theirs)


def test_float32_stays_float32():
    X = IRIS.astype(np.float32)
    ours = MLPClassifier((6,), max_iter=5, random_state=0).fit(X, IRIS_CLASSES)
    theirs = sklearn.neural_network.MLPClassifier((6,), max_iter=5, random_state=0).fit(X, IRIS_CLASSES)
    assert ours.coefs_[0].dtype == ours.predict_proba(X).dtype == np.float32
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-4)
    regressor = MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0).fit(X, X[:, 0])
    assert regressor.predict(X).dtype == np.float32


def test_partial_fit_and_warm_start_go_on_as_in_scikit_learn():
    both = []
    for library in (sklearn.neural_network, backlit.sklearn):
        shared = {"hidden_layer_sizes": (6,), "random_state": 1}
        parts = library.MLPClassifier(**shared)
        for start in (0, 50, 100, 0):
            parts.partial_fit(IRIS[start : start + 50], IRIS_CLASSES[start : start + 50], classes=[0, 1, 2])
        warm = library.MLPRegressor(**shared, warm_start=True, max_iter=4)
        warm.fit(IRIS, LENGTHS).fit(IRIS, LENGTHS)
        both.append((parts, warm))
    for theirs, ours in zip(*both, strict=True):
        assert_same(ours, theirs)


def of_both(call):
    """What a call of scikit-learn's and of backlit's module gives: its result or error, warnings, and prints."""
    found = []
    for library in (sklearn.neural_network, backlit.sklearn):
        printed = io.StringIO()
        with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(printed):
            warnings.simplefilter("always")
            try:
                result = call(library)
            except ValueError as error:
                result = str(error)[:90]
        words = [(w.category, str(w.message).partition("\n")[0][:70]) for w in caught]
        found.append((result, words, printed.getvalue()))
    return found


def fitted(library, **options):
    return library.MLPClassifier((4,), random_state=0, **{"max_iter": 3, **options}).fit(IRIS, IRIS_CLASSES)


@pytest.mark.parametrize(
    "call",
    [
        lambda library: fitted(library).n_iter_,
        lambda library: fitted(library, solver="lbfgs").n_iter_,
        lambda library: fitted(library, batch_size=1000).t_,
        lambda library: fitted(library, tol=0.5, max_iter=30, verbose=True).n_iter_,
        lambda library: fitted(library, early_stopping=True, max_iter=30, verbose=True).n_iter_,
        lambda library: fitted(library, warm_start=True).fit(IRIS[:100], IRIS_CLASSES[:100]).n_iter_,
        lambda library: fitted(library).partial_fit(IRIS, IRIS_CLASSES, classes=[0, 1]).t_,
        lambda library: fitted(library, solver="sgd").set_params(solver="adam").partial_fit(IRIS, IRIS_CLASSES).loss_,
        lambda library: fitted(
            library, solver="sgd", learning_rate="adaptive", learning_rate_init=3e-6, tol=1, n_iter_no_change=1,
            max_iter=20, verbose=True,
        ).n_iter_,
    ],
)  # fmt: skip
def test_warnings_errors_and_prints_are_scikit_learns(call):
    theirs, ours = of_both(call)
    assert ours[1:] == theirs[1:]
    assert ours[0] == (pytest.approx(theirs[0]) if isinstance(theirs[0], float) else theirs[0])


def test_labels_of_objects_are_text_as_in_scikit_learn():
    labels = np.array(["setosa", "versicolor", "virginica"], object)[IRIS_CLASSES]
    for library in (sklearn.neural_network, backlit.sklearn):
        model = library.MLPClassifier(max_iter=1).fit(IRIS, labels)
        assert model.classes_.dtype == model.predict(IRIS).dtype == "<U10"


def test_partial_fit_is_for_solvers_by_batches():
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")
    with pytest.raises(BacklitError, match="classes must be passed"):
        MLPClassifier().partial_fit(IRIS, IRIS_CLASSES)
    with pytest.raises(ValueError, match="early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit(IRIS, IRIS_CLASSES, classes=[0, 1, 2])


@pytest.mark.parametrize(
    ("kind", "data", "least"),
    [
        ("MLPClassifier", load_wine, 0.93),
        ("MLPClassifier", load_breast_cancer, 0.93),
        ("MLPRegressor", load_diabetes, 0.3),
    ],
)
def test_scores_are_scikit_learns_within_noise(kind, data, least):
    X, y = data(return_X_y=True)
    scores = []
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
        options = {"random_state": seed, "max_iter": 80, "learning_rate_init": 0.01}
        models = [getattr(library, kind)(**options) for library in (sklearn.neural_network, backlit.sklearn)]
        scores.append([make_pipeline(StandardScaler(), m).fit(X_train, y_train).score(X_test, y_test) for m in models])
    theirs, ours = np.mean(scores, axis=0)
    assert ours >= least
    assert abs(ours - theirs) < 0.03


def test_pipelines_searches_clones_and_pickles():
    model = MLPClassifier((6,), max_iter=40, learning_rate_init=0.05, random_state=0)
    pipeline = make_pipeline(StandardScaler(), model)
    assert cross_val_score(pipeline, IRIS, IRIS_CLASSES, cv=3).mean() > 0.85
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1.0]}, cv=2).fit(IRIS, IRIS_CLASSES)
    assert search.best_score_ > 0.8
    fitted = clone(model).fit(IRIS, IRIS_CLASSES)
    before = fitted.predict_proba(IRIS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(IRIS), before)
    again.partial_fit(IRIS, IRIS_CLASSES)
    np.testing.assert_array_equal(fitted.predict_proba(IRIS), before)


def test_fits_of_one_kind_share_code_but_no_values():
    first = MLPClassifier((6,), max_iter=3, random_state=0).fit(IRIS, IRIS_CLASSES)
    kept = [array.copy() for array in first.coefs_]
    MLPClassifier((6,), max_iter=3, random_state=1).fit(IRIS, IRIS_CLASSES)
    for now, then in zip(first.coefs_, kept, strict=True):
        np.testing.assert_array_equal(now, then)


def test_weights_set_by_hand_are_used():
    model = MLPRegressor(hidden_layer_sizes=(6,), max_iter=2, random_state=0).fit(IRIS, LENGTHS[:, 0])
    before = model.predict(IRIS)
    model.intercepts_[-1] += 1
    np.testing.assert_allclose(model.predict(IRIS), before + 1)
    model.intercepts_[-1] = model.intercepts_[-1] + 1
    np.testing.assert_allclose(model.predict(IRIS), before + 2)


@pytest.mark.parametrize("rows", [1, 2, 1023, 1025, 2500])
def test_any_number_of_rows_is_predicted_alike(rows):
    model = MLPRegressor(hidden_layer_sizes=(6,), max_iter=2, random_state=0).fit(IRIS, LENGTHS)
    X = np.random.default_rng(0).normal(size=(rows, 4))
    hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    np.testing.assert_allclose(model.predict(X), hidden @ model.coefs_[1] + model.intercepts_[1], atol=1e-12)


@parametrize_with_checks(
    [
        MLPClassifier((8,), learning_rate_init=0.05, max_iter=40),
        MLPRegressor(hidden_layer_sizes=(8,), learning_rate_init=0.05, max_iter=40),
        # These read tables column by column.
        MLPClassifier((8,), learning_rate_init=0.05, max_iter=40, missing_values="impute"),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_a_further_fit_leaves_the_best_network_of_all_where_it_finds_no_better_one():
    settings = {"early_stopping": True, "warm_start": True, "n_iter_no_change": 3, "max_iter": 60, "random_state": 0}
    model = MLPClassifier(**settings, learning_rate_init=0.01).fit(IRIS, IRIS_CLASSES)
    best = [coefs.copy() for coefs in model.coefs_]
    model.set_params(learning_rate_init=1e-9).fit(IRIS, IRIS_CLASSES)
    for before, after in zip(best, model.coefs_, strict=True):
        np.testing.assert_array_equal(before, after)


def test_partial_fit_with_warm_start_takes_rows_that_lack_classes():
    model = MLPClassifier(warm_start=True, random_state=0).partial_fit(IRIS, IRIS_CLASSES, classes=[0, 1, 2])
    model.partial_fit(IRIS[IRIS_CLASSES < 2], IRIS_CLASSES[IRIS_CLASSES < 2])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(IRIS).shape == (150, 3)
