"""Gathering and scattering against NumPy's loops over elements, on cases that Hypothesis makes up, and against JAX."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import backlit


@st.composite
def cases(draw):
    """Values, a dimension, and indices that may be smaller than the values elsewhere."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    sizes = [draw(st.integers(0, n)) for n in shape]
    sizes[dim] = draw(st.integers(0, 5))
    index = draw(hnp.arrays(np.int64, tuple(sizes), elements=st.integers(0, shape[dim] - 1)))
    rng = np.random.default_rng(0)
    return rng.normal(size=shape), dim, index, rng.normal(size=index.shape)


def places(index, dim):
    """Each place of the index with the place of the values that it names, as PyTorch documents `gather`."""
    for place in itertools.product(*map(range, index.shape)):
        target = list(place)
        target[dim] = index[place]
        yield place, tuple(target)


def leaf(array):
    return backlit.from_numpy(array.copy()).requires_grad_()


def check(result, leaves, expected, expected_grads):
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-12, atol=1e-14)
    (result * result).sum().backward()
    for x, grad in zip(leaves, expected_grads, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), grad, rtol=1e-12, atol=1e-14)


@given(cases())
def test_gather(case):
    array, dim, index, _ = case
    expected, grad = np.zeros(index.shape), np.zeros_like(array)
    for place, target in places(index, dim):
        expected[place] = array[target]
        grad[target] += 2 * array[target]
    x = leaf(array)
    check(x.gather(dim, backlit.from_numpy(index)), [x], expected, [grad])


@given(cases())
def test_scatter_add(case):
    array, dim, index, source = case
    expected = array.copy()
    for place, target in places(index, dim):
        expected[target] += source[place]
    source_grad = np.zeros_like(source)
    for place, target in places(index, dim):
        source_grad[place] = 2 * expected[target]
    x, y = leaf(array), leaf(source)
    check(x.scatter_add(dim, backlit.from_numpy(index), y), [x, y], expected, [2 * expected, source_grad])


@given(cases())
def test_scatter_number(case):
    array, dim, index, _ = case
    expected, kept = array.copy(), np.ones_like(array)
    for _, target in places(index, dim):
        expected[target], kept[target] = 3.0, 0.0
    x = leaf(array)
    check(x.scatter(dim, backlit.from_numpy(index), 3.0), [x], expected, [2 * expected * kept])


@given(cases())
def test_scatter_and_gather_undo_each_other(case):
    array, dim, index, source = case
    unique = {target for _, target in places(index, dim)}
    if len(unique) == index.size:
        i, y = backlit.from_numpy(index), backlit.from_numpy(source)
        np.testing.assert_array_equal(backlit.from_numpy(array).scatter(dim, i, y).gather(dim, i).numpy(), source)


@given(cases())
def test_in_place_forms_do_the_same(case):
    array, dim, index, source = case
    i, y = backlit.from_numpy(index), backlit.from_numpy(source)
    for name, args in [("scatter_add", (dim, i, y)), ("scatter", (dim, i, y)), ("scatter", (dim, i, 3.0))]:
        x = backlit.from_numpy(array.copy())
        expected = getattr(x, name)(*args)
        assert getattr(x, f"{name}_")(*args) is x
        np.testing.assert_array_equal(x.numpy(), expected.numpy())
        assert x._version == 1


def test_as_in_jax():
    rng = np.random.default_rng(0)
    array, index = rng.normal(size=(3, 4)), rng.integers(0, 4, size=(3, 2))
    rows, source = np.array([2, 0, 2]), rng.normal(size=(3, 4))
    mask = array > 0
    own_index, own_rows, own_mask = map(backlit.from_numpy, (index, rows, mask))
    pairs = [
        (lambda x: x.gather(1, own_index), lambda x: jnp.take_along_axis(x, index, 1)),
        (lambda x: backlit.take_along_dim(x, own_index, 1), lambda x: jnp.take_along_axis(x, index, 1)),
        (lambda x: x.index_select(0, own_rows), lambda x: jnp.take(x, rows, 0)),
        (lambda x: x.index_add(0, own_rows, backlit.from_numpy(source)), lambda x: x.at[rows].add(source)),
        (lambda x: x.index_fill(0, own_rows, 2.0), lambda x: x.at[rows].set(2.0)),
        (lambda x: x.index_copy(0, own_rows[:2], x[1:]), lambda x: x.at[rows[:2]].set(x[1:])),
        (lambda x: x.masked_fill(own_mask, 2.0), lambda x: jnp.where(mask, 2.0, x)),
        (lambda x: x.masked_select(own_mask), lambda x: x[mask]),
        (lambda x: x.take(own_index), lambda x: x.reshape(-1)[index]),
    ]
    for ours, theirs in pairs:
        x = leaf(array)
        check(
            ours(x),
            [x],
            theirs(jnp.asarray(array)),
            [jax.grad(lambda a, theirs=theirs: (theirs(a) ** 2).sum())(jnp.asarray(array))],
        )
