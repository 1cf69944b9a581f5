"""Views share the memory of their base, copies do not; the version counter belongs to the memory."""

import numpy as np
import pytest

import backlit
from backlit.errors import GradientError, ShapeError

VIEWS = {
    "slice": lambda x: x[1:],
    "negative step": lambda x: x[::-1],
    "integer": lambda x: x[1],
    "single element": lambda x: x[1, 2],
    "tensor without dimensions": lambda x: x[backlit.tensor(1)],
    "None": lambda x: x[None],
    "reshape": lambda x: x.reshape(2, 6),
    "view": lambda x: x.view(-1),
    "flatten": lambda x: x.flatten(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "transpose": lambda x: x.transpose(0, 1),
    "T": lambda x: x.T,
    "permute": lambda x: x.permute(1, 0),
    "squeeze": lambda x: x.squeeze(),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "expand": lambda x: x.expand(2, 3, 4),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(1, 2),
    "split": lambda x: x.split(2)[1],
    "chunk": lambda x: x.chunk(2, 1)[1],
    "unbind": lambda x: x.unbind()[2],
    "diagonal": lambda x: x.diagonal(1),
    "detach": lambda x: x.detach(),
    "view of a view": lambda x: x.t()[1:].unsqueeze(0)[..., ::2],
}
COPIES = {
    "reshape of a transpose": lambda x: x.t().reshape(-1),
    "contiguous of a transpose": lambda x: x.t().contiguous(),
    "list": lambda x: x[[0, 1]],
    "mask": lambda x: x[x >= 0],
    "flip": lambda x: x.flip(0),
    "roll": lambda x: x.roll(0),
    "repeat": lambda x: x.repeat(1, 1),
    "tile": lambda x: x.tile(1),
    "rot90": lambda x: x.rot90(4),
    "diag": lambda x: backlit.diag(x),
    "tril": lambda x: x.tril(10),
    "cat": lambda x: backlit.cat([x]),
    "stack": lambda x: backlit.stack([x]),
    "index_select": lambda x: x.index_select(0, backlit.arange(3)),
    "gather": lambda x: x.gather(0, backlit.zeros(3, 4, dtype=backlit.int64)),
    "masked_fill": lambda x: x.masked_fill(x < 0, 1.0),
    "clone": lambda x: x.clone(),
}


def base():
    return backlit.arange(12.0).reshape(3, 4).clone()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shares_memory_and_version(name):
    x = base()
    view = VIEWS[name](x)
    assert np.shares_memory(x.numpy(), view.numpy())
    x.add_(100)
    assert view.min() >= 100
    assert view._version == x._version == 1


@pytest.mark.parametrize("name", sorted(VIEWS.keys() - {"expand"}))
def test_a_write_to_a_view_reaches_the_base(name):
    x = base()
    view = VIEWS[name](x)
    view.add_(100)
    assert sum(v >= 100 for v in x.flatten().tolist()) == view.numel()
    assert view._version == x._version == 1


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_has_memory_of_its_own(name):
    x = base()
    copy = COPIES[name](x)
    assert not np.shares_memory(x.numpy(), copy.numpy())
    copy.add_(100)
    assert x.tolist() == base().tolist()
    assert (copy._version, x._version) == (1, 0)


def test_an_expanded_tensor_is_not_written():
    with pytest.raises(ShapeError, match="clone"):
        base().expand(2, 3, 4).add_(1)


def test_view_refuses_to_copy_where_reshape_copies():
    x = base().t()
    with pytest.raises(ShapeError, match=r"view: .*\(4, 3\).*reshape"):
        x.view(12)
    assert x.reshape(12).tolist() == x.numpy().reshape(12).tolist()


def test_contiguous_gives_the_tensor_itself_where_it_is():
    x = base()
    assert x.contiguous() is x


@pytest.mark.parametrize("change", [lambda x: x.t(), lambda x: x[:, ::2], lambda x: x[:, 1], lambda x: x[:, :1]])
def test_contiguous_puts_elements_in_row_major_order(change):
    x = change(base())
    assert not x.is_contiguous()
    assert x.contiguous().is_contiguous()
    assert x.contiguous().view(-1).tolist() == x.numpy().ravel().tolist()


def test_memory_of_numpy_is_shared_through_views():
    array = np.zeros((2, 3))
    backlit.from_numpy(array)[1].fill_(7.0)
    assert array.tolist() == [[0.0] * 3, [7.0] * 3]


def test_writing_to_a_view_that_a_gradient_needs_names_the_write():
    x = base().requires_grad_()
    y = x * 1
    z = y * y
    y[0].mul_(2)
    with pytest.raises(GradientError, match=r"mul: input .*`mul_` changed it"):
        z.sum().backward()


def test_old_values_are_kept_for_an_in_place_product():
    x = backlit.tensor([2.0, 3.0], requires_grad=True)
    y = backlit.tensor([5.0, 7.0], requires_grad=True)
    z = x.clone()
    z.mul_(y).mul_(y)
    z.sum().backward()
    assert x.grad.tolist() == [25.0, 49.0]
    assert y.grad.tolist() == [2 * 2 * 5.0, 2 * 3 * 7.0]


def test_gradients_of_gradients_through_a_write():
    x = backlit.tensor([2.0, 3.0], dtype=backlit.float64, requires_grad=True)

    def program(x):
        y = x * x
        y[0].mul_(x[1])
        y[1:] = y[:1].clone() * x[:1]
        return y.sum()

    assert backlit.autograd.gradcheck(program, (x,))
    assert backlit.autograd.gradgradcheck(program, (x,))
