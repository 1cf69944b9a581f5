"""`grad`, the functional derivatives and the gradient checkers, against JAX and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backlit
from backlit.autograd import functional, grad, gradcheck, gradgradcheck
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError
from backlit.testing import assert_close


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


X, Y = np.array([0.3, -1.2, 2.0]), np.array([1.5, 0.2, -0.7])


def two(xp):
    """A function of two vectors with a vector and a number as results, for backlit and for JAX."""
    return lambda x, y: (xp.sin(x) * y, (x * x * y).sum())


def number(xp):
    return lambda x, y: (xp.exp(x) * xp.sin(y)).sum() * x[0]


def tensors():
    return backlit.from_numpy(X.copy()), backlit.from_numpy(Y.copy())


def same(found, expected):
    """Whether nested tuples of tensors hold the numbers of nested tuples of JAX's arrays."""
    if isinstance(expected, (tuple, list)):
        assert isinstance(found, tuple)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=1e-12, atol=1e-12)


def test_jacobian():
    same(functional.jacobian(two(backlit), tensors()), jax.jacobian(two(jnp), (0, 1))(X, Y))


def test_hessian():
    same(functional.hessian(number(backlit), tensors()), jax.hessian(number(jnp), (0, 1))(X, Y))


def test_products_with_vectors():
    x, y = tensors()
    v = (backlit.from_numpy(Y.copy()), backlit.from_numpy(X.copy()))
    value, pushed = functional.jvp(two(backlit), (x, y), v)
    expected = jax.jvp(two(jnp), (X, Y), (Y, X))
    same(value, expected[0])
    same(pushed, expected[1])
    weights = (backlit.from_numpy(Y.copy()), backlit.tensor(2.0, dtype=backlit.float64))
    _, pulled = functional.vjp(two(backlit), (x, y), weights)
    same(pulled, jax.vjp(two(jnp), X, Y)[1]((jnp.asarray(Y), jnp.asarray(2.0))))
    slope = jax.grad(number(jnp), (0, 1))
    for product in (functional.hvp, functional.vhp):
        value, found = product(number(backlit), (x, y), v)
        same(value, number(jnp)(X, Y))
        same(found, jax.jvp(slope, (X, Y), (Y, X))[1])


def test_a_wrong_expectation_is_caught():
    with pytest.raises(AssertionError):
        same(functional.hessian(number(backlit), tensors()), jax.hessian(lambda x, y: (x * y).sum(), (0, 1))(X, Y))


def test_single_tensors_come_back_single_and_nothing_of_the_callers_changes():
    x = leaf(1.0, 2.0)
    found = functional.jacobian(lambda t: t**2, x)
    assert found.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert not found.requires_grad
    assert x.grad is None
    assert functional.vjp(lambda t: (t**2).sum(), x)[1].tolist() == [2.0, 4.0]
    assert functional.jvp(lambda t: t**2, leaf(3.0))[1].item() == 6.0
    assert functional.jacobian(lambda t: t[:0], x).shape == (0, 2)


def test_derivatives_that_can_be_differentiated():
    x = leaf(1.0, 2.0)
    found = functional.jacobian(lambda t: t**3, x, create_graph=True)
    assert grad(found.sum(), x)[0].tolist() == [6.0, 12.0]


def test_independence_is_zeros_or_with_strict_an_error():
    x, y = tensors()
    found = functional.jacobian(lambda a, b: a * 2, (x, y))
    assert found[1].abs().sum().item() == 0
    assert functional.hessian(lambda a: a.sum(), x).abs().sum().item() == 0
    with pytest.raises(GradientError, match="input 1"):
        functional.jacobian(lambda a, b: a * 2, (x, y), strict=True)


def test_bad_requests_of_functional():
    x, _ = tensors()
    with pytest.raises(ArgumentTypeError, match="jacobian: inputs"):
        functional.jacobian(lambda t: t, 3.0)
    with pytest.raises(ArgumentTypeError, match="returns"):
        functional.jacobian(lambda t: 3.0, x)
    with pytest.raises(ShapeError, match="single number"):
        functional.hessian(lambda t: t, x)
    with pytest.raises(ShapeError, match="v has shapes"):
        functional.jvp(lambda t: t, x, backlit.ones(2))
    with pytest.raises(ArgumentError, match="left out"):
        functional.vjp(lambda t: t, x)


def test_grad_gives_and_leaves_alone():
    x, y = leaf(2.0), leaf(3.0)
    middle = x * y
    found = grad(middle * middle, [x, middle, y])
    assert [one.item() for one in found] == [2 * 6 * 3, 12.0, 2 * 6 * 2]
    assert x.grad is y.grad is None
    assert grad([x * 2, x * 3], x, [backlit.ones(1), None])[0].item() == 5.0


def test_grad_of_inputs_that_are_not_used():
    x, y = leaf(2.0), leaf(3.0)
    with pytest.raises(GradientError, match=r"input 1.*allow_unused"):
        grad(x * 2, [x, y])
    assert grad(x * 2, [x, y], allow_unused=True)[1] is None
    assert grad(x * 2, [x, y], materialize_grads=True)[1].item() == 0.0
    with pytest.raises(GradientError, match=r"input 0.*requires_grad=False"):
        grad(x * 2, x.detach())
    with pytest.raises(ArgumentError, match="1 tensors but 2 gradients"):
        grad(x * 2, x, [backlit.ones(1), backlit.ones(1)])
    with pytest.raises(ArgumentTypeError, match="tensor"):
        grad(3.0 * x, [4.0])


def test_backward_of_several():
    x = leaf(2.0)
    backlit.autograd.backward([x * 2, x * 3])
    assert x.grad.item() == 5.0
    backlit.autograd.backward(x * 2, backlit.tensor([10.0], dtype=backlit.float64))
    assert x.grad.item() == 25.0


def test_the_checkers():
    x, y = leaf(0.5, 1.5), leaf(2.0)
    assert gradcheck(lambda a, b: (a * b, a.exp()), [x, y])
    assert gradgradcheck(lambda a, b: (a * b, a.exp()), [x, y])
    assert gradgradcheck(lambda a: a**3, x, backlit.ones(2, dtype=backlit.float64, requires_grad=True))
    assert gradcheck(lambda a: a[:0], x)
    with pytest.raises(ArgumentError, match="none of the inputs"):
        gradcheck(lambda a: a, backlit.ones(1))


def test_a_checker_tells_of_kinks():
    with pytest.raises(GradientError, match="relu has no derivative there"):
        gradcheck(lambda a: a.relu(), leaf(0.0, 1.0))
    assert not gradcheck(lambda a: a.relu(), leaf(0.0, 1.0), raise_exception=False)
    assert gradcheck(lambda a: a.relu(), leaf(-0.5, 1.0))


def test_a_wrong_second_gradient_is_caught():
    class Wrong(backlit.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x.detach()

    assert gradcheck(Wrong.apply, leaf(2.0))
    with pytest.raises(GradientError, match="the rule gives"):
        gradgradcheck(Wrong.apply, leaf(2.0))


def test_assert_close_as_pytorch_has_it():
    x = backlit.tensor([1.0, 2.0, 3.0])
    assert_close(x, x + 1e-6)
    assert_close({"a": [x, 1.0, None]}, {"a": [x, 1.0, None]})
    assert_close(backlit.tensor(float("nan")), backlit.tensor(float("nan")), equal_nan=True)
    with pytest.raises(AssertionError, match=r"1 / 3 \(33.3%\)[^$]*at index \(2,\)"):
        assert_close(x, backlit.tensor([1.0, 2.0, 4.0]))
    with pytest.raises(AssertionError, match=r"item \['a'\]\[1\]"):
        assert_close({"a": [x, 1.0]}, {"a": [x, 2.0]})
    with pytest.raises(AssertionError, match="dtype"):
        assert_close(x, x.double())
    assert_close(x, x.double(), check_dtype=False)
    with pytest.raises(AssertionError, match="shape"):
        assert_close(x, x[:2])
    with pytest.raises(AssertionError, match=r"^mine$"):
        assert_close(x, x + 1, msg="mine")
    with pytest.raises(AssertionError, match="keys"):
        assert_close({"a": 1}, {"b": 1})
    with pytest.raises(AssertionError, match="length"):
        assert_close([1], [1, 2])
    with pytest.raises(AssertionError, match="None"):
        assert_close(None, 1)
    with pytest.raises(ArgumentError, match="both"):
        assert_close(x, x, rtol=1.0)


@pytest.mark.parametrize("check", ["jacobian", "hessian", "vjp"])
def test_what_is_no_function_is_refused(check):
    with pytest.raises(ArgumentTypeError, match="expected a function of tensors, got int"):
        getattr(functional, check)(3, backlit.ones(2, dtype=backlit.float64))
    with pytest.raises(ArgumentTypeError, match="expected a function of tensors, got int"):
        gradcheck(3, backlit.ones(2, dtype=backlit.float64, requires_grad=True))
