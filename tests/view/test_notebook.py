"""A tensor as the last line of a notebook cell."""

import sys

import backlit
from tests.view.programs import leaf


def test_a_result_shows_its_graph():
    x = leaf(2.0)
    with backlit.record():
        f = x * 3
    shown = f._repr_html_()
    assert "<svg" in shown
    assert "swaps and scales" in shown


def test_plain_tensors_are_shown_as_text():
    assert leaf(2.0)._repr_html_() is None
    assert backlit.ones(3)._repr_html_() is None
    with backlit.no_grad():
        assert (leaf(2.0) * 2)._repr_html_() is None


def test_results_are_shown_as_text_where_graphviz_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert (leaf(2.0) * 2)._repr_html_() is None


def test_variables_of_the_notebook_are_names(monkeypatch):
    f = leaf(2.0) * 2
    monkeypatch.setitem(vars(sys.modules["__main__"]), "my_result", f)
    assert "my_result" in f._repr_html_()
