"""The output layer and its loss are chosen from the labels."""

import numpy as np
import pytest

from backlit import nn
from backlit.errors import ArgumentError, DataError
from backlit.ops import from_numpy, tensor
from backlit.train import Head, choose_head


@pytest.mark.parametrize(
    ("labels", "kind", "names", "outputs", "loss", "metric"),
    [
        ([0.5, 1.5, 2.25], "regression", (), 1, nn.MSELoss, "r2"),
        (list(range(30)), "regression", (), 1, nn.MSELoss, "r2"),
        ([0, 1, 1], "two classes", ("0", "1"), 1, nn.BCEWithLogitsLoss, "accuracy"),
        ([True, False], "two classes", ("False", "True"), 1, nn.BCEWithLogitsLoss, "accuracy"),
        (["no", "yes", "no"], "two classes", ("no", "yes"), 1, nn.BCEWithLogitsLoss, "accuracy"),
        ([3, 1, 2, 1], "K classes", ("1", "2", "3"), 3, nn.CrossEntropyLoss, "accuracy"),
        (["b", "a", "c"], "K classes", ("a", "b", "c"), 3, nn.CrossEntropyLoss, "accuracy"),
    ],
)
def test_the_head_follows_from_the_labels(labels, kind, names, outputs, loss, metric):
    head, y = choose_head(labels)
    assert (head.kind, head.class_names, head.out_features, head.metric) == (kind, names, outputs, metric)
    assert type(head.loss()) is loss
    if names:
        assert [names[number] for number in y] == [str(label) for label in labels]
    scores = from_numpy(np.random.default_rng(0).standard_normal((len(y), outputs)).astype(np.float32))
    assert head.loss()(scores, from_numpy(head.targets(y))).ndim == 0


def test_the_task_can_be_said():
    assert choose_head([1, 2, 3], "regression")[0].kind == "regression"
    assert choose_head(list(range(30)), "classification")[0].out_features == 30


def test_outputs_become_probabilities_and_predictions():
    two, many = Head(("a", "b")), Head(("a", "b", "c"))
    assert two.probabilities(tensor([[0.0], [100.0]])).tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert two.predictions(tensor([[-1.0], [2.0]])).tolist() == [0, 1]
    assert many.probabilities(tensor([[1.0, 1.0, -1000.0]])).tolist() == [[0.5, 0.5, 0.0]]
    assert many.predictions(tensor([[0.0, 3.0, 1.0]])).tolist() == [1]
    assert Head().predictions(tensor([[1.5], [2.5]])).tolist() == [1.5, 2.5]
    with pytest.raises(ArgumentError, match="no probabilities"):
        Head().probabilities(tensor([[1.0]]))


def test_several_targets():
    values = Head(n_values=2)
    assert (values.kind, values.out_features, values.metric) == ("regression", 2, "r2")
    assert values.targets(np.array([[1, 2], [3, 4]])).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert values.predictions(tensor([[1.5, 2.5]])).tolist() == [[1.5, 2.5]]
    labels = Head(labels=(("no", "yes"), ("a", "b")))
    assert (labels.kind, labels.out_features) == ("several labels", 2)
    assert isinstance(labels.loss(), nn.BCEWithLogitsLoss)
    outputs = tensor([[0.0, 100.0], [3.0, -2.0]])
    assert labels.probabilities(outputs)[0].tolist() == [0.5, 1.0]
    assert labels.predictions(outputs).tolist() == [[0, 1], [1, 0]]
    targets = labels.targets(np.array([[0, 1], [1, 1]]))
    assert targets.dtype == np.float32
    assert labels.metric(outputs, from_numpy(targets)) == 0.75


@pytest.mark.parametrize(
    ("labels", "task", "kind", "words"),
    [
        ([], None, DataError, "labels"),
        ([1, 1], None, DataError, "two classes"),
        ([0.5, float("nan")], None, DataError, "row 2.*empty"),
        (["a", ""], None, DataError, "row 2.*empty"),
        (["a", "b"], "regression", DataError, "'a' is not a number"),
        ([[1], [2]], None, ArgumentError, "shape"),
        ([1, 2], "regresion", ArgumentError, "did you mean 'regression'"),
    ],
)
def test_labels_that_cannot_be_used(labels, task, kind, words):
    with pytest.raises(kind, match=words):
        choose_head(labels, task)
