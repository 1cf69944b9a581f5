"""Reductions and running sums: values and gradients beside JAX and NumPy, PyTorch's choices, errors."""

import math
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax import lax
from jax.nn import log_softmax, softmax
from jax.scipy.special import logsumexp

import backlit
from backlit.autograd import gradcheck
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError
from tests.ops.beside_jax import beside_jax

X = np.random.default_rng(0).normal(size=(2, 3, 4))
ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 3.0, 0.0], [2.0, 0.5, -1.0]])


@pytest.mark.parametrize(
    ("function", "reference"),
    [
        (backlit.sum, jnp.sum),
        (backlit.mean, jnp.mean),
        (lambda x, dim, keepdim: backlit.var(x, dim, correction=0, keepdim=keepdim), jnp.var),
        (backlit.amax, jnp.max),
        (backlit.amin, jnp.min),
        (backlit.nansum, jnp.nansum),
        (backlit.nanmean, jnp.nanmean),
        (backlit.all, jnp.all),
        (backlit.any, jnp.any),
        (lambda x, dim, keepdim: backlit.logsumexp(x, () if dim is None else dim, keepdim), logsumexp),
        (lambda x, dim, keepdim: backlit.norm(x, 3, dim, keepdim), lambda x, **s: jnp.sum(abs(x) ** 3, **s) ** (1 / 3)),
    ],
    ids=["sum", "mean", "var", "amax", "amin", "nansum", "nanmean", "all", "any", "logsumexp", "norm"],
)
def test_reductions_agree_with_jax(function, reference):
    for x, dim, keepdim in (
        (X, None, False),
        (X.T[::-1], (0, -1), True),
        (X[:, ::2], -2, False),
        (X.astype(np.float32), None, True),
    ):
        beside_jax(
            lambda t, dim=dim, keepdim=keepdim: function(t, dim=dim, keepdim=keepdim),
            lambda t, dim=dim, keepdim=keepdim: reference(t, axis=dim, keepdims=keepdim),
            x,
            tolerance=1e-5 if x.dtype == np.float32 else 1e-12,
        )


@pytest.mark.parametrize("x", [X, ZEROS, np.array([[0.0, 0.0]]), np.array([[2.0]])], ids=["3-D", "zeros", "two", "one"])
def test_products_agree_with_jax_also_at_zeros(x):
    for dim in (None, 0, -1):
        beside_jax(lambda t, dim=dim: backlit.prod(t, dim), lambda t, dim=dim: jnp.prod(t, axis=dim), x)
        if dim is not None:
            beside_jax(lambda t, dim=dim: t.cumprod(dim), lambda t, dim=dim: jnp.cumprod(t, axis=dim), x)


def test_products_have_second_derivatives_at_zeros():
    x = backlit.tensor([2.0, 0.0, 3.0, 0.0], dtype=backlit.float64, requires_grad=True)
    (first,) = backlit.autograd.grad(x.prod(), x, create_graph=True)
    assert first.tolist() == [0, 0, 0, 0]
    (second,) = backlit.autograd.grad(first[1], x)
    assert second.tolist() == [0, 0, 0, 6]


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_scans_and_softmaxes_agree_with_jax(dim):
    for x in (X[:, ::-1].T, X[0]):
        beside_jax(
            lambda t: (t.cumsum(dim), t.diff(dim=dim), t.softmax(dim), t.log_softmax(dim)),
            lambda t: (jnp.cumsum(t, dim), jnp.diff(t, axis=dim), softmax(t, dim), log_softmax(t, dim)),
            x,
        )


def test_diff_agrees_with_jax():
    beside_jax(
        lambda t, a, b: backlit.diff(t, 2, 1, a, b),
        lambda t, a, b: jnp.diff(t, 2, 1, a, b),
        X[0],
        X[1, :, :1],
        X[1, :, 1:],
    )


@pytest.mark.parametrize("correction", [0, 1, 2])
def test_variances_agree_with_jax(correction):
    for dim in (None, 1, (0, 2)):
        beside_jax(
            lambda t, dim=dim: (
                *backlit.var_mean(t, dim, correction=correction, keepdim=True),
                *backlit.std_mean(t, dim, correction=correction),
            ),
            lambda t, dim=dim: (
                jnp.var(t, dim, ddof=correction, keepdims=True),
                jnp.mean(t, dim, keepdims=True),
                jnp.std(t, dim, ddof=correction),
                jnp.mean(t, dim),
            ),
            X,
        )


def test_var_takes_unbiased_as_pytorch_does():
    x = backlit.tensor([1.0, 2.0, 4.0])
    assert x.var(False) == x.var(unbiased=False) == x.var(0, False) == x.var(correction=0)
    assert x.var() == x.var(0) == x.var(0, True) == x.var(True)
    with pytest.raises(ArgumentError, match="not both"):
        x.std(unbiased=True, correction=1)


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@st.composite
def reductions(draw):
    """An array of any layout, with dimensions to reduce and keepdim."""
    shape = draw(shapes)
    x = np.random.default_rng(draw(st.integers(0, 9))).normal(size=tuple(2 * n for n in shape))
    x = x[tuple(slice(None, None, draw(st.sampled_from([2, -2]))) for _ in shape)]
    x = np.transpose(x, draw(st.permutations(range(x.ndim))))
    dim = draw(st.lists(st.sampled_from(range(x.ndim)), unique=True) if x.ndim else st.just([]))
    dim = tuple(d - x.ndim if draw(st.booleans()) else d for d in dim)
    return x, dim or None, draw(st.booleans())


@given(reductions(), st.sampled_from(["float64", "float32", "int64", "int16", "uint8", "bool"]))
def test_values_and_types_in_all_shapes(case, kind):
    x, dim, keepdim = case
    x = (x * 3).astype(kind)
    t = backlit.tensor(x)
    exact = t.dtype.is_floating_point
    total = t.sum(dim, keepdim)
    assert total.dtype == (t.dtype if exact else backlit.int64)
    np.testing.assert_allclose(
        total.numpy(), x.sum(axis=dim, keepdims=keepdim, dtype=total.dtype.numpy), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_array_equal(t.any(dim, keepdim).numpy(), x.any(axis=dim, keepdims=keepdim))
    np.testing.assert_array_equal(t.all(dim, keepdim).numpy(), x.all(axis=dim, keepdims=keepdim))
    assert t.all(dim).dtype == (backlit.uint8 if kind == "uint8" else backlit.bool)
    np.testing.assert_array_equal(t.count_nonzero(dim).numpy(), np.count_nonzero(x, axis=dim))
    if exact:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, of means without elements
            mean = x.mean(axis=dim, keepdims=keepdim)
        np.testing.assert_allclose(t.mean(dim, keepdim).numpy(), mean, rtol=1e-4, atol=1e-5)
        assert t.mean(dim).dtype == t.dtype


@given(reductions())
def test_gradients_in_all_shapes(case):
    x, dim, keepdim = case
    t = backlit.tensor(x, requires_grad=True)
    assert gradcheck(lambda t: t.sum(dim, keepdim), (t,))
    assert gradcheck(lambda t: t.norm(2, dim, keepdim), (t,))
    count = math.prod(x.shape if dim is None else (x.shape[d] for d in dim))
    if count:
        assert gradcheck(lambda t: t.mean(dim, keepdim), (t,))
        assert gradcheck(lambda t: t.amax(dim if dim else (), keepdim), (t,))
        assert gradcheck(lambda t: backlit.logsumexp(t, dim if dim else (), keepdim), (t,))
    if count > 1:
        assert gradcheck(lambda t: t.std(dim, keepdim=keepdim), (t,))


@given(shapes, st.data())
def test_gradients_add_up_over_broadcast_dimensions(shape, data):
    small_shape = tuple(1 if data.draw(st.booleans()) else n for n in shape)[data.draw(st.integers(0, len(shape))) :]
    g = np.random.default_rng(len(shape)).normal(size=shape)
    small = backlit.zeros(small_shape, dtype=backlit.float64, requires_grad=True)
    (small + backlit.tensor(g)).backward(backlit.tensor(g))
    lead = len(shape) - len(small_shape)
    wide = tuple(lead + i for i, n in enumerate(small_shape) if n == 1)
    expected = g.sum(axis=wide, keepdims=True).sum(axis=tuple(range(lead)))
    np.testing.assert_allclose(small.grad.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, math.inf, -math.inf, -1])
def test_norm_at_zero_and_at_ties(p):
    """Expected numbers from PyTorch 2.13: `x.norm(p)` and its gradient at (1, -2, 0, 2)."""
    expected = {
        0: (3.0, [0.0, 0.0, 0.0, 0.0]),
        0.5: (14.656854249492381, [3.8284271247461903, -2.7071067811865475, 0.0, 2.7071067811865475]),
        1: (5.0, [1.0, -1.0, 0.0, 1.0]),
        1.5: (3.5387186276812526, [0.5315902219056544, -0.7517821014438997, 0.0, 0.7517821014438997]),
        2: (3.0, [1 / 3, -2 / 3, 0.0, 2 / 3]),
        3: (2.571281590658235, [0.15125185827401386, -0.6050074330960554, 0.0, 0.6050074330960554]),
        math.inf: (2.0, [0.0, -0.5, 0.0, 0.5]),
        -math.inf: (0.0, [0.0, 0.0, 0.0, 0.0]),
        -1: (0.0, [0.0, 0.0, 0.0, 0.0]),
    }[p]
    x = backlit.tensor([1.0, -2.0, 0.0, 2.0], dtype=backlit.float64, requires_grad=True)
    length = x.norm(p)
    length.backward()
    assert length.item() == pytest.approx(expected[0])
    assert x.grad.tolist() == pytest.approx(expected[1])
    origin = backlit.zeros(3, requires_grad=True)
    origin.norm(p).backward()
    assert origin.grad.tolist() == [0, 0, 0]


def test_max_shares_ties_evenly_and_max_along_a_dimension_does_not():
    for function in (backlit.max, backlit.amax):
        x = backlit.tensor([[1.0, 5.0], [5.0, 5.0]], requires_grad=True)
        function(x).backward(backlit.tensor(9.0))
        assert x.grad.tolist() == [[0, 3], [3, 3]]
    x = backlit.tensor([[1.0, 5.0], [5.0, 5.0]], requires_grad=True)
    values, indices = x.max(1)
    assert indices.tolist() == [1, 0]
    values.sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]


def test_max_of_two_tensors_is_maximum():
    a, b = backlit.tensor([1.0, 5.0]), backlit.tensor([2.0, 3.0])
    assert backlit.max(a, b).tolist() == [2, 5]
    assert backlit.min(a, b).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("name", "reference"), [("max", jnp.max), ("min", jnp.min), ("median", lambda x, axis: jnp.sort(x, axis)[:, 1])]
)
def test_values_along_a_dimension_agree_with_jax(name, reference):
    beside_jax(lambda t: getattr(t, name)(1).values, lambda t: reference(t, axis=1), X)
    pair = getattr(backlit.tensor(X), name)(1, keepdim=True)
    assert pair.values.shape == pair.indices.shape == (2, 1, 4)
    assert pair.indices.dtype == backlit.int64
    np.testing.assert_array_equal(np.take_along_axis(X, pair.indices.numpy(), 1), pair.values.numpy())
    scalar = getattr(backlit.tensor(2.5), name)(0)
    assert scalar.values.item() == 2.5
    assert scalar.indices.shape == ()


def test_running_extremes_agree_with_jax_and_name_the_last_of_ties():
    for dim in (0, 1, -1):
        beside_jax(lambda t, dim=dim: t.cummax(dim).values, lambda t, dim=dim: lax.cummax(t, dim % 3), X)
        beside_jax(lambda t, dim=dim: t.cummin(dim).values, lambda t, dim=dim: lax.cummin(t, dim % 3), X)
    x = backlit.tensor([1.0, 3.0, 2.0, 3.0, math.nan, 9.0], requires_grad=True)
    values, indices = x.cummax(0)
    assert indices.tolist() == [0, 1, 1, 3, 4, 4]
    assert values.isnan().tolist() == [False] * 4 + [True] * 2
    values.backward(backlit.ones(6))
    assert x.grad.tolist() == [1, 2, 0, 1, 2, 0]
    assert backlit.tensor([3, 1, 1]).cummin(0).indices.tolist() == [0, 1, 2]
    assert backlit.tensor(3.0).cummin(0).values.shape == ()


def test_named_pairs_print_as_in_pytorch():
    pair = backlit.tensor([[1.0, 5.0, 5.0], [2.0, 2.0, 1.0]]).max(1)
    assert repr(pair) == "backlit.return_types.max(\nvalues=tensor([5., 2.]),\nindices=tensor([1, 0]))"


def test_median_is_the_lower_one_and_passes_nan_on():
    x = backlit.tensor([[1.0, 5.0, 5.0], [2.0, 2.0, 1.0]], requires_grad=True)
    x.median().backward()
    assert x.grad.tolist() == [[0, 0, 0], [0.5, 0.5, 0]]
    values, indices = backlit.tensor([[3.0, math.nan, 1.0], [4.0, 1.0, 2.0]]).median(1)
    assert math.isnan(values[0].item())
    assert values[1].item() == 2
    assert indices.tolist() == [1, 2]
    assert backlit.tensor([4, 1, 3, 2]).median().item() == 2
    assert backlit.tensor([4, 1, 3, 2]).kthvalue(3).values.item() == 3


def test_argmax_takes_the_first_of_ties_and_nan_as_the_largest():
    x = backlit.tensor([[1.0, 7.0, 7.0], [0.0, -1.0, -1.0]])
    assert x.argmax().item() == 1
    assert x.argmax(1, keepdim=True).tolist() == [[1], [0]]
    assert x.argmin(-1).tolist() == [0, 1]
    assert x.argmax(keepdim=True).shape == (1, 1)
    assert backlit.tensor([1.0, math.nan]).argmax().item() == 1
    assert backlit.tensor(3.0).argmax(0).item() == 0


def test_std_and_var_where_they_have_no_derivative():
    equal = backlit.tensor([1.0, 1.0], requires_grad=True)
    equal.std().backward()
    assert equal.grad.tolist() == [0, 0]
    single = backlit.tensor([1.0], requires_grad=True)
    single.var().backward()
    assert math.isnan(single.var().item())
    assert math.isnan(single.grad.item())


def test_softmax_neither_overflows_nor_loses_rows():
    x = backlit.tensor([[1e4, 0.0, -1e4], [-math.inf, 0.0, -math.inf]])
    assert x.softmax(1).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert x.log_softmax(1)[0].tolist() == [0, -1e4, -2e4]
    assert backlit.logsumexp(x, 1).tolist() == [1e4, 0]
    assert backlit.logsumexp(backlit.tensor([-math.inf, -math.inf]), 0).item() == -math.inf
    assert backlit.zeros(2, 0).softmax(1).shape == (2, 0)
    assert backlit.tensor(3.0).softmax(0).item() == 1
    assert backlit.softmin(backlit.tensor([0.0, math.log(3.0)]), 0).tolist() == pytest.approx([0.75, 0.25])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1))
def test_softmax_of_short_and_long_rows(rows, columns, dim):
    x = np.random.default_rng(rows).normal(size=(rows, columns))
    e = np.exp(x - x.max(axis=dim, keepdims=True))
    np.testing.assert_allclose(backlit.tensor(x).softmax(dim).numpy(), e / e.sum(axis=dim, keepdims=True), rtol=1e-12)


def test_dtype_converts_first():
    assert backlit.tensor([1, 2]).mean(dtype=backlit.float32).item() == 1.5
    assert backlit.tensor([200, 100], dtype=backlit.uint8).sum().item() == 300
    assert backlit.tensor([1.7, 1.7]).sum(dtype=backlit.int64).item() == 2
    assert backlit.tensor([1, 2]).softmax(0, dtype=backlit.float64).dtype == backlit.float64
    assert backlit.logsumexp(backlit.tensor([1, 2]), 0).dtype == backlit.float32
    assert backlit.full((4,), 60000.0, dtype=backlit.float16).mean().item() == 60000
    assert backlit.tensor([True, True]).cumsum(0).tolist() == [1, 2]
    assert backlit.tensor([2, 3], dtype=backlit.int8).prod().dtype == backlit.int64


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.sum(2), IndexRangeError, r"sum: dim 2 is out of range .* 2 dimensions, expected -2 to 1"),
        (lambda x: x.sum((0, -2)), ArgumentError, r"sum: dim \(0, -2\) names a dimension twice"),
        (lambda x: x.sum("rows"), ArgumentTypeError, "sum: dim must be an integer"),
        (lambda x: x.cumsum(5), IndexRangeError, "cumsum: dim 5"),
        (lambda x: x.softmax(-3), IndexRangeError, "softmax: dim -3"),
        (lambda x: x.long().mean(), DtypeError, "mean: expected a floating-point tensor, got int64"),
        (lambda x: x.long().std(), DtypeError, "std: expected a floating-point"),
        (lambda x: x.long().softmax(0), DtypeError, "softmax: expected a floating-point"),
        (lambda x: x.norm("nuc"), ArgumentError, "'nuc'"),
        (lambda x: x[:0].max(), ShapeError, r"\(0, 3\) is empty"),
        (lambda x: x[:0].max(0), IndexRangeError, "max: dim 0 of shape .* is empty"),
        (lambda x: x[:0].argmin(), ShapeError, "argmin: .* is empty"),
        (lambda x: x.kthvalue(4), ArgumentError, "k must be from 1 to 3"),
        (lambda x: x.kthvalue(1.0), ArgumentTypeError, "integer"),
        (lambda x: x.diff(-1), ArgumentError, "n >= 0"),
    ],
)
def test_errors_say_what_came_and_what_is_expected(call, error, words):
    with pytest.raises(error, match=words):
        call(backlit.zeros(2, 3))


def test_the_comparison_with_jax_catches_faults():
    beside_jax(lambda t: t * t, jnp.square, X)
    with pytest.raises(AssertionError, match="value"):
        beside_jax(lambda t: t * t * 1.000001, jnp.square, X)
    with pytest.raises(AssertionError, match="gradient 0"):
        beside_jax(lambda t: t * t.detach(), jnp.square, X)
    with pytest.raises(AssertionError, match="type float32"):
        beside_jax(lambda t: (t * t).float(), jnp.square, X)
