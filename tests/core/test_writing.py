"""In-place operations: shared memory, version counters, histories through views, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.core.writing import write
from backlit.errors import DtypeError, GradientError, ShapeError


def leaf(*values):
    return backlit.tensor(values, dtype=backlit.float64, requires_grad=True)


def test_views_detached_tensors_and_arrays_share_memory():
    array = np.zeros((2, 3))
    x = backlit.from_numpy(array)
    row, turned, apart = x[0], x.t(), x.detach()
    row.fill_(1)
    apart[1, 2] = 5
    array[1, 0] = 7
    assert x.tolist() == [[1, 1, 1], [7, 0, 5]]
    assert turned.tolist() == [[1, 7], [1, 0], [1, 5]]
    assert x.numpy() is array


def test_the_version_belongs_to_the_memory():
    x = backlit.zeros(3)
    view, apart = x[1:], x.detach()
    assert x._version == 0
    view.add_(1)
    apart.mul_(2)
    assert x._version == view._version == apart._version == 2
    assert x.clone()._version == 0


def test_a_changed_value_that_a_gradient_needs_is_caught_and_named():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(GradientError, match=r"mul.*`add_` changed it"):
        z.backward()


def test_a_changed_result_that_a_gradient_needs_is_caught():
    y = leaf(1.0, 2.0).exp()
    z = y.sum()
    y[0] = 0
    with pytest.raises(GradientError, match="exp: its result"):
        z.backward()
    assert y.sum().requires_grad


def test_a_change_that_no_gradient_needs_is_allowed():
    x = leaf(1.0, 2.0)
    y = x + 1
    z = (y + 1).sum()
    y.mul_(10)
    z.backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_write_gives_the_target_the_sources_history():
    x = leaf(1.0, 2.0)
    y = backlit.zeros(2, dtype=backlit.float64)
    y.copy_(x * 3)
    (y * y).sum().backward()
    assert x.grad.tolist() == [18.0, 36.0]


def test_gradients_flow_through_a_write_to_a_view():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    view = base[1:]
    other = base[0:2]
    view.mul_(10)
    assert base.tolist() == [1.0, 20.0, 30.0]
    (other.sum() + (view * view).sum()).backward()
    assert x.grad.tolist() == [1.0, 10 + 2 * 20 * 10, 2 * 30 * 10]


def test_a_write_through_a_view_of_a_view():
    x = leaf(*range(6))
    base = (x * 1).reshape(2, 3)
    base.t()[1].copy_(backlit.zeros(2, dtype=backlit.float64))
    (base * base).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 4.0, 6.0, 0.0, 10.0]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["mul", "add", "set"])), min_size=1, max_size=6))
def test_a_sequence_of_writes_has_the_gradient_of_the_same_program_without_writes(steps):
    scale = backlit.tensor([2.0, 3.0], dtype=backlit.float64, requires_grad=True)
    x = leaf(1.0, 2.0, 3.0, 4.0, 5.0)
    written = x * 1
    pure = x * 1
    for start, kind in steps:
        view = written[start : start + 2]
        part = pure[start : start + 2]
        if kind == "mul":
            view.mul_(scale)
            part = part * scale
        elif kind == "add":
            view.add_(scale)
            part = part + scale
        else:
            written[start : start + 2] = scale
            part = scale
        pure = backlit.cat([pure[:start], part, pure[start + 2 :]])
    expected = backlit.autograd.grad((pure**2).sum(), [x, scale])
    found = backlit.autograd.grad((written**2).sum(), [x, scale])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-12)


def test_leaves_are_written_only_where_nothing_is_taped():
    x = leaf(1.0, 2.0)
    for attempt in (lambda: x.add_(1), lambda: x[0].fill_(3), lambda: x.__setitem__(0, 3.0)):
        with pytest.raises(GradientError, match="no_grad"):
            attempt()
    assert x.tolist() == [1.0, 2.0]
    assert x._version == 0
    with backlit.no_grad():
        x.add_(1)
    x.detach().add_(1)
    assert x.tolist() == [3.0, 4.0]
    assert x.is_leaf


def test_a_write_that_does_not_fit_changes_nothing():
    x = backlit.zeros(2, 3)
    with pytest.raises(ShapeError, match="cannot be put into"):
        x.add_(backlit.ones(4, 2, 3))
    with pytest.raises(DtypeError, match="int64"):
        backlit.zeros(2, dtype=backlit.int64).add_(1.5)
    assert x._version == 0
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_an_expanded_tensor_and_a_read_only_array_are_not_written():
    locked = np.zeros(3)
    locked.setflags(write=False)
    for target in (backlit.zeros(1).expand(3), backlit.from_numpy(locked)):
        with pytest.raises(ShapeError, match="clone"):
            target.fill_(1)


def test_data_writes_are_not_counted_as_in_pytorch():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    x.data.mul_(3)
    assert x._version == 0
    y.backward()
    assert x.grad.tolist() == [6.0, 12.0]
    x.data = backlit.zeros(3, dtype=backlit.float64)
    assert x.shape == (3,)


def test_a_write_that_forgets_the_version_would_be_seen(monkeypatch):
    from backlit.core import writing

    monkeypatch.setattr(writing, "wrote", lambda storage, operation: None)
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()
    write(y, backlit.zeros(2, dtype=backlit.float64), "planted")
    z.backward()
    assert x.grad.tolist() != [8.0, 16.0], "the planted fault gives a wrong gradient, unnoticed"
