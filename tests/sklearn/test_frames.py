"""Frames of pandas and polars go in: names, types, gaps and categories; an estimator's numbers come out."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from backlit.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

# Few epochs are enough to see what goes in.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, CLASSES = load_iris(return_X_y=True)
NAMES = list("abcd")
SHORT = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
NET = {"max_iter": 2, "random_state": 0, "compile": False}
ESTIMATORS = [MLPClassifier(**SHORT), MLPRegressor(**SHORT), NetClassifier(**NET), NetRegressor(**NET)]
LIBRARIES = ["pandas", "polars"]


@pytest.fixture(params=LIBRARIES)
def library(request):
    return pytest.importorskip(request.param, reason="frames are an option")


def frame(library, columns):
    return library.DataFrame(columns)


@pytest.mark.parametrize("model", ESTIMATORS, ids=lambda model: type(model).__name__)
def test_columns_have_names_and_numbers_are_the_same(library, model):
    X = frame(library, dict(zip(NAMES, IRIS.T, strict=True)))
    expected = model.fit(IRIS, CLASSES).predict(IRIS)
    found = model.fit(X, library.Series(CLASSES)).predict(X)
    np.testing.assert_array_equal(found, expected)
    assert list(model.feature_names_in_) == NAMES
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[["b", "a", "c", "d"]])
    assert list(pickle.loads(pickle.dumps(model)).feature_names_in_) == NAMES


def test_labels_and_several_targets_come_from_frames(library):
    words = np.array(["x", "y", "z"])[CLASSES]
    X = frame(library, dict(zip(NAMES, IRIS.T, strict=True)))
    assert set(MLPClassifier(**SHORT).fit(X, library.Series(list(words))).predict(X)) <= set(words)
    targets = frame(library, {"s": IRIS[:, 0], "t": IRIS[:, 1]})
    assert MLPRegressor(**SHORT).fit(X, targets).predict(X).shape == (150, 2)


def test_frames_pass_through_pipelines(library):
    X = frame(library, dict(zip(NAMES, IRIS.T, strict=True)))
    scaled = make_pipeline(StandardScaler(), MLPClassifier(**SHORT)).set_output(transform=library.__name__)
    assert cross_val_predict(scaled, X, CLASSES, cv=2, method="predict_proba").shape == (150, 3)
    scaled.fit(X, CLASSES)
    assert isinstance(scaled[:-1].transform(X), library.DataFrame)
    assert list(scaled[-1].feature_names_in_) == NAMES


def test_categories_and_gaps_by_type(library):
    rng = np.random.default_rng(0)
    colours = [None if n == 7 else str(c) for n, c in enumerate(rng.choice(["red", "green"], 100))]
    sizes = [None if n % 9 == 0 else float(x) for n, x in enumerate(rng.normal(size=100))]
    X = frame(library, {"colour": colours, "size": sizes, "wet": [n % 3 == 0 for n in range(100)]})
    y = np.array([c == "red" for c in colours], float)
    model = MLPRegressor(
        hidden_layer_sizes=(8,),
        solver="lbfgs",
        categorical_features="from_dtype",
        missing_values="impute",
        random_state=0,
        max_iter=50,
    ).fit(X, y)
    assert [c.values for c in model._columns.categorical] == [("green", "red"), (False, True)]
    assert model.coefs_[0].shape == (1 + 1 + 2 + 2, 8)
    assert model.score(X, y) > 0.95
    as_objects = np.array([colours, sizes, [n % 3 == 0 for n in range(100)]], object).T
    again = MLPRegressor(**{**model.get_params(), "categorical_features": [0, 2]}).fit(as_objects, y)
    np.testing.assert_allclose(again.predict(as_objects), model.predict(X), rtol=1e-9)


def test_float32_columns_are_computed_in_float32(library):
    small = IRIS[:, 0].astype(np.float32)
    X = frame(library, {"size": small, "colour": ["a", "b", "c"] * 50})
    model = MLPRegressor(**SHORT, categorical_features=["colour"]).fit(X, CLASSES)
    assert model.predict(X).dtype == model.coefs_[0].dtype == np.float32


def test_the_gaps_of_pandas_own_types():
    pd = pytest.importorskip("pandas", reason="frames of pandas are an option")
    X = pd.DataFrame(
        {
            "count": pd.array([1, None] * 20, "Int64"),
            "wet": pd.array([True, None] * 20, "boolean"),
            "word": pd.array(["x", None] * 20, "string"),
        }
    )
    model = MLPRegressor(**SHORT, categorical_features=["wet", "word"], missing_values="impute").fit(X, np.arange(40.0))
    assert [c.values for c in model._columns.categorical] == [(True,), ("x",)]
    assert np.isfinite(model.predict(X)).all()
