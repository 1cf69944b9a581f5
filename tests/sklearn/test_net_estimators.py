"""`NetClassifier` and `NetRegressor`: any module behind scikit-learn's interface."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from backlit import nn, ops, optim
from backlit.errors import BacklitError
from backlit.sklearn import NetClassifier, NetRegressor

IRIS, CLASSES = load_iris(return_X_y=True)
IRIS = StandardScaler().fit_transform(IRIS)
NAMES = np.array(["setosa", "versicolor", "virginica"])[CLASSES]


def small(n_features, n_outputs):
    return nn.Sequential(nn.Linear(n_features, 8), nn.Tanh(), nn.Linear(8, n_outputs))


def one_output():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))


class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x):
        return self.layer(x).squeeze(1)


def test_a_function_that_builds_a_module_learns_classes_by_name():
    model = NetClassifier(small, lr=0.02, max_iter=40, random_state=0).fit(IRIS, NAMES)
    assert model.score(IRIS, NAMES) > 0.95
    assert model.predict(IRIS[:1])[0] == "setosa"
    np.testing.assert_allclose(model.predict_proba(IRIS).sum(1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(IRIS)), model.predict_proba(IRIS))
    assert len(model.loss_curve_) == model.n_iter_ == 40


@pytest.mark.parametrize("module", [one_output, Squeezed(), small], ids=["one", "none", "two"])
@pytest.mark.parametrize("weighted", [False, True])
def test_two_classes_by_any_number_of_outputs(module, weighted):
    weight = np.linspace(1, 2, len(IRIS)) if weighted else None
    model = NetClassifier(module, lr=0.05, max_iter=20, random_state=0).fit(IRIS, NAMES == "setosa", weight)
    assert model.score(IRIS, NAMES == "setosa") > 0.95
    assert model.predict_proba(IRIS).shape == (150, 2)


def test_a_module_is_copied_and_its_training_repeats():
    module = small(4, 3)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    fits = [NetClassifier(module, max_iter=3, random_state=0).fit(IRIS, CLASSES) for _ in range(2)]
    for parameter, copy in zip(module.parameters(), before, strict=True):
        assert ops.equal(parameter, copy)
    np.testing.assert_array_equal(fits[0].predict_proba(IRIS), fits[1].predict_proba(IRIS))


def test_compiled_and_eager_training_agree():
    fits = [NetClassifier(small, max_iter=3, random_state=0, compile=c).fit(IRIS, CLASSES) for c in (True, False)]
    np.testing.assert_allclose(fits[0].predict_proba(IRIS), fits[1].predict_proba(IRIS), rtol=1e-9)


def test_the_default_generator_stays_where_it_was():
    ops.manual_seed(3)
    state = ops.default_generator.get_state()
    NetRegressor(small, max_iter=2, random_state=0).fit(IRIS, CLASSES)
    assert ops.equal(state, ops.default_generator.get_state())


def test_regression_with_weights_validation_rows_schedules_and_metrics():
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    model = NetRegressor(
        small,
        optimizer=lambda parameters: optim.SGD(parameters, 0.05, momentum=0.9),
        scheduler=lambda optimizer: optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        metrics=["mae"],
        max_iter=15,
        random_state=0,
    ).fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert model.score(X[300:], y[300:]) > 0.35
    assert set(model.history_) == {"loss", "val_loss", "mae", "val_mae"}
    assert len(model.validation_loss_curve_) == 15
    several = NetRegressor(small, max_iter=5, random_state=0).fit(X, np.stack([y, -y], 1), np.ones(len(y)))
    assert several.predict(X).shape == (len(y), 2)


def test_weights_count_as_repeated_rows():
    counts = np.arange(len(IRIS)) % 3
    shared = {"batch_size": "auto", "max_iter": 5, "random_state": 0, "optimizer": "sgd", "lr": 0.1}
    weighted = NetClassifier(small, **shared).fit(IRIS, CLASSES, counts)
    repeated = NetClassifier(small, **shared).fit(np.repeat(IRIS, counts, 0), np.repeat(CLASSES, counts))
    np.testing.assert_allclose(weighted.predict_proba(IRIS), repeated.predict_proba(IRIS), rtol=1e-9)
    plain = NetClassifier(small, **shared).fit(IRIS, CLASSES)
    assert abs(plain.predict_proba(IRIS) - repeated.predict_proba(IRIS)).max() > 1e-4


def test_early_stopping_keeps_the_best_weights():
    model = NetClassifier(small, lr=0.5, max_iter=50, early_stopping=True, n_iter_no_change=2, tol=0, random_state=0)
    model.fit(IRIS, CLASSES)
    assert model.n_iter_ < 50
    assert model.score(IRIS, CLASSES) > 0.9
    assert model.set_params(max_iter=3, n_iter_no_change=np.inf).fit(IRIS, CLASSES).n_iter_ == 3


def test_partial_fit_goes_on_after_pickling():
    model = NetClassifier(small, optimizer="adamw", random_state=0)
    model.partial_fit(IRIS, CLASSES, classes=[0, 1, 2])
    again = pickle.loads(pickle.dumps(model))
    for one in (model, again):
        one.partial_fit(IRIS, CLASSES)
    assert len(model.loss_curve_) == 2
    np.testing.assert_array_equal(model.predict_proba(IRIS), again.predict_proba(IRIS))
    with pytest.raises(BacklitError, match="not the same"):
        model.partial_fit(IRIS, CLASSES, classes=[0, 1])


def test_searches_and_clones():
    pipeline = make_pipeline(StandardScaler(), NetClassifier(small, max_iter=10, lr=0.05, random_state=0))
    assert cross_val_score(pipeline, IRIS, NAMES, cv=2).mean() > 0.85
    search = GridSearchCV(pipeline, {"netclassifier__lr": [0.0001, 0.05]}, cv=2).fit(IRIS, NAMES)
    assert search.best_params_ == {"netclassifier__lr": 0.05}
    assert clone(search.best_estimator_).get_params()["netclassifier__module"] is small


def test_images_go_in_as_they_are():
    def convolved():
        return nn.Sequential(nn.Flatten(), nn.Linear(8, 2))

    X = np.random.default_rng(0).normal(size=(20, 2, 4)).astype(np.float32)
    model = NetClassifier(convolved, max_iter=30, lr=0.1, random_state=0).fit(X, X[:, 0, 0] > 0)
    assert model.predict_proba(X).dtype == np.float32
    assert model.score(X, X[:, 0, 0] > 0) > 0.9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"module": 3}, "nn.Module"),
        ({"module": lambda: 3}, "must return an nn.Module"),
        ({"optimizer": "adan"}, "did you mean 'adam'"),
        ({"module": lambda: nn.Linear(4, 2)}, "2 outputs for 3 classes"),
        ({"module": lambda: nn.Linear(4, 7)}, "7 outputs for 3 classes"),
        ({"module": lambda: nn.Flatten(0)}, "expected .n_samples, n_outputs."),
        ({"max_iter": 0}, "max_iter"),
        ({"early_stopping": 1}, "early_stopping"),
        ({"scheduler": 3}, "scheduler must be a function"),
    ],
)
def test_what_cannot_be_used_is_said(change, words):
    with pytest.raises(BacklitError, match=words):
        NetClassifier(**change).fit(IRIS, CLASSES)


def test_a_fit_that_fails_leaves_the_estimator_as_it_was():
    fitted = NetClassifier(small, max_iter=3, random_state=0).fit(IRIS, CLASSES)
    before = fitted.predict_proba(IRIS)
    wrong = {"X_val": IRIS, "y_val": CLASSES + 7}
    for model in (fitted, NetClassifier(small, max_iter=3)):
        kept = dict(vars(model))
        with pytest.raises(ValueError, match="classes not in"):
            model.fit(IRIS, CLASSES, **wrong)
        with pytest.raises(ValueError, match="classes not in"):
            model.partial_fit(IRIS, CLASSES + 7, classes=[0, 1, 2])
        assert vars(model) == kept
    np.testing.assert_array_equal(fitted.predict_proba(IRIS), before)


def test_a_loss_of_all_rows_takes_no_weights():
    model = NetRegressor(small, loss=lambda output, target: (output - target).abs().mean(), max_iter=2)
    model.fit(IRIS, IRIS[:, 0])
    with pytest.raises(BacklitError, match="weights of rows need a loss"):
        model.fit(IRIS, IRIS[:, 0], sample_weight=np.ones(150))


@parametrize_with_checks(
    [
        NetClassifier(small, max_iter=40, lr=0.05, compile=False),
        NetRegressor(small, max_iter=40, lr=0.05, compile=False),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
