"""The estimators inside scikit-learn's machinery: routing, frames, workers, threads, other estimators."""

import functools
import subprocess
import sys

import numpy as np
import pytest
import sklearn
from joblib import Parallel, delayed
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (scikit-learn's way to have it)
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
    learning_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from backlit import nn
from backlit.core.threads import get_num_threads
from backlit.sklearn import MLPClassifier, NetClassifier
from backlit.sklearn.blocks import threads

# Few epochs are enough to see the machinery work.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS, CLASSES = load_iris(return_X_y=True)
WORDS = np.array(["setosa", "versicolor", "virginica"])[CLASSES]
SHORT = {"hidden_layer_sizes": (6,), "max_iter": 30, "learning_rate_init": 0.05}
ESTIMATORS = {
    "mlp": MLPClassifier(**SHORT, random_state=0),
    "net": NetClassifier(max_iter=5, lr=0.01, random_state=0, compile=False),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_weights_are_routed_where_asked_for(name):
    weight = np.where(CLASSES == 0, 1e-6, 1.0)
    plain = cross_validate(ESTIMATORS[name], IRIS, CLASSES, cv=3, return_estimator=True)
    with sklearn.config_context(enable_metadata_routing=True):
        model = (
            sklearn.clone(ESTIMATORS[name]).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        )
        routed = cross_validate(model, IRIS, CLASSES, params={"sample_weight": weight}, cv=3, return_estimator=True)
    unimportant = IRIS[CLASSES == 0]
    shares = [found["estimator"][0].predict_proba(unimportant)[:, 0].mean() for found in (routed, plain)]
    assert shares[0] < shares[1] - 0.05


@pytest.mark.parametrize("compile", [True, False])
def test_threads_that_predict_with_one_estimator_get_their_own_rows(compile):
    module = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 3))
    model = NetClassifier(module, max_iter=1, random_state=0, compile=compile).fit(IRIS, CLASSES)
    parts = [IRIS[at : at + 15] for at in range(0, 150, 15)]
    wanted = [model.predict_proba(part) for part in parts]

    def is_right(call):
        return np.array_equal(model.predict_proba(parts[call % 10]), wanted[call % 10])

    assert all(Parallel(n_jobs=4, backend="threading")(delayed(is_right)(call) for call in range(200)))


def test_frames_name_features_through_a_pipeline():
    pd = pytest.importorskip("pandas", reason="frames of pandas are an option")
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), ESTIMATORS["mlp"]).set_output(transform="pandas")
    pipeline.fit(frame, CLASSES)
    assert list(pipeline[-1].feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        pipeline.predict(frame[list("dcba")])


def test_workers_use_one_thread_each_and_find_the_same():
    search = {"alpha": [1e-4, 1.0]}
    fits = [GridSearchCV(ESTIMATORS["mlp"], search, cv=2, n_jobs=n).fit(IRIS, CLASSES) for n in (None, 2)]
    np.testing.assert_array_equal(*(fit.cv_results_["mean_test_score"] for fit in fits))
    assert threads() >= 1
    assert Parallel(n_jobs=2, backend="threading")(delayed(threads)() for _ in range(3)) == [1, 1, 1]


def products():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def threads_before_and_after(fit):
    before = products()
    fit()
    return before, products()


def test_workers_keep_their_number_of_threads():
    fit = functools.partial(ESTIMATORS["net"].fit, IRIS, CLASSES)
    for before, after in Parallel(n_jobs=2)(delayed(threads_before_and_after)(fit) for _ in range(2)):
        assert before == after
    number = get_num_threads()
    Parallel(n_jobs=4, backend="threading")(
        delayed(sklearn.clone(ESTIMATORS["net"]).fit)(IRIS, CLASSES) for _ in range(8)
    )
    assert get_num_threads() == number


def test_fits_in_several_threads_do_not_mix():
    def first_weight(seed):
        return MLPClassifier(**SHORT, random_state=seed).fit(IRIS, CLASSES).coefs_[0][0, 0]

    together = Parallel(n_jobs=4, backend="threading")(delayed(first_weight)(seed) for seed in range(8))
    assert together == [first_weight(seed) for seed in range(8)]


TAKERS = {
    "bagging": lambda model: BaggingClassifier(model, n_estimators=3, random_state=0),
    "boosting": lambda model: AdaBoostClassifier(model, n_estimators=2, random_state=0),
    "voting": lambda model: VotingClassifier(
        [("a", model), ("b", make_pipeline(StandardScaler(), model))], voting="soft"
    ),
    "stacking": lambda model: StackingClassifier([("a", model)], final_estimator=sklearn.clone(model), cv=2),
    "calibration": lambda model: CalibratedClassifierCV(model, cv=2),
    "one against the rest": OneVsRestClassifier,
    "thresholds": lambda model: OneVsRestClassifier(TunedThresholdClassifierCV(model, cv=2)),
    "halving": lambda model: HalvingGridSearchCV(model, {"max_iter": [10, 30]}, cv=2, random_state=0),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_other_estimators_take_them(name, taker):
    model = TAKERS[taker](sklearn.clone(ESTIMATORS[name]).set_params(max_iter=30)).fit(IRIS, WORDS)
    assert model.score(IRIS, WORDS) > 0.6


@pytest.mark.parametrize("name", ESTIMATORS)
def test_several_targets_importances_and_curves(name):
    model = ESTIMATORS[name]
    both = np.stack([CLASSES, CLASSES[::-1]], 1)
    assert MultiOutputClassifier(model).partial_fit(IRIS, both, [[0, 1, 2]] * 2).predict(IRIS).shape == (150, 2)
    importances = permutation_importance(sklearn.clone(model).fit(IRIS, CLASSES), IRIS, CLASSES, n_repeats=2)
    assert importances.importances_mean.shape == (4,)
    options = {"cv": 2, "shuffle": True, "random_state": 0, "train_sizes": [0.5, 1.0], "error_score": "raise"}
    for incremental in (False, True):
        _, _, scores = learning_curve(model, IRIS, CLASSES, exploit_incremental_learning=incremental, **options)
        assert scores.shape == (2, 2)


def test_the_perceptrons_import_no_more_than_they_need():
    code = """
import sys
before = set(sys.modules)
import backlit.sklearn
backlit.sklearn.MLPClassifier
print({'backlit.train', 'backlit.data.tables', 'onnx'} & (set(sys.modules) - before))
print(backlit.sklearn.NetClassifier)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n<class 'backlit.sklearn.net_estimators.NetClassifier'>\n"
    with pytest.raises(AttributeError, match="no attribute 'MLPTransformer'"):
        _ = __import__("backlit.sklearn").sklearn.MLPTransformer
