"""The layout of images: steps computed in the order of memory are what they were."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.compiler.passes import improved, layouts
from backlit.compiler.passes.algebra import simplify
from backlit.compiler.passes.dead_code import drop_dead_code
from backlit.compiler.program import ProgramBuilder
from tests.compiler.evaluation import ends
from tests.compiler.passes.images import SHAPE, image_program
from tests.compiler.texts import lines, parsed


def turned(program: str) -> str:
    return str(drop_dead_code(layouts.follow_memory(parsed(program))))


def test_what_follows_a_convolution_joins_its_product() -> None:
    before = """
        %0 = input() 0 : f4[r, 12, 5]
        %1 = input() 1 : f4[5, 4]
        %2 = input() 2 : f4[4]
        %3 = view(%0)(0,(5, 1)) : f4[12r, 5]
        %4 = product(%3, %1) : f4[12r, 4]
        %5 = view(%4)(0,(48, 1, 16, 4)) : f4[r, 4, 3, 4]
        %6 = view(%2)(0,(0, 1, 0, 0)) : f4[r, 4, 3, 4]
        %7 = pointwise add(%5, %6) : f4[r, 4, 3, 4]
        %8 = constant() 0 : f4[r, 4, 3, 4]
        %9 = pointwise maximum(%7, %8) : f4[r, 4, 3, 4]
        return %9
    """.replace("12r", "r * 12")
    after = """
        %0 = input() 0 : f4[r, 12, 5]
        %1 = input() 1 : f4[5, 4]
        %2 = input() 2 : f4[4]
        %3 = view(%0)(0,(5, 1)) : f4[12r, 5]
        %4 = product(%3, %1) : f4[12r, 4]
        %5 = view(%2)(0,(0, 1)) : f4[12r, 4]
        %6 = pointwise add(%4, %5) : f4[12r, 4]
        %7 = constant() 0 : f4[12r, 4]
        %8 = pointwise maximum(%6, %7) : f4[12r, 4]
        %9 = view(%8)(0,(48, 1, 16, 4)) : f4[r, 4, 3, 4]
        return %9
    """
    assert turned(before) == lines(after)


def test_borders_and_sums_follow() -> None:
    before = """
        %0 = input() 0 : f4[r, 3, 4, 2]
        %1 = view(%0)(0,(24, 1, 8, 2)) : f4[r, 2, 3, 4]
        %2 = pad(%1)((0, 0, 1, 2),(1, 1, 1, 1), 0) : f4[r, 2, 5, 8]
        %3 = reduce sum(%2)(0, 3) : f4[2, 5]
        return %2, %3
    """
    after = """
        %0 = input() 0 : f4[r, 3, 4, 2]
        %1 = pad(%0)((0, 1, 2, 0),(1, 1, 1, 1), 0) : f4[r, 5, 8, 2]
        %2 = view(%1)(0,(80, 1, 16, 2)) : f4[r, 2, 5, 8]
        %3 = reduce sum(%1)(0, 2) : f4[5, 2]
        %4 = view(%3)(0,(1, 2)) : f4[2, 5]
        return %2, %4
    """
    assert turned(before) == lines(after)


@pytest.mark.parametrize(
    "text",
    [
        # A matrix, an image that lies as it is seen, one that is seen several times, and rows that are not outermost.
        "%0 = input() 0 : f4[r, 3]\n%1 = view(%0)(0,(1, 3)) : f4[3, r]\n%2 = pointwise exp(%1) : f4[3, r]\nreturn %2",
        "%0 = input() 0 : f4[r, 3, 4]\n%1 = pointwise exp(%0) : f4[r, 3, 4]\nreturn %1",
        "%0 = input() 0 : f4[r, 3]\n%1 = view(%0)(0,(3, 1, 0)) : f4[r, 3, 2]\n%2 = pointwise exp(%1) : f4[r, 3, 2]\n"
        "return %2",
        "%0 = input() 0 : f4[4, 3, 2]\n%1 = view(%0)(0,(2, 6, 1)) : f4[3, 4, 2]\n%2 = pointwise exp(%1) : f4[3, 4, 2]\n"
        "return %2",
        "%0 = input() 0 : f4[2, 3, 4]\n%1 = view(%0)(0,(12, 1, 4)) : f4[2, 4, 3]\n"
        "%2 = reduce argmax(%1)(1,) : i8[2, 3]\nreturn %2",
    ],
)
def test_what_stays(text: str) -> None:
    program = parsed(text)
    assert layouts.follow_memory(program) is program


@pytest.mark.parametrize("apply", [layouts.follow_memory, simplify, improved])
@given(st.integers(0, 2**32), st.integers(3, 14))
def test_the_values_stay(apply: Any, seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    program, arrays = image_program(rng, length), [rng.normal(size=SHAPE) for _ in range(2)]
    for found, expected in zip(ends(apply(program), arrays), ends(program, arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_a_wrong_order_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = ProgramBuilder()
    x = builder.add("input", "", (), 0, (2, 3, 3), "f8")
    y = builder.add("view", "", (x,), (0, (9, 1, 3)), (2, 3, 3), "f8")
    program = builder.finished([builder.add("pointwise", "exp", (y,), (), (2, 3, 3), "f8")])
    arrays = [np.random.default_rng(0).normal(size=(2, 3, 3))]
    monkeypatch.setattr(layouts, "_back", lambda b, number, order, shape: number)
    assert (ends(layouts.follow_memory(program), arrays)[0] != ends(program, arrays)[0]).any()


@pytest.mark.parametrize(
    ("view", "left"),
    [
        # A part of what is joined, and what reaches over two of them.
        ("%3 = view(%2)(3,(5, 1)) : f4[r, 2]", "return %1"),
        ("%3 = view(%2)(2,(5, 1)) : f4[r, 2]", None),
        ("%3 = view(%2)(1,(5, 1)) : f4[r, 2]", "view(%0)(1,(3, 1)) : f4[r, 2]"),
    ],
)
def test_a_part_of_a_join_is_a_part_of_its_part(view: str, left: str | None) -> None:
    text = f"""
        %0 = input() 0 : f4[r, 3]
        %1 = input() 1 : f4[r, 2]
        %2 = join(%0, %1) 1 : f4[r, 5]
        {view}
        return %3
    """
    program = parsed(text)
    found = simplify(program)
    assert (found is program) if left is None else left in str(found)


@pytest.mark.parametrize(
    ("view", "left"),
    [
        ("%2 = view(%1)(1,(7, 2)) : f4[r, 3]", "return %0"),
        ("%2 = view(%1)(0,(7, 2)) : f4[r, 4]", "constant() 0"),
        ("%2 = view(%1)(1,(7, 1)) : f4[r, 3]", None),
        ("%2 = view(%1)(6,(7, 0)) : f4[r, 1]", "constant() 0"),
    ],
)
def test_a_part_of_a_border_is_seen_as_that(view: str, left: str | None) -> None:
    program = parsed(f"%0 = input() 0 : f4[r, 3]\n%1 = pad(%0)((0, 1),(1, 2), 0) : f4[r, 7]\n{view}\nreturn %2")
    found = simplify(program)
    assert (found is program) if left is None else left in str(found)
