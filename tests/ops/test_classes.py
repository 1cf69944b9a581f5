"""Embeddings and one-hot codes: against NumPy and JAX, and the words for classes out of range."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import backlit
from backlit.errors import ArgumentError, DtypeError, IndexRangeError, ShapeError


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, min_side=0, max_dims=2), elements=st.integers(0, 4)))
def test_one_hot(classes):
    found = backlit.one_hot(backlit.from_numpy(classes), 5)
    assert found.dtype == backlit.int64
    np.testing.assert_array_equal(found.numpy(), np.eye(5)[classes])
    if classes.size:
        assert backlit.one_hot(backlit.from_numpy(classes)).shape == (*classes.shape, classes.max() + 1)


@pytest.mark.parametrize(
    ("classes", "number", "error", "words"),
    [
        ([0, 3], 3, IndexRangeError, "one_hot: class 3 is out of range, expected 0 to 2"),
        ([0, -2], 3, IndexRangeError, "one_hot: class -2 is out of range"),
        ([0, -2], -1, IndexRangeError, "one_hot: class -2 is out of range"),
        ([0, 1], 0, ArgumentError, "num_classes must be positive or -1, got 0"),
        ([0.0, 1.0], 2, DtypeError, r"must be an integer tensor.*long\(\)"),
    ],
)
def test_classes_that_do_not_exist(classes, number, error, words):
    with pytest.raises(error, match=words):
        backlit.one_hot(backlit.tensor(classes), number)


def test_no_classes_to_count():
    with pytest.raises(ArgumentError, match="pass num_classes"):
        backlit.one_hot(backlit.zeros(0, dtype=backlit.int64))


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, min_side=0, max_dims=2), elements=st.integers(0, 3)))
def test_embedding(index):
    table = np.random.default_rng(0).normal(size=(4, 3))
    weight = backlit.from_numpy(table).requires_grad_()
    found = backlit.embedding(backlit.from_numpy(index), weight)
    (found * found).sum().backward()
    np.testing.assert_array_equal(found.detach().numpy(), table[index])
    expected = np.zeros_like(table)
    np.add.at(expected, index, 2 * table[index])
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-12)


def test_as_in_jax():
    rng = np.random.default_rng(0)
    table, index = rng.normal(size=(4, 3)), rng.integers(0, 4, size=(5, 2))
    weight = backlit.from_numpy(table).requires_grad_()
    backlit.embedding(backlit.from_numpy(index), weight).exp().sum().backward()
    expected = jax.grad(lambda w: jax.numpy.exp(w[index]).sum())(table)
    np.testing.assert_allclose(weight.grad.numpy(), expected, rtol=1e-12)
    np.testing.assert_array_equal(backlit.one_hot(backlit.from_numpy(index), 4).numpy(), jax.nn.one_hot(index, 4))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_many_rows_add_up_as_few_do(kind):
    rng = np.random.default_rng(0)
    index = rng.integers(0, 50, size=(30, 100))
    weight = backlit.zeros(50, 8, dtype=getattr(backlit, kind), requires_grad=True)
    arriving = rng.normal(size=(30, 100, 8)).astype(kind)
    backlit.embedding(backlit.from_numpy(index), weight).backward(backlit.from_numpy(arriving))
    expected = np.zeros((50, 8))
    np.add.at(expected, index, arriving)
    np.testing.assert_allclose(weight.grad.numpy(), expected, atol=1e-5 if kind == "float32" else 1e-12)
    rows = backlit.zeros(50, 8, dtype=getattr(backlit, kind), requires_grad=True)
    rows[backlit.from_numpy(index - 50)].backward(backlit.from_numpy(arriving))
    assert rows.grad.tolist() == weight.grad.tolist()


@pytest.mark.parametrize("padding", [1, -3])
def test_the_padding_row_gets_no_gradient(padding):
    weight = backlit.ones(4, 2, requires_grad=True)
    backlit.embedding(backlit.tensor([[1, 2], [2, 1]]), weight, padding_idx=padding).sum().backward()
    assert weight.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [2.0, 2.0], [0.0, 0.0]]


def test_rows_that_do_not_exist():
    weight = backlit.ones(4, 2)
    with pytest.raises(IndexRangeError, match="embedding: index 4 is out of range, expected 0 to 3"):
        backlit.embedding(backlit.tensor([0, 4]), weight)
    with pytest.raises(IndexRangeError, match="embedding: index -1"):
        backlit.embedding(backlit.tensor([0, -1]), weight)
    with pytest.raises(IndexRangeError, match="padding_idx 4"):
        backlit.embedding(backlit.tensor([0]), weight, padding_idx=4)
    with pytest.raises(ShapeError, match="num_embeddings, embedding_dim"):
        backlit.embedding(backlit.tensor([0]), weight[0])
