"""Steps, words, formulas."""

from typing import Any

from graphs import leaf, small_network

import backlit
from backlit import nn, view


def steps(theme: str) -> Any:
    """Backpropagation step by step.

    Forward, backward, update: an animation with play, pause, back and forth on the keyboard.
    """
    x, y, z = leaf(-2.0), leaf(5.0), leaf(-4.0)
    with backlit.record():
        q = x + y
        f = q * z
        f.backward()
    return view.steps(f, lr=0.1, theme=theme)


def chain_rule(theme: str) -> Any:
    """The chain rule with numbers.

    Every path, its factors in symbols and numbers, and their sum; as text, as LaTeX, and typeset on a page.
    """
    x, y = leaf(2.0), leaf(1.0)
    with backlit.record():
        u = x * y
        v = x / y
        z = u**2 + v**2
        z.backward()
    return view.explain(z, x, theme=theme)


def matrices(theme: str) -> Any:
    """The chain rule in matrices.

    The rule that gives each gradient, with the shape of every factor.
    """
    model, inputs, labels = small_network()
    with backlit.record():
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
    return view.explain(loss, model[0].weight, theme=theme)


def node(theme: str) -> Any:
    """One node.

    Its inputs, its local derivative, what arrived and what left.
    """
    a, b = leaf(4.0), leaf(4.0)
    with backlit.record():
        m = backlit.maximum(a, b)
        f = m * 9
        f.backward()
    return view.node(m, f, theme=theme)
