"""Errors are PyTorch's kinds too, and an unknown name comes with a mend."""

import pickle

import pytest

from backlit import errors

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.BacklitError)]


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind is not errors.BacklitError])
def test_an_error_is_also_a_built_in_one_and_survives_pickle(kind):
    # A data worker sends its error to the main process.
    assert issubclass(kind, (RuntimeError, ValueError, TypeError, IndexError, AttributeError, ImportError, OSError))
    copy = pickle.loads(pickle.dumps(kind("Linear: expected 3 columns, got 4")))
    assert type(copy) is kind
    assert str(copy) == "Linear: expected 3 columns, got 4"


def test_a_near_name_is_suggested():
    assert errors.suggest("rleu", {"relu", "tanh"}) == "; did you mean 'relu'?"


def test_without_a_near_name_the_choices_are_listed():
    assert errors.suggest("zzz", ["tanh", "relu"]) == "; choose from 'relu', 'tanh'"
    assert errors.suggest("zzz", []) == ""
