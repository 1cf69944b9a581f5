"""Sorting: values, indices and gradients; stability, NaN, ties, empty and single elements."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import backlit
from backlit.autograd import gradcheck
from backlit.errors import ArgumentError, ArgumentTypeError, IndexRangeError
from tests.ops.beside_jax import beside_jax

X = np.random.default_rng(0).normal(size=(2, 3, 4))


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sort_agrees_with_jax(dim, descending):
    beside_jax(
        lambda t: (t.sort(dim, descending).values, t.argsort(dim, descending)),
        lambda t: (jnp.sort(t, dim, descending=descending), jnp.argsort(t, dim, descending=descending)),
        X[:, ::-1].T,
    )


few_values = st.sampled_from([0.0, 1.0, -1.0, 2.5, math.inf, -math.inf, math.nan])


@given(
    npst.arrays(np.float64, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=few_values),
    st.booleans(),
    st.data(),
)
def test_order_is_stable_and_nan_is_the_largest(x, descending, data):
    dim = data.draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))
    values, indices = backlit.tensor(x).sort(dim, descending, stable=True)
    assert values.shape == indices.shape == x.shape
    assert indices.dtype == backlit.int64
    rows = np.moveaxis(np.atleast_1d(x), dim, -1)
    places = np.moveaxis(np.atleast_1d(indices.numpy()), dim, -1)
    sorted_rows = np.moveaxis(np.atleast_1d(values.numpy()), dim, -1)
    for lead in np.ndindex(rows.shape[:-1]):
        row = rows[lead].tolist()
        # Python's sort is stable, in either direction.
        expected = sorted(
            range(len(row)), key=lambda i: (math.isnan(row[i]), 0 if math.isnan(row[i]) else row[i]), reverse=descending
        )
        assert places[lead].tolist() == expected
        np.testing.assert_array_equal(sorted_rows[lead], [row[i] for i in expected])


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=6), st.booleans(), st.data())
def test_topk_is_the_beginning_of_sort(row, largest, data):
    k = data.draw(st.integers(0, len(row)))
    x = backlit.tensor(row)
    top, whole = x.topk(k, largest=largest), x.sort(descending=largest)
    assert top.values.tolist() == whole.values.tolist()[:k]
    assert top.indices.tolist() == whole.indices.tolist()[:k]
    assert top.values.dtype == backlit.int64


def test_gradients_go_to_the_places_picked():
    x = backlit.tensor(X, requires_grad=True)
    for dim in range(3):
        assert gradcheck(lambda t, dim=dim: t.sort(dim, descending=True).values, (x,))
        assert gradcheck(lambda t, dim=dim: t.topk(2, dim).values, (x,))
    tied = backlit.tensor([1.0, 1.0, 0.0], requires_grad=True)
    tied.topk(1).values.sum().backward()
    assert tied.grad.tolist() == [1, 0, 0]
    empty = backlit.zeros(0, 3, requires_grad=True)
    empty.sort(0).values.sum().backward()
    assert empty.grad.shape == (0, 3)


def test_named_pairs_print_as_in_pytorch():
    assert repr(backlit.tensor([3, 1]).sort()) == (
        "backlit.return_types.sort(\nvalues=tensor([1, 3]),\nindices=tensor([1, 0]))"
    )
    values, indices = backlit.tensor(3.0).topk(1)
    assert values.shape == indices.shape == ()


@given(npst.arrays(np.int64, npst.array_shapes(max_dims=2, min_side=0, max_side=5), elements=st.integers(-2, 2)))
def test_unique_agrees_with_numpy(x):
    values, inverse, counts = backlit.unique(backlit.tensor(x), return_inverse=True, return_counts=True)
    expected = np.unique(x, return_counts=True)
    np.testing.assert_array_equal(values.numpy(), expected[0])
    np.testing.assert_array_equal(counts.numpy(), expected[1])
    np.testing.assert_array_equal(values.numpy()[inverse.numpy()], x)


def test_unique_rows_and_nan():
    rows = backlit.tensor([[1, 2], [0, 5], [1, 2]])
    assert backlit.unique(rows, dim=0).tolist() == [[0, 5], [1, 2]]
    assert backlit.tensor([math.nan, math.nan]).unique().shape == (2,)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.topk(4), ArgumentError, "topk: k must be from 0 to 3, the size of dim -1, got 4"),
        (lambda x: x.topk(-1), ArgumentError, "topk: k must be from 0 to 3"),
        (lambda x: x.topk(1.5), ArgumentTypeError, "topk: k must be an integer"),
        (lambda x: x.sort(2), IndexRangeError, "sort: dim 2 is out of range .* expected -2 to 1"),
        (lambda x: x.unique(dim=5), IndexRangeError, "unique: dim 5"),
    ],
)
def test_errors_say_what_came_and_what_is_expected(call, error, words):
    with pytest.raises(error, match=words):
        call(backlit.zeros(2, 3))
