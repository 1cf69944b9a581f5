"""A node's page: a node needs only its inputs, its local derivative and what arrives."""

import pytest

import backlit
from backlit import nn, view
from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.view.theme import THEMES
from tests.view.programs import leaf, sum_times

GOLDEN = """\
q: add
  value                  3
  shape                  scalar
  formula                x + y
  role                   distributes
  input x                −2
  input y                5
  local derivative by x  1
  local derivative by y  1
  arrived                −4
  left to x              −4
  left to y              −4"""


def rows(page):
    return {row.what: row.said for row in page.rows}


def test_the_lectures_node():
    named = sum_times()
    page = view.node(named["q"], named["f"], named)
    assert page.text == str(page) == repr(page) == GOLDEN
    assert view.node(named["q"], names=named).text == GOLDEN


def test_a_value_used_twice_tells_what_each_use_sent():
    x = leaf(1.0)
    with backlit.record():
        u = x * 4
        v = x * 2
        f = u + v
        f.backward()
    found = rows(view.node(x, f))
    assert (found["arrives from u"], found["arrives from v"], found["arrived in all"]) == ("4", "2", "6")


def test_ties_and_kinks_are_named():
    with backlit.record():
        m = backlit.maximum(leaf(3.0), leaf(3.0))
        r = leaf(0.0, 1.0).relu()
    assert rows(view.node(m))["no derivative"] == "1 element is exactly at a tie: there the gradient is a convention"
    assert rows(view.node(r))["no derivative"].startswith("1 element is exactly at a kink:")
    assert rows(view.node(r))["local derivative by t1"] == "[0, 1]"
    assert "no derivative" not in rows(view.node(sum_times()["q"]))


def test_ties_of_a_reduction_are_counted():
    x = backlit.tensor([[3.0, 1.0, 3.0], [2.0, 5.0, 4.0], [0.0, 0.0, 7.0]], requires_grad=True)
    with backlit.record():
        results = [x.max(), x.amax(1), x.max(1).values, x.min(dim=1).values, x.amin(), x[:, :1].amax(1), x.amin((0, 1))]
    assert [view.node(result).node.kinks for result in results] == [0, 1, 1, 1, 1, 0, 1]
    assert "at a tie" in view.graph(results[1].sum()).svg


def test_a_matrix_of_derivatives_is_told_by_its_rule():
    layer = nn.Sequential(nn.Linear(3, 2))
    x = backlit.ones(4, 3, requires_grad=True)
    with backlit.record():
        z = layer(x)
    found = rows(view.node(z))
    assert found["local derivative by x"] == "a matrix for each element; it acts as arrived 0.weight"
    assert found["module"] == "0"
    assert found["arrived"] == "backward not run"


def test_leaves_and_tensors_without_gradients():
    assert rows(view.node(leaf(2.0)))["arrived"] == "backward not run"
    assert rows(view.node(backlit.tensor([1])))["gradient"] == "takes none: it has requires_grad=False"
    unrecorded = rows(view.node(leaf(2.0) * 3))
    assert unrecorded["arrived"] == unrecorded["input t1"] == "not recorded"


def test_settings_are_shown_and_html_is_escaped():
    x = leaf(1.0, 2.0)
    page = view.node(x.clamp(0, 5), names={"a<b": x})
    assert "settings" not in rows(page)
    assert rows(view.node(x.sum(dim=0)))["settings"].startswith("dim = ")
    assert "a&lt;b" in page.html
    assert THEMES["dark"].ground in view.node(x, theme="dark").html


def test_bad_input():
    f = sum_times()["f"]
    with pytest.raises(ArgumentError, match=r"the tensor of shape \(\) is not in the graph of `loss`"):
        view.node(leaf(1.0), f)
    with pytest.raises(ArgumentTypeError, match=r"view\.node: expected a tensor"):
        view.node(1.0, f)
    with pytest.raises(ArgumentTypeError, match=r"view\.node: expected a tensor"):
        view.node(1.0)
