"""PyTorch's `out=`."""

import pytest

import backlit
from backlit.errors import ArgumentTypeError, DtypeError, GradientError, ShapeError


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "matmul", "mm"])
def test_a_result_is_put_into_out(name):
    function = getattr(backlit, name)
    x, y = backlit.tensor([[1.0, 2.0], [3.0, 5.0]]), backlit.tensor([[2.0, 4.0], [8.0, 1.0]])
    base = backlit.zeros(4)
    out = base.view(2, 2)
    assert function(x, y, out=out) is out
    assert base.tolist() == function(x, y).reshape(-1).tolist()


def test_the_result_keeps_the_type_of_out():
    out = backlit.zeros(2, dtype=backlit.float64)
    assert backlit.add(backlit.ones(2), 1, out=out).dtype == backlit.float64


def test_what_out_cannot_take_is_refused_and_left_alone():
    x = backlit.ones(2)
    out = backlit.zeros(3)
    with pytest.raises(ShapeError, match=r"add: out has shape \(3,\), the result \(2,\)"):
        backlit.add(x, x, out=out)
    assert out.tolist() == [0, 0, 0]
    with pytest.raises(DtypeError, match="mul"):
        backlit.mul(x, x, out=backlit.zeros(2, dtype=backlit.int64))
    with pytest.raises(ArgumentTypeError, match="sub: expected a tensor for out, got list"):
        backlit.sub(x, x, out=[0.0, 0.0])
    leaf = backlit.ones(2, requires_grad=True)
    for arguments, out in (((leaf, x), backlit.zeros(2)), ((x, x), leaf)):
        with pytest.raises(GradientError, match="div: out= takes no part in gradients"):
            backlit.div(*arguments, out=out)
    with backlit.no_grad():
        backlit.div(leaf, x, out=leaf)
