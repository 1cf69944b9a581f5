"""The chain rule in words: the lecture's derivations, in symbols and numbers, that agree with backward."""

import sys

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit
from backlit import nn, view
from backlit.core.primitive import Primitive
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError, MissingPackageError
from backlit.view.derivation import MOST_PATHS
from backlit.view.symbols import constant, in_text, symbol, symbolic
from backlit.view.theme import THEMES
from tests.view.programs import flow_of, leaf, squares, sum_times

GOLDEN = """\
Forward
    x = 3
    y = 2
    u = x·y = 6
    v = x/y = 1.5
    t1 = u^2 = 36
    t2 = v^2 = 2.25
    f = t1 + t2 = 38.25

How x reaches f
2 paths lead from x to f.
Path 1: x → u → t1 → f
    ∂u/∂x = y = 2
    ∂t1/∂u = 2·u = 12
    ∂f/∂t1 = 1
    ∂f/∂t1 · ∂t1/∂u · ∂u/∂x = 1 · 12 · 2 = 24
Path 2: x → v → t2 → f
    ∂v/∂x = 1/y = 0.5
    ∂t2/∂v = 2·v = 3
    ∂f/∂t2 = 1
    ∂f/∂t2 · ∂t2/∂v · ∂v/∂x = 1 · 3 · 0.5 = 1.5
The gradient is the sum over the paths:
    df/dx = 24 + 1.5 = 25.5
In symbols, with everything put in:
    df/dx = 2·x·y^2 + 2·x/y^2 = 25.5
The backward pass found 25.5: the same."""


def test_the_lectures_derivation_in_words():
    named = squares()
    assert view.explain(named["f"], named["x"], named).text == GOLDEN


@settings(max_examples=10)
@given(st.floats(-4, 4), st.floats(0.5, 4))
def test_the_lectures_formulas_at_any_point(x_value, y_value):
    named = squares(x_value, y_value)
    x, y = sympy.symbols("x y", real=True)
    wanted = {"x": 2 * x * y**2 + 2 * x / y**2, "y": 2 * x**2 * y - 2 * x**2 / y**3}
    explanation = view.explain(named["f"], [named["x"], named["y"]], named)
    for name, derivation in zip("xy", explanation.derivations, strict=True):
        assert sympy.simplify(derivation.in_leaves() - wanted[name]) == 0
        assert str(derivation.in_leaves()) == str(sympy.expand(wanted[name]))
        at_point = float(wanted[name].subs({x: x_value, y: y_value}))
        assert derivation.total() == pytest.approx(at_point, rel=1e-9, abs=1e-12)
        assert derivation.total() == pytest.approx(named[name].grad.item(), rel=1e-12, abs=1e-12)


def test_a_sum_times_a_number():
    named = sum_times()
    text = view.explain(named["f"], named["x"], named).text
    assert "1 path leads from x to f." in text
    assert "∂f/∂q · ∂q/∂x = (−4) · 1 = −4" in text
    assert "df/dx = z = −4" in text


def test_all_leaves_by_default():
    named = sum_times()
    explanation = view.explain(named["f"], names=named)
    assert [d.start.name for d in explanation.derivations] == ["x", "y", "z"]
    assert str(explanation) == explanation.text == repr(explanation)


def test_the_sigmoids_slope_is_written_by_its_value():
    a = leaf(0.5)
    with backlit.record():
        s = a.sigmoid()
        s.backward()
    assert "∂s/∂a = s·(1 − s) = 0.235" in view.explain(s, a).text


def test_a_value_that_is_used_twice_has_two_paths():
    x = leaf(3.0)
    with backlit.record():
        f = x * x
        f.backward()
    explanation = view.explain(f, x)
    assert explanation.derivations[0].count() == 2
    assert "df/dx = 3 + 3 = 6" in explanation.text
    assert "df/dx = 2·x = 6" in explanation.text


def test_many_paths_are_counted_and_summed():
    x = leaf(1.0)
    with backlit.record():
        f = x
        for _ in range(10):
            f = f + f * 0.5
        f.backward()
    explanation = view.explain(f, x)
    derivation = explanation.derivations[0]
    assert derivation.count() == 2**10
    assert len(derivation.paths()) == MOST_PATHS
    assert derivation.total() == pytest.approx(1.5**10)
    assert f"from {2**10 - MOST_PATHS:,} more paths" in explanation.text
    assert "the same" in explanation.text


def test_long_ways_are_summed_up():
    x, wide = leaf(0.5), leaf(0.5, 0.25)
    with backlit.record():
        f, g = x, wide
        for _ in range(150):
            f, g = f * 0.99, g * 0.99
        f.backward()
        g = g.sum()
        g.backward()
    text = view.explain(f, x).text
    assert "150 operations lie on the way, too many to tell one by one." in text
    assert "The backward pass found 0.2215: the same." in text
    assert "… and so on through 51 operations more." in view.explain(g, wide).text


def test_arrays_beside_the_way_are_described():
    x, w = leaf(2.0), leaf(3.0, 4.0)
    with backlit.record():
        s = w.sum()
        f = x * s
        f.backward()
    text = view.explain(f, x).text
    assert "    w = [3, 4]" in text
    assert "df/dx = sum(w) = 7" in text


def test_without_a_backward_pass_the_derivation_stands_and_says_so():
    named = squares(backward=False)
    text = view.explain(named["f"], named["x"], named).text
    assert "= 25.5" in text
    assert "backward not run" in text


def test_a_gradient_from_elsewhere_is_noticed():
    x = leaf(2.0)
    with backlit.record():
        q = x * 3
        q.register_hook(lambda g: g * 10)
        f = q * 1
        f.backward()
    assert "The backward pass found 30, which differs" in view.explain(f, x).text


def test_infinite_slopes_are_told():
    x = leaf(0.0)
    with backlit.record():
        f = x.sqrt()
        f.backward()
    text = view.explain(f, x).text
    assert "∂f/∂x = 1/(2·f) = ∞" in text


def network():
    backlit.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    x, y = backlit.rand(5, 4), backlit.rand(5, 2)
    with backlit.record():
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
    return net, x, y, loss


def test_a_network_in_matrices_with_shapes_beside_each_factor():
    net, x, y, loss = network()
    text = view.explain(loss, net[0].weight, {"X": x, "Y": y}).text
    lines = [line.strip() for line in text.splitlines()]
    for formula, shapes in [
        ("dJ/dt2 = dJ/dt3 2.weight", "(5 × 3) = (5 × 2) (2 × 3)"),
        ("dJ/dt1 = dJ/dt2 ⊙ (1 − t2^2)", "(5 × 3) = (5 × 3) ⊙ (5 × 3)"),
        ("dJ/d0.weight = dJ/dt1' X", "(3 × 4) = (5 × 3)' (5 × 4)"),
    ]:
        assert lines[lines.index(formula) + 1] == shapes
    assert lines[-1].endswith("It is (3 × 4), the shape of 0.weight.")
    assert "dJ/d0.bias = sum dJ/dt1" in view.explain(loss, net[0].bias, {"X": x}).text


def test_a_slope_that_is_one_number_scales():
    x, w = leaf(1.0, 2.0), leaf(3.0)
    with backlit.record():
        f = (x * w * 4).sum().square()
        f.backward()
    formulas = [line.text for line in view.explain(f, x, {"x": x, "w": w, "f": f}).lines if line.kind == "formula"]
    assert formulas == [
        "dJ/dt3 = 2·t3",
        "1 = 1",
        "dJ/dt2 = dJ/dt3 · ones",
        "(2) = 1 · (2)",
        "dJ/dt1 = dJ/dt2 · 4",
        "(2) = (2) · 4",
        "dJ/dx = dJ/dt1 · w",
        "(2) = (2) · 1",
    ]


def test_rules_of_a_loss_without_a_short_formula():
    logits = leaf([[1.0, 2.0], [0.5, 0.1]], shape=1)
    with backlit.record():
        loss = nn.functional.cross_entropy(logits, backlit.tensor([0, -100]))
    text = view.explain(loss, logits).text
    assert "dJ/dlogits = 1 · ∂loss/∂logits" in text
    assert "(2 × 2) = 1 · (2 × 2)" in text


def test_latex_has_fractions_and_no_letter_that_latex_lacks():
    named = squares()
    latex = view.explain(named["f"], named["x"], named).latex
    assert r"\[ \frac{d f}{d x} = 2 x y^{2} + \frac{2 x}{y^{2}} = 25.5 \]" in latex
    net, x, y, loss = network()
    latex += view.explain(loss, net[0].weight, {"X": x, "Y": y}).latex
    assert r"\frac{\partial J}{\partial \mathrm{t1}}^\top \, X" in latex
    assert latex.isascii()
    assert latex.count("{") == latex.count("}")
    assert latex.count(r"\[") == latex.count(r"\]")


def test_html_is_escaped_and_loads_nothing():
    x = leaf(1.0)
    with backlit.record():
        f = x * 2
    page = view.explain(f, x, {"<b>": x}).html
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page
    assert page.count("<math") == 4
    assert THEMES["dark"].ground in view.explain(f, x, theme="dark").html


def test_each_form_is_written(tmp_path):
    named = squares()
    explained = view.explain(named["f"], named["x"], named)
    for ending, form in (("html", explained.html), ("tex", explained.latex), ("txt", explained.text)):
        assert explained.save(tmp_path / f"rule.{ending}").read_text("utf-8") == form.rstrip() + "\n"
    with pytest.raises(ArgumentError, match=r"no explanations of the format '\.pdf'; choose from 'html', 'tex', 'txt'"):
        explained.save(tmp_path / "rule.pdf")
    assert not (tmp_path / "rule.pdf").exists()


def test_bad_input():
    x = leaf(2.0)
    with pytest.raises(GradientError, match=r"not recorded; run the program inside `with backlit\.record"):
        view.explain(x * 2, x)
    with pytest.raises(GradientError, match="no history"):
        view.explain(x, x)
    with backlit.record():
        f = x * 2
    with pytest.raises(ArgumentError, match=r"does not depend on the tensor of shape \(2,\)"):
        view.explain(f, leaf(1.0, 2.0))
    with pytest.raises(ArgumentTypeError, match="wrt: expected a tensor of the graph, got str"):
        view.explain(f, ["x"])
    with pytest.raises(ArgumentTypeError, match="wrt: expected a tensor of the graph, got int"):
        view.explain(f, 3)
    with pytest.raises(ArgumentTypeError, match=r"view\.explain: expected a tensor"):
        view.explain(2.0, x)


def test_without_sympy_one_clear_error(monkeypatch):
    named = sum_times()
    monkeypatch.setitem(sys.modules, "sympy", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'backlit\[view\]'"):
        view.explain(named["f"], named["x"])


# -- notation against gradient rules ---------------------------------------------------------------------------------

POINT = {"x": 0.7, "y": 0.4, "input": 0.7, "target": 0.4, "a": 0.3}
SETTINGS = {
    "leaky_relu": {"slope": 0.1},
    "elu": {"alpha": 1.5, "scale": 2.0, "rate": 0.5},
    "softplus": {"beta": 2.0, "threshold": 20.0},
    "threshold": {"threshold": 0.1, "value": 0.5},
    "hardshrink": {"lambd": 0.5},
}
FORMULAS = """
abs acos add asin asinh atan atan2 atanh cos cosh div elu erf erfc erfinv exp exp2 expm1 gelu hardshrink hardsigmoid
hypot leaky_relu lgamma log log10 log1p log2 logaddexp logit logsigmoid maximum minimum mish mul neg pow prelu
reciprocal relu rsqrt sigmoid silu sin sinh softplus softsign sqrt square sub tan tanh threshold xlogy
"""


def disagreements(name):
    """Inputs by which the notation's derivative, taken by SymPy, is not the local derivative of the gradient rule."""
    node = bound(name)
    names = [symbol(n) for n in node.binding.primitive.inputs]
    formula = symbolic(node.binding, names)
    at = {s: POINT[str(s)] for s in names}
    return [
        str(names[e.position])
        for e in node.inputs
        if abs(float(sympy.diff(formula, names[e.position]).subs(at)) - e.local.item()) > 1e-9
    ]


def bound(name):
    """The node of a primitive applied at `POINT`."""
    primitive = Primitive.registry[name]
    with backlit.record():
        result = primitive.bind(*(leaf(POINT[i]) for i in primitive.inputs), **SETTINGS.get(name, {}))
    return flow_of(result).out.source


@pytest.mark.parametrize("name", FORMULAS.split())
def test_the_notation_and_the_gradient_rule_say_the_same(name):
    assert disagreements(name) == []


def test_a_wrong_notation_is_found(monkeypatch):
    monkeypatch.setattr(Primitive.registry["square"], "notation", "{x}^3")
    assert disagreements("square") == ["x"]


def test_a_notation_that_is_no_formula_becomes_a_function(monkeypatch):
    monkeypatch.setattr(Primitive.registry["sin"], "notation", "{x} within [0, 1]")
    x = symbol("x")
    formula = symbolic(bound("sin").binding, [x])
    assert in_text(formula) == "sin(x)"
    assert in_text(sympy.diff(formula, x)) == "[d sin(x) / d x]"


def test_numbers_are_written_short():
    written = [in_text(constant(v)) for v in (2.0, 0.1, -0.5, 1e-05, 1 / 3, float("inf"), True)]
    assert written == ["2", "1/10", "−1/2", "1/100000", "0.333333", "∞", "1"]


def test_at_a_tie_the_number_is_a_convention():
    a, b = leaf(5.0), leaf(5.0)
    with backlit.record():
        f = backlit.maximum(a, b) * 9
        f.backward()
    explained = view.explain(f, b, {"a": a, "b": b, "f": f})
    assert "∂t1/∂b = 0.5, at the tie, by convention\n" in explained.text
    assert (
        "In symbols, with everything put in, away from the tie:\n    df/db = 9·(1 if a < b else 0)\n" in explained.text
    )
    assert "The backward pass found 4.5: the same." in explained.text
    assert "0.5 \\text{, at the tie, by convention}" in explained.latex
