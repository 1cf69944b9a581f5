"""Functions of the user's own: what they keep, what they give back, what they may not do."""

import weakref

import numpy as np
import pytest

import backlit
from backlit.autograd import Function, grad, gradcheck, gradgradcheck, once_differentiable
from backlit.errors import ArgumentTypeError, GradientError, ShapeError


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


class Exp(Function):
    @staticmethod
    def forward(ctx, x, scale):
        result = (x * scale).exp()
        ctx.save_for_backward(result)
        ctx.scale = scale
        return result

    @staticmethod
    def backward(ctx, g):
        (result,) = ctx.saved_tensors
        return g * result * ctx.scale, None


class Product(Function):
    """PyTorch's newer form: a forward without ctx."""

    @staticmethod
    def forward(x, y):
        return x * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * y if ctx.needs_input_grad[0] else None, g * x if ctx.needs_input_grad[1] else None


def test_gradients_and_their_gradients():
    assert gradcheck(lambda x: Exp.apply(x, 2.0), leaf(0.1, 0.5))
    assert gradgradcheck(lambda x: Exp.apply(x, 2.0), leaf(0.1, 0.5))
    assert gradgradcheck(Product.apply, [leaf(1.0, 2.0), leaf(3.0, 4.0)])


def test_only_gradients_that_are_needed():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0).detach()
    out = Product.apply(x, y)
    assert repr(out.grad_fn) == "<ProductBackward>"
    out.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    assert not Product.apply(y, y).requires_grad
    with backlit.no_grad():
        assert not Product.apply(x, y).requires_grad


class Split(Function):
    @staticmethod
    def forward(ctx, x, materialize):
        rank = (x * 10).long()
        low = x * 1
        ctx.set_materialize_grads(materialize)
        ctx.mark_non_differentiable(low)
        return x * 2, x * 3, low, rank

    @staticmethod
    def backward(ctx, *grads):
        first, second = grads[:2]
        Split.seen = [one is None for one in grads]
        total = sum(k * one for k, one in ((2, first), (3, second)) if one is not None)
        return total, None


def test_several_results():
    x = leaf(1.0)
    first, second, low, rank = Split.apply(x, True)
    assert [t.requires_grad for t in (first, second, low, rank)] == [True, True, False, False]
    second.sum().backward()
    assert x.grad.item() == 3.0
    assert Split.seen == [False] * 4
    Split.apply(x, False)[0].sum().backward()
    assert x.grad.item() == 5.0
    assert Split.seen == [False, True, True, True]


class Through(Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 10


def test_an_input_that_is_passed_through_becomes_a_result_of_its_own():
    x = leaf(1.0)
    out = Through.apply(x)
    assert out is not x
    out.backward()
    assert x.grad.item() == 10.0


class AddOne(Function):
    @staticmethod
    def forward(ctx, x):
        x.add_(1)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 7


def test_a_change_in_place():
    x = leaf(1.0)
    y = x * 1
    assert AddOne.apply(y) is y
    y.backward()
    assert (y.item(), x.grad.item()) == (2.0, 7.0)


def test_what_was_saved_is_guarded_and_released():
    x = leaf(1.0, 2.0)
    y = x * 1
    out = Product.apply(y, y)
    y.add_(1)
    with pytest.raises(GradientError, match=r"Product.*add_"):
        out.sum().backward()
    z = x * 1
    value = weakref.ref(z)
    out = Product.apply(z, z)
    del z
    assert value() is not None
    out.sum().backward()
    assert value() is None
    with pytest.raises(GradientError, match="retain_graph"):
        out.sum().backward()


def test_memory_that_a_user_holds_is_not_added_to():
    held = backlit.ones(1, dtype=backlit.float64)

    class Constant(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return held

    x = leaf(5.0)
    for _ in range(3):
        Constant.apply(x).backward()
    assert held.tolist() == [1.0]
    assert x.grad.tolist() == [3.0]


class Once(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return backlit.from_numpy(2 * x.detach().numpy() * g.detach().numpy())


def test_a_backward_outside_of_differentiable_operations_says_so():
    x = leaf(3.0)
    assert grad(Once.apply(x), x)[0].item() == 6.0
    (slope,) = grad(Once.apply(x), x, create_graph=True)
    assert slope.item() == 6.0
    with pytest.raises(GradientError, match="once_differentiable"):
        grad(slope, x)


@pytest.mark.parametrize(
    ("returned", "error", "words"),
    [
        (lambda g: (g, g), GradientError, "2 gradients for 1 inputs"),
        (lambda g: (), GradientError, "0 gradients"),
        (lambda g: g.sum(), ShapeError, "shape"),
        (lambda g: 3.0, ArgumentTypeError, "tensor or None"),
    ],
)
def test_a_wrong_backward_is_named(returned, error, words):
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return returned(g)

    with pytest.raises(error, match=f"Wrong.backward.*{words}"):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_a_wrong_gradient_is_caught():
    class Wrong(Exp):
        @staticmethod
        def backward(ctx, g):
            return Exp.backward(ctx, g)[0] * 2, None

    with pytest.raises(GradientError, match="gradcheck"):
        gradcheck(lambda x: Wrong.apply(x, 2.0), leaf(0.1, 0.5))


def test_a_function_is_one_place_in_a_recording():
    with backlit.record() as recording:
        Exp.apply(leaf(0.0), 2.0).backward()
    first = recording.bindings[0]
    assert first.primitive.name == "Exp"
    assert first.record.outputs[0].array.tolist() == [1.0]
    assert np.asarray(first.record.left[0]).tolist() == [2.0]


def test_what_is_saved_must_be_a_tensor():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)

    with pytest.raises(ArgumentTypeError, match="attributes of ctx"):
        Wrong.apply(leaf(1.0))
