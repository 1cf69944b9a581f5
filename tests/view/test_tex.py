"""Formulas in LaTeX and MathML."""

import html
import sys

import pytest
import sympy

import backlit
from backlit import nn, view
from backlit.errors import MissingPackageError
from backlit.view import tex


def test_a_minus_sign_belongs_to_its_number():
    assert tex.numbers("(−4) + 2.5 = −1.5") == "({-4}) + 2.5 = {-1.5}"
    assert tex.numbers("1.4e−06 · −∞") == r"1.4 \cdot 10^{-6} \cdot {-\infty}"
    x = sympy.Symbol("x")
    assert tex.expression(-x / 2) == r"{- \frac{x}{2}}"


def test_names_are_told_apart():
    rate, x = sympy.Symbol("rate"), sympy.Symbol("x")
    assert tex.expression(2 * rate * x) == r"2 \, \mathrm{rate} \, x"
    assert tex.expression(2 * x**2) == "2 x^{2}"
    assert tex.rule("dJ/dt1' 重さ") == r"\frac{\partial J}{\partial \mathrm{t1}}^\top \, \mathrm{重さ}"


@pytest.mark.parametrize("name", ["<", "</mtext><script>", "a&b", "0.weight", "{", "50%_$", "価格"])
def test_any_name_is_one_word_of_a_page(name):
    found = tex.typeset(tex.partial("f", name), name)
    assert f"<mtext>{html.escape(name)}</mtext></mrow></mfrac></mrow></math>" in found
    assert f'alttext="{html.escape(name)}"' in found


def test_without_the_package_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'backlit\[view\]'"):
        tex.typeset("x", "x")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_browsers_draw_fractions(theme, opened):
    backlit.manual_seed(0)
    layer = nn.Linear(3, 2)
    with backlit.record():
        loss = layer(backlit.ones(4, 3)).square().sum()
        loss.backward()
    page = opened(view.explain(loss, layer.weight, theme=theme).html)
    # Without a fraction's line, its parts would stand beside each other.
    over = "e => e.children[0].getBoundingClientRect().bottom <= e.children[1].getBoundingClientRect().top"
    assert page.eval_on_selector("mfrac", over)
    assert page.eval_on_selector("math", "e => getComputedStyle(e).color == getComputedStyle(document.body).color")
