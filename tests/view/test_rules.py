"""Gradient rules read off their own tape: the lecture's matrix formulas, whatever the operation's code is."""

import pytest

import backlit
from backlit import nn
from backlit.nn.functional.pool_windows import sum_of_windows
from backlit.view.rules import Rule, shape_brackets, symbolic_rule, written_rule
from backlit.view.symbols import in_text, symbol
from tests.view.programs import flow_of


def uniform(*shape):
    return (backlit.arange(1, 1 + int(backlit.tensor(shape).prod())) / 10.0).double().reshape(shape).requires_grad_()


def rules(operation, names, *inputs):
    """The rule for each input, as formula and shapes."""
    with backlit.record():
        result = operation(*inputs)
    binding = flow_of(result).out.source.binding
    found = [written_rule(binding, i, names, "dJ/dz", "z") for i in range(len(inputs))]
    return [(rule.formula, rule.shapes) for rule in found]


def test_a_layer():
    assert rules(nn.functional.linear, ["a", "W", "b"], uniform(4, 3), uniform(2, 3), uniform(2)) == [
        ("dJ/dz W", "(4 × 2) (2 × 3)"),
        ("dJ/dz' a", "(4 × 2)' (4 × 3)"),
        ("sum dJ/dz", "sum (4 × 2)"),
    ]


def test_a_convolution():
    def convolution(x, w, b):
        return nn.functional.conv2d(x, w, b, stride=2, padding=1)

    assert rules(convolution, ["x", "W", "b"], uniform(2, 3, 5, 5), uniform(4, 3, 3, 3), uniform(4)) == [
        ("sum of windows(dJ/dz W)", "sum of windows((2 × 4 × 3 × 3) (4 × 3 × 3 × 3))"),
        ("windows(x) dJ/dz", "windows(2 × 3 × 5 × 5) (2 × 4 × 3 × 3)"),
        ("sum dJ/dz", "sum (2 × 4 × 3 × 3)"),
    ]
    upward = nn.functional.conv_transpose1d
    assert rules(upward, ["x", "W", "b"], uniform(2, 3, 5), uniform(3, 4, 2), uniform(4))[:2] == [
        ("windows(dJ/dz) W", "windows(2 × 4 × 6) (3 × 4 × 2)"),
        ("x windows(dJ/dz)", "(2 × 3 × 5) windows(2 × 4 × 6)"),
    ]


def test_pools():
    assert rules(lambda x: nn.functional.max_pool2d(x, 2), ["x"], uniform(1, 2, 4, 4)) == [
        (
            "dJ/dz where x = max of windows(x), else 0",
            "(1 × 2 × 2 × 2) where (1 × 2 × 4 × 4) = max of windows(1 × 2 × 4 × 4), else 0",
        )
    ]
    assert rules(lambda x: sum_of_windows.bind(x, over=((2, 2, 1),)), ["x"], uniform(3, 4)) == [
        (
            "sum of dJ/dz over the windows that an element is in",
            "sum of (3 × 2) over the windows that an element is in",
        )
    ]


def test_a_product():
    assert rules(backlit.matmul, ["A", "B"], uniform(4, 3), uniform(3, 2)) == [
        ("dJ/dz B'", "(4 × 2) (3 × 2)'"),
        ("A' dJ/dz", "(4 × 3)' (4 × 2)"),
    ]


def test_a_vector_is_a_column():
    assert rules(backlit.matmul, ["W", "a"], uniform(2, 3), uniform(3)) == [
        ("dJ/dz a'", "(2) (3)'"),
        ("W' dJ/dz", "(2 × 3)' (2)"),
    ]
    assert rules(backlit.matmul, ["a", "W"], uniform(3), uniform(3, 2)) == [
        ("W dJ/dz", "(3 × 2) (2)"),
        ("a dJ/dz'", "(3) (2)'"),
    ]
    assert rules(nn.functional.linear, ["a", "W", "b"], uniform(3), uniform(2, 3), uniform(2)) == [
        ("W' dJ/dz", "(2 × 3)' (2)"),
        ("dJ/dz a'", "(2) (3)'"),
        ("dJ/dz", "(2)"),
    ]
    # A column by a matrix is no product of matrices.
    assert rules(backlit.mul, ["a", "b"], uniform(2, 1), uniform(2, 3))[1] == ("dJ/dz ⊙ a", "(2 × 3) ⊙ (2 × 1)")


def test_a_number_scales():
    assert rules(backlit.dot, ["a", "b"], uniform(3), uniform(3))[0] == ("dJ/dz · b", "1 · (3)")
    x = uniform(3)
    with backlit.record():
        z = backlit.dot(x, x)
    # What arrives at the result is 1, and left out.
    assert written_rule(flow_of(z).out.source.binding, 0, ["a", "a"], "1", "z") == Rule("a", "(3)")


def test_one_number_for_each_element():
    assert rules(backlit.sum, ["a"], uniform(2, 3)) == [("dJ/dz · ones", "1 · (2 × 3)")]
    assert rules(backlit.mean, ["a"], uniform(4)) == [("(dJ/dz · 1/4) · ones", "(1 · 1/4) · (4)")]
    with backlit.record():
        total, mean = uniform(3).sum(), uniform(3).mean()
    found = [written_rule(flow_of(z).out.source.binding, 0, ["a"], "1", "z") for z in (total, mean)]
    assert found == [Rule("ones", "(3)"), Rule("1/3 · ones", "1/3 · (3)")]


def test_what_is_spread_is_repeated():
    assert rules(lambda a: a.sum(1), ["a"], uniform(3, 4)) == [
        ("dJ/dz repeated 4 times along dim 1", "(3 × 1) repeated 4 times along dim 1")
    ]
    assert rules(lambda a: a.mean(0), ["a"], uniform(2, 4))[0][0] == "(dJ/dz · 1/2) repeated 2 times along dim 0"
    assert rules(lambda a: a.logsumexp(1), ["a"], uniform(3, 4))[0][0] == "dJ/dz ⊙ exp(a − z)"
    assert rules(lambda a: a.norm(), ["a"], uniform(3)) == [("a · (dJ/dz / z)", "(3) · (1 / 1)")]


def test_what_is_picked_gets_all():
    where = ("dJ/dz where a = max a, else 0", "(3) where (3 × 4) = max (3 × 4), else 0")
    assert rules(lambda a: a.amax(1), ["a"], uniform(3, 4)) == [where]
    assert rules(lambda a: a.max(1).values, ["a"], uniform(3, 4)) == [where]
    assert rules(lambda a: a.amax(), ["a"], uniform(2) * 0) == [
        ("dJ/dz where a = max a, else 0 (a tie: by convention)", "1 where (2) = max (2), else 0 (a tie: by convention)")
    ]
    # Of a running maximum one element may get several.
    with backlit.record():
        running = uniform(3).cummax(0).values
    assert written_rule(flow_of(running).out.source.binding, 0, ["a"], "dJ/dz", "z") is None


def softmax_rule(operation, backward=True, change=1):
    a = uniform(2, 3)
    with backlit.record():
        z = operation(a, 1)
        if backward:
            (z * a.detach()).sum().backward()
    binding = flow_of(z).out.source.binding
    binding.record.outputs[0].array[...] *= change
    return written_rule(binding, 0, ["a"], "g", "z")


def test_softmaxes_in_short():
    assert softmax_rule(backlit.softmax) == Rule(
        "z ⊙ (g − sum (g ⊙ z))", "(2 × 3) ⊙ ((2 × 3) − sum ((2 × 3) ⊙ (2 × 3)))"
    )
    assert softmax_rule(backlit.log_softmax) == Rule("g − exp(z) ⊙ sum g", "(2 × 3) − exp(2 × 3) ⊙ sum (2 × 3)")
    # It is compared with what backward found: without that, or where it differs, it is not told.
    assert softmax_rule(backlit.softmax, backward=False) is None
    assert softmax_rule(backlit.softmax, change=1.1) is None


def test_broadcasting_sums():
    assert rules(backlit.mul, ["a", "b"], uniform(2, 3), uniform(3)) == [
        ("dJ/dz ⊙ b", "(2 × 3) ⊙ (3)"),
        ("sum (dJ/dz ⊙ a)", "sum ((2 × 3) ⊙ (2 × 3))"),
    ]


def cross_entropy_rule(arriving="dJ/dz", labels=(0, 1, 2, 0), **settings):
    with backlit.record():
        loss = nn.functional.cross_entropy(uniform(4, 3), backlit.tensor(labels), **settings)
    return written_rule(flow_of(loss).out.source.binding, 0, ["a", "y"], arriving, "z")


def test_cross_entropy_in_closed_form():
    rule = cross_entropy_rule("1")
    assert rule.formula == "1/4 · (softmax(a) − onehot(y))"
    assert rule.shapes == "1/4 · (softmax(4 × 3) − onehot(4))"
    assert cross_entropy_rule("1", reduction="sum").formula == "softmax(a) − onehot(y)"
    assert cross_entropy_rule(reduction="sum").formula == "dJ/dz · (softmax(a) − onehot(y))"


def test_rules_that_are_too_long_or_another_are_left_out():
    # Where labels are ignored, the closed form is not what the rule gives.
    assert cross_entropy_rule(labels=(0, 1, -100, 0)) is None
    assert cross_entropy_rule(reduction="none") is None


def test_shares_are_fractions():
    x = uniform(5, 3)
    with backlit.record():
        loss = nn.functional.mse_loss(x, x.detach() * 2)
    rule = written_rule(flow_of(loss).out.source.binding, 0, ["a", "y"], "1", "z")
    assert rule.formula == "1/15 · ((a − y) · 2)"


def test_unrecorded_operations_have_no_rule_to_show():
    binding = flow_of(uniform(2).sin()).out.source.binding
    assert written_rule(binding, 0, ["a"], "dJ/dz", "z") is None
    assert symbolic_rule(binding, 0, [symbol("a")], symbol("z")) is None


@pytest.mark.parametrize(
    ("name", "slope"), [("sigmoid", "z·(1 − z)"), ("tanh", "1 − z^2"), ("exp", "z"), ("sqrt", "1/(2·z)")]
)
def test_slopes_by_the_result(name, slope):
    with backlit.record():
        result = getattr(backlit, name)(backlit.tensor(0.5, requires_grad=True))
    binding = flow_of(result).out.source.binding
    assert in_text(symbolic_rule(binding, 0, [symbol("a")], symbol("z"))) == slope


def test_writing_a_rule_changes_nothing():
    x = backlit.tensor(2.0, requires_grad=True)
    with backlit.record() as recording:
        f = x * x
        before = len(recording)
        written_rule(flow_of(f).out.source.binding, 0, ["x", "x"], "g", "f")
        assert flow_of(f).out.source.inputs[0].local.item() == 2
    assert len(recording) == before
    assert x.grad is None


def test_shapes_as_factors():
    assert [shape_brackets(s) for s in ((), (3,), (2, 3))] == ["1", "(3)", "(2 × 3)"]
