"""Layers and losses beside JAX, an independent library, over shapes that Hypothesis chooses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backlit.nn import functional as F
from tests.ops.beside_jax import beside_jax

rows, classes = st.integers(1, 6), st.integers(1, 40)
# JAX compiles each shape anew, which takes most of the time.
few = settings(max_examples=4)


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape) * 2


def labelled(n, k, seed):
    return numbers(seed, n, k), np.random.default_rng(seed).integers(k, size=n)


def jax_cross_entropy(x, y):
    return -jnp.take_along_axis(jax.nn.log_softmax(x, 1), y[:, None], 1).mean()


@few
@given(rows, classes)
def test_cross_entropy(n, k):
    beside_jax(F.cross_entropy, jax_cross_entropy, *labelled(n, k, n + k))


@few
@given(rows, classes, st.integers(1, 3))
def test_cross_entropy_of_images(n, k, size):
    x = numbers(1, n, k, size)
    y = np.random.default_rng(2).integers(k, size=(n, size))

    def reference(x, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(x, 1), y[:, None], 1)[:, 0]

    beside_jax(lambda x, y: F.cross_entropy(x, y, reduction="none"), reference, x, y)


@few
@given(rows, st.integers(1, 8))
def test_mse_and_binary_cross_entropy(n, k):
    x, y = numbers(3, n, k), numbers(4, n, k)
    beside_jax(F.mse_loss, lambda x, y: ((x - y) ** 2).mean(), x, y)
    p = 1 / (1 + np.exp(-y))

    def reference(x, p):
        return -(p * jax.nn.log_sigmoid(x) + (1 - p) * jax.nn.log_sigmoid(-x)).mean()

    beside_jax(F.binary_cross_entropy_with_logits, reference, x, p)
    beside_jax(lambda x, p: F.binary_cross_entropy(x.sigmoid(), p), reference, x, p, tolerance=1e-9)


def standardized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / jnp.sqrt(x.var(axes, keepdims=True) + eps)


@few
@given(rows, rows, st.integers(1, 20))
def test_layer_norm(n, m, k):
    beside_jax(
        lambda x, w, b: F.layer_norm(x, (k,), w, b),
        lambda x, w, b: standardized(x, (2,)) * w + b,
        *(numbers(5, n, m, k), numbers(6, k), numbers(7, k)),
        tolerance=1e-10,
    )


@few
@given(st.integers(2, 6), rows, st.integers(1, 4))
def test_batch_norm(n, k, size):
    beside_jax(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda x, w, b: standardized(x, (0, 2)) * w[:, None] + b[:, None],
        *(numbers(8, n, k, size), numbers(9, k), numbers(10, k)),
        tolerance=1e-9,
    )


def test_products_distances_and_lengths():
    x, y = numbers(12, 4, 3), numbers(13, 4, 3)
    unit = lambda a: a / jnp.linalg.norm(a, axis=1, keepdims=True)  # noqa: E731
    beside_jax(F.normalize, unit, x)
    beside_jax(F.cosine_similarity, lambda a, b: (unit(a) * unit(b)).sum(1), x, y)
    beside_jax(F.pairwise_distance, lambda a, b: jnp.linalg.norm(a - b + 1e-6, axis=1), x, y)
    weight = numbers(14, 2, 3, 3)
    beside_jax(F.bilinear, lambda a, b, w: jnp.einsum("ni,kij,nj->nk", a, w, b), x, y, weight)
    beside_jax(lambda a: F.pad(a, (1, 2), value=3), lambda a: jnp.pad(a, ((0, 0), (1, 2)), constant_values=3), x)


def test_a_planted_fault_is_seen():
    with pytest.raises(AssertionError, match="gradient"):
        beside_jax(lambda x: F.softplus(x.detach()) + x * 0, jax.nn.softplus, numbers(15, 3))
