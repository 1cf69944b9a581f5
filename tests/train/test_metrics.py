"""Metrics against their definitions, over batches of unequal size."""

import numpy as np
import pytest

from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError
from backlit.ops import from_numpy
from backlit.train.loop import Sums
from backlit.train.metrics import resolve_metrics


def over_batches(metric, prediction, target, loss=None, cuts=(3, 7)):
    """The metric's value when the rows come in batches cut at these rows."""
    metrics = resolve_metrics([metric], loss)
    sums = Sums()
    for part, wanted in zip(np.split(prediction, cuts), np.split(target, cuts), strict=True):
        sums.add(0.0, from_numpy(part), from_numpy(wanted), metrics)
    return sums.means(metrics)[metrics[0].name]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_accuracy_of_classes(rng):
    scores, labels = rng.standard_normal((10, 4)), rng.integers(0, 4, 10)
    assert over_batches("accuracy", scores, labels) == (scores.argmax(1) == labels).mean()
    assert over_batches("accuracy", scores, np.eye(4)[labels]) == (scores.argmax(1) == labels).mean()


@pytest.mark.parametrize("shape", [(10,), (10, 1)])
def test_accuracy_of_two_classes_by_logits_and_by_probabilities(rng, shape):
    scores, labels = rng.standard_normal(shape), rng.integers(0, 2, shape).astype(float)
    right = ((scores > 0) == labels).mean()
    assert over_batches("accuracy", scores, labels) == right
    assert over_batches("accuracy", 1 / (1 + np.exp(-scores)), labels, loss=nn.BCELoss()) == right


def test_accuracy_of_rows_with_several_labels(rng):
    scores, labels = rng.standard_normal((10, 4, 6)), rng.integers(0, 4, (10, 6))
    assert over_batches("accuracy", scores, labels) == pytest.approx((scores.argmax(1) == labels).mean())


def test_top5(rng):
    scores, labels = rng.standard_normal((10, 8)), rng.integers(0, 8, 10)
    best = np.argsort(-scores, axis=1)[:, :5]
    assert over_batches("top5", scores, labels) == (best == labels[:, None]).any(1).mean()


@pytest.mark.parametrize("shape", [(10,), (10, 1), (10, 3)])
def test_errors_and_r2(rng, shape):
    from sklearn.metrics import r2_score

    guesses, wanted = rng.standard_normal(shape) + 5, rng.standard_normal(shape) + 5
    assert over_batches("mae", guesses, wanted) == pytest.approx(np.abs(guesses - wanted).mean())
    assert over_batches("mse", guesses, wanted) == pytest.approx(((guesses - wanted) ** 2).mean())
    assert over_batches("r2", guesses, wanted) == pytest.approx(r2_score(wanted, guesses))


def test_a_users_function_counts_rows_alike(rng):
    values = rng.standard_normal(10)

    def bias(pred, target):
        return (pred - target).mean()

    assert over_batches(bias, values, np.zeros(10)) == pytest.approx(values.mean())


def test_what_cannot_be_a_metric(rng):
    for metric, kind, words in (
        (["acc"], ArgumentError, "accuracy"),
        ([3], ArgumentTypeError, "names or functions"),
        ([lambda a, b: 0, lambda a, b: 1], ArgumentError, "<lambda>"),
    ):
        with pytest.raises(kind, match=words):
            resolve_metrics(metric, None)
    with pytest.raises(ShapeError, match=r"mse: .*do not fit"):
        over_batches("mse", np.zeros((10, 2)), np.zeros(10))
    with pytest.raises(ShapeError, match="top5"):
        over_batches("top5", np.zeros(10), np.zeros(10))
