"""Parameters: scikit-learn's own with its defaults, and each described where a user looks."""

import inspect
import re

import pytest
import sklearn.neural_network

import backlit.sklearn
from backlit.sklearn import MLPClassifier, NetRegressor
from backlit.sklearn.documentation import documented

NAMES = backlit.sklearn.__all__


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_scikit_learns_parameters_have_their_places_and_defaults(name):
    ours, theirs = (
        inspect.signature(getattr(library, name)).parameters for library in (backlit.sklearn, sklearn.neural_network)
    )
    for parameter in theirs.values():
        same = ours[parameter.name]
        assert (same.default, same.kind) == (parameter.default, parameter.kind), parameter
    places = [[n for n, p in each.items() if p.kind is p.POSITIONAL_OR_KEYWORD] for each in (ours, theirs)]
    assert places[0] == places[1]


# What they have does not depend on how far they came.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("options", [{"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_scikit_learns_public_attributes_and_methods_are_there(name, options):
    X, y = [[0.0], [1.0]] * 20, [0, 1] * 20
    theirs, ours = (
        getattr(library, name)(**options, random_state=0).fit(X, y)
        for library in (sklearn.neural_network, backlit.sklearn)
    )
    public = [name for name in dir(theirs) if not name.startswith("_") and hasattr(theirs, name)]
    # scikit-learn's regressor has it with "lbfgs" too, and fits anew where its classifier says that it cannot.
    assert {name for name in public if not hasattr(ours, name)} <= {"partial_fit"}
    assert hasattr(ours, "partial_fit") == ("solver" not in options)


def described(cls):
    """What the docstring describes, by its sections."""
    parts = re.split(r"\n    (Args|Attributes|Raises):\n", cls.__doc__)
    return {
        title: re.findall(r"^        (\w+): ", text, re.M) for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_is_described_once(name):
    cls = getattr(backlit.sklearn, name)
    parameters = described(cls)["Args"]
    assert sorted(parameters) == sorted(inspect.signature(cls).parameters)
    attributes = described(cls)["Attributes"]
    assert {"n_features_in_", "n_iter_", "loss_curve_"} <= set(attributes)
    assert len(set(attributes)) == len(attributes)


def test_a_class_without_a_docstring_stays_as_it_is():
    class Plain(MLPClassifier):
        __doc__ = None

    assert documented(Plain).__doc__ is None


def test_only_what_differs_is_shown():
    assert repr(NetRegressor(lr=0.1)) == "NetRegressor(lr=0.1)"
