"""Random programs compute the same with and without each pass: step by step in NumPy, and as machine code."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backlit.compiler.passes import PASSES, improved
from backlit.compiler.passes.rewriting import Rewriter
from backlit.compiler.program import plain_strides
from backlit.compiler.verify import verify_program
from tests.compiler.evaluation import ends, native

EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 3.0, np.inf, -np.inf, np.nan]
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 0.25, 3.0, np.inf])
SHAPES = [(3, 4), (3, 4), (4, 3), (3, 1), (4,)]
LABELS = len(SHAPES)
UNARY = ["negative", "absolute", "sqrt", "positive", "square"]
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum"]


@st.composite
def programs(draw: Any) -> Any:
    """A program of about a dozen steps over arrays of edge cases, and the arrays."""
    b = Rewriter()
    own = [b.add("input", "", (), n, shape, "f8") for n, shape in enumerate(SHAPES)]
    labels = b.add("input", "", (), LABELS, (3, 1), "i8")
    # Sums and products round in an order of their own, so nothing goes on from them.
    last: list[int] = []
    for _ in range(draw(st.integers(3, 12))):
        x = draw(st.sampled_from(own))
        step = b.steps[x]
        alike = [n for n in own if b.steps[n].shape == step.shape]
        kind = draw(st.sampled_from(["unary", "binary", "number", "select", "cast", "view", "extreme", "sum", "pick"]))
        if kind == "unary":
            own.append(b.pointwise(draw(st.sampled_from(UNARY)), x))
        elif kind == "binary":
            own.append(b.pointwise(draw(st.sampled_from(BINARY)), x, draw(st.sampled_from(alike))))
        elif kind == "number":
            pair = [x, b.constant(draw(NUMBERS), step)]
            own.append(b.pointwise(draw(st.sampled_from(BINARY)), *draw(st.permutations(pair))))
        elif kind == "select":
            y = draw(st.sampled_from(alike))
            condition = b.pointwise("less", x, draw(st.sampled_from([y, b.constant(0.5, step)])), dtype="b1")
            if draw(st.booleans()):
                condition = b.pointwise("logical_not", condition)
            own.append(b.pointwise("select", condition, *draw(st.permutations([x, y]))))
        elif kind == "cast":
            own.append(
                b.pointwise("cast", b.pointwise("cast", x, dtype=draw(st.sampled_from(["f4", "b1"]))), dtype="f8")
            )
        elif kind == "view":
            order = draw(st.permutations(range(len(step.shape))))
            strides, shape = plain_strides(step.shape), step.shape
            turned, sizes = tuple(strides[d] for d in order), tuple(shape[d] for d in order)
            if draw(st.booleans()):
                place = draw(st.integers(0, len(order)))
                repeats = draw(st.sampled_from([1, 3]))
                turned, sizes = (*turned[:place], 0, *turned[place:]), (*sizes[:place], repeats, *sizes[place:])
            own.append(b.view(x, 0, turned, sizes))
        elif kind in ("extreme", "sum") and step.shape:
            dims = tuple(sorted(draw(st.sets(st.sampled_from(range(len(step.shape))), min_size=1))))
            left = tuple(n for d, n in enumerate(step.shape) if d not in dims)
            op = "sum" if kind == "sum" else draw(st.sampled_from(["max", "min"]))
            (last if kind == "sum" else own).append(b.add("reduce", op, (x,), dims, left, "f8"))
        elif kind == "pick" and step.shape == (3, 4):
            rows = b.view(b.add("iota", "", (), (), (3,), "i8"), 0, (1, 0), (3, 1))
            picked = b.add("take", "", (x, rows, labels), (0, 1), (3, 1), "f8")
            base = b.constant(draw(st.sampled_from([0.0, 1.0])), step)
            hot = b.add("scatter", "add", (base, picked, rows, labels), (0, 1), (3, 4), "f8")
            own += [picked, hot]
            last.append(b.add("reduce", "sum", (b.pointwise("negative", hot),), (1,), (3,), "f8"))
    turned = b.view(own[2], 0, (1, 3), (3, 4))
    product = b.add("product", "", (turned, own[2]), (), (3, 3), "f8")
    last.append(b.view(product, 0, (1, 3), (3, 3)))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    inputs = [rng.choice(EDGES, shape) for shape in SHAPES] + [rng.integers(-4, 4, (3, 1))]
    written = own[-1] if b.steps[own[-1]].shape == (3, 4) else own[0]
    return b.finished([*own[LABELS:], *last], [(0, written)]), inputs


def equal(found: list[Any], expected: list[Any], *, signs: bool = True) -> None:
    """Check numbers, NaN and infinities, and the signs of zeros unless they may differ."""
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-14, atol=0)
        zero = (two == 0) & signs
        np.testing.assert_array_equal(np.signbit(one)[zero], np.signbit(two)[zero])


@given(programs())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_step_by_step(made: Any) -> None:
    program, inputs = made
    expected = ends(verify_program(program, "drawing"), inputs)
    for name, apply in PASSES:
        equal(ends(verify_program(apply(program), name), inputs), expected)
    equal(ends(improved(program), inputs), expected)


@given(programs())
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_in_machine_code(made: Any) -> None:
    program, inputs = made
    expected = ends(program, inputs)
    # Which of two zeros is the larger is not said.
    equal(native(program, inputs), expected, signs=False)
    equal(native(improved(program), inputs), expected, signs=False)


@pytest.mark.parametrize(("name", "apply"), PASSES)
@given(made=programs())
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_each_pass_in_machine_code(name: str, apply: Any, made: Any) -> None:
    program, inputs = made
    changed = verify_program(apply(program), name)
    if changed is not program:
        equal(native(changed, inputs), ends(program, inputs), signs=False)


def test_a_wrong_pass_is_caught() -> None:
    b = Rewriter()
    x = b.add("input", "", (), 0, (3, 4), "f8")
    program = b.finished([b.pointwise("negative", x)])
    wrong = b.finished([x])
    inputs = [np.ones((3, 4))]
    with pytest.raises(AssertionError):
        equal(ends(wrong, inputs), ends(program, inputs))
