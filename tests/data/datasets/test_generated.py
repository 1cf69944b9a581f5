import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from backlit.data import datasets
from backlit.errors import ArgumentError

MAKERS = [datasets.two_moons, datasets.circles, datasets.spirals, datasets.xor]


@pytest.mark.parametrize("make", MAKERS)
@given(n=st.integers(2, 50), seed=st.integers(0, 3))
def test_points(make, n, seed):
    X, y = make(n, seed=seed)
    assert X.shape == (n, 2)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert abs(int((y == 0).sum()) - int((y == 1).sum())) <= 1
    again, labels = make(n, seed=seed)
    assert (again == X).all()
    assert (y == labels).all()
    assert (make(n, seed=seed + 1)[0] != X).any()


@pytest.mark.parametrize("make", MAKERS)
def test_classes_are_apart_but_not_by_a_line(make):
    X, y = make(600, noise=0.02)
    assert LogisticRegression().fit(X, y).score(X, y) < 0.92
    assert KNeighborsClassifier(3).fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.93


def test_shapes_of_the_problems():
    X, y = datasets.circles(100, noise=0, factor=0.3)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y == 1, 0.3, 1.0), rtol=1e-6)
    X, y = datasets.xor(100)
    assert ((X[:, 0] * X[:, 1] < 0) == (y == 1)).all()
    assert set(datasets.spirals(30, n_classes=3)[1]) == {0, 1, 2}


@pytest.mark.parametrize("make", MAKERS)
def test_refusals(make):
    with pytest.raises(ArgumentError, match="n_samples"):
        make(1)
    with pytest.raises(ArgumentError, match="n_samples"):
        make(10.5)
    for noise in (-1, float("nan"), float("inf")):
        with pytest.raises(ArgumentError, match="noise"):
            make(noise=noise)


def test_refusals_of_shapes():
    with pytest.raises(ArgumentError, match="factor"):
        datasets.circles(factor=1)
    with pytest.raises(ArgumentError, match="n_classes"):
        datasets.spirals(n_classes=1)
