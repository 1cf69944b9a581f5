"""Each algebraic rule, and that it keeps values: NaN, infinities, the signs of zeros."""

import numpy as np
import pytest

from backlit.compiler.passes.algebra import simplify
from backlit.compiler.passes.dead_code import drop_dead_code
from tests.compiler.evaluation import ends
from tests.compiler.texts import lines, parsed

# Steps after %0, f8[4], %1, f8[4], and %2, b1[4]; and what is left of them.
RULES = {
    "x 1": (["constant() 1.0 : f8", "pointwise multiply(%0, %3) : f8"], []),
    "1 x": (["constant() 1 : f8", "pointwise multiply(%3, %0) : f8"], []),
    "x -1": (["constant() -1 : f8", "pointwise multiply(%0, %3) : f8"], ["pointwise negative(%0) : f8"]),
    "x / 1": (["constant() 1 : f8", "pointwise divide(%0, %3) : f8"], []),
    "x / 4": (
        ["constant() 4 : f8", "pointwise divide(%0, %3) : f8"],
        ["constant() 0.25 : f8", "pointwise multiply(%0, %1) : f8"],
    ),
    "x + -0": (["constant() -0.0 : f8", "pointwise add(%3, %0) : f8"], []),
    "x - 0": (["constant() 0.0 : f8", "pointwise subtract(%0, %3) : f8"], []),
    "x - -y": (["pointwise negative(%1) : f8", "pointwise subtract(%0, %3) : f8"], ["pointwise add(%0, %1) : f8"]),
    "x + -y": (["pointwise negative(%1) : f8", "pointwise add(%0, %3) : f8"], ["pointwise subtract(%0, %1) : f8"]),
    "-x + y": (["pointwise negative(%0) : f8", "pointwise add(%3, %1) : f8"], ["pointwise subtract(%1, %0) : f8"]),
    "--x": (["pointwise negative(%0) : f8", "pointwise negative(%3) : f8"], []),
    "-x -y": (
        ["pointwise negative(%0) : f8", "pointwise negative(%1) : f8", "pointwise multiply(%3, %4) : f8"],
        ["pointwise multiply(%0, %1) : f8"],
    ),
    "+x": (["pointwise positive(%0) : f8"], []),
    "|-x|": (["pointwise negative(%0) : f8", "pointwise absolute(%3) : f8"], ["pointwise absolute(%0) : f8"]),
    "max(x, x)": (["pointwise maximum(%0, %0) : f8"], []),
    "x if c else x": (["pointwise select(%2, %0, %0) : f8"], []),
    "x if not c else y": (
        ["pointwise logical_not(%2) : b1", "pointwise select(%3, %0, %1) : f8"],
        ["pointwise select(%2, %1, %0) : f8"],
    ),
    "x if true else y": (["constant() True : b1", "pointwise select(%3, %0, %1) : f8"], []),
    "not not c": (["pointwise logical_not(%2) : b1", "pointwise logical_not(%3) : b1"], []),
    "a type and back": (
        ["pointwise cast(%0) : f4", "pointwise cast(%3) : f8", "pointwise cast(%4) : f4"],
        ["pointwise cast(%0) : f4"],
    ),
    "a wider type between": (
        ["pointwise cast(%2) : i4", "pointwise cast(%3) : f8"],
        ["pointwise cast(%0) : f8"],
    ),
    "x^0": (["constant() 0.0 : f8", "pointwise power(%0, %3) : f8"], ["constant() 1 : f8"]),
    "x^1": (["constant() 1.0 : f8", "pointwise power(%0, %3) : f8"], []),
    "x^2": (["constant() 2 : f8", "pointwise power(%0, %3) : f8"], ["pointwise multiply(%0, %0) : f8"]),
    "x^3": (
        ["constant() 3 : f8", "pointwise power(%0, %3) : f8"],
        ["pointwise multiply(%0, %0) : f8", "pointwise multiply(%1, %0) : f8"],
    ),
    "x^4": (
        ["constant() 4 : f8", "pointwise power(%0, %3) : f8"],
        ["pointwise multiply(%0, %0) : f8", "pointwise multiply(%1, %1) : f8"],
    ),
    "x^-1": (["constant() -1 : f8", "pointwise power(%0, %3) : f8"], ["pointwise reciprocal(%0) : f8"]),
    "x^-2": (
        ["constant() -2 : f8", "pointwise power(%0, %3) : f8"],
        ["pointwise reciprocal(%0) : f8", "pointwise multiply(%1, %1) : f8"],
    ),
    "x^0.5": (
        ["constant() 0.5 : f8", "pointwise power(%0, %3) : f8"],
        [
            "constant() -inf : f8", "constant() 0.0 : f8", "pointwise add(%0, %2) : f8", "pointwise sqrt(%3) : f8",
            "pointwise equal(%0, %1) : b1", "constant() inf : f8", "pointwise select(%5, %6, %4) : f8",
        ],
    ),
    "1 / (1 + exp(-x))": (
        ["pointwise negative(%0) : f8", "pointwise exp(%3) : f8", "constant() 1 : f8", "pointwise add(%4, %5) : f8",
         "pointwise reciprocal(%6) : f8"],
        ["pointwise sigmoid(%0) : f8"],
    ),
}  # fmt: skip
# What looks like a rule, and is none.
STAYS = {
    "-0 + 0 is 0": ["constant() 0.0 : f8", "pointwise add(%0, %3) : f8"],
    "-0 - -0 is 0": ["constant() -0.0 : f8", "pointwise subtract(%0, %3) : f8"],
    "inf 0 is NaN": ["constant() 0.0 : f8", "pointwise multiply(%0, %3) : f8"],
    "inf - inf is NaN": ["pointwise subtract(%0, %0) : f8"],
    "x / 3 is rounded once": ["constant() 3.0 : f8", "pointwise divide(%0, %3) : f8"],
    "0 - 0 is 0": ["constant() 0.0 : f8", "pointwise subtract(%3, %0) : f8"],
    "-(x - x) is -0": ["pointwise subtract(%0, %1) : f8", "pointwise negative(%3) : f8"],
    "a narrower type rounds": ["pointwise cast(%0) : f4", "pointwise cast(%3) : f8"],
    "x^1.5 of -inf": ["constant() 1.5 : f8", "pointwise power(%0, %3) : f8"],
}
GIVEN = "%0 = input() 0 : f8[4]\n%1 = input() 1 : f8[4]\n%2 = input() 2 : b1[4]\n"
EDGES = [0.0, -0.0, 1.5, -2.25, np.inf, -np.inf, np.nan, 1e-200]


def program(steps):
    text = "".join(f"%{3 + n} = {step}[4]\n" for n, step in enumerate(steps))
    return parsed(f"{GIVEN}{text}return %{2 + len(steps)}")


def same_values(before, after):
    pairs = np.array([(x, y) for x in EDGES for y in EDGES])
    for start in range(0, len(pairs), 4):
        x, y = pairs[start : start + 4].T.copy()
        inputs = [x, y, np.array([True, False, False, True])]
        for one, two in zip(ends(before, inputs), ends(after, inputs), strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-14, atol=0)
            zero = one == 0
            np.testing.assert_array_equal(np.signbit(two)[zero], np.signbit(one)[zero])


@pytest.mark.parametrize("name", RULES)
def test_rules(name):
    steps, expected = RULES[name]
    before = program(steps)
    after = drop_dead_code(simplify(before))
    left = [str(s).removesuffix("[4]") for s in after.steps if s.kind != "input"]
    assert renumbered(left) == renumbered(expected)
    same_values(before, after)


def renumbered(steps):
    """Steps without the numbers of those they read: how many inputs are left differs."""
    return [step.split("(")[0] + step[step.index(")") :] for step in steps]


@pytest.mark.parametrize("name", STAYS)
def test_no_rules(name):
    before = program(STAYS[name])
    assert simplify(before) is before


WHOLE = {
    "a view of all": (
        "%0 = input() 0 : f4[r, 3]\n%1 = view(%0)(0,(3, 1)) : f4[r, 3]\nreturn %1",
        "%0 = input() 0 : f4[r, 3]\nreturn %0",
    ),
    "turned twice": (
        """
        %0 = input() 0 : f4[2, 3]
        %1 = view(%0)(0,(1, 3)) : f4[3, 2]
        %2 = view(%1)(0,(1, 2)) : f4[2, 3]
        return %2
        """,
        "%0 = input() 0 : f4[2, 3]\nreturn %0",
    ),
    "a part of a part": (
        """
        %0 = input() 0 : f4[9]
        %1 = view(%0)(2,(1,)) : f4[6]
        %2 = view(%1)(1,(2,)) : f4[2]
        return %2
        """,
        "%0 = input() 0 : f4[9]\n%1 = view(%0)(3,(2,)) : f4[2]\nreturn %1",
    ),
    "a sum of one": (
        "%0 = input() 0 : f4[r, 1, 3]\n%1 = reduce sum(%0)(1,) : f4[r, 3]\nreturn %1",
        """
        %0 = input() 0 : f4[r, 1, 3]
        %1 = view(%0)(0,(3, 1)) : f4[r, 3]
        %2 = constant() 0.0 : f4[r, 3]
        %3 = pointwise add(%1, %2) : f4[r, 3]
        return %3
        """,
    ),
    "a sum of one among others": (
        "%0 = input() 0 : f4[r, 1, 3]\n%1 = reduce sum(%0)(0, 1) : f4[3]\nreturn %1",
        "%0 = input() 0 : f4[r, 1, 3]\n%1 = view(%0)(0,(3, 1)) : f4[r, 3]\n%2 = reduce sum(%1)(0,) : f4[3]\nreturn %2",
    ),
    "the largest of one": (
        "%0 = input() 0 : f4[1, 3]\n%1 = reduce argmax(%0)(0,) : i8[3]\nreturn %1",
        "%0 = constant() 0 : i8[3]\nreturn %0",
    ),
    "a sum of the same": (
        "%0 = input() 0 : f4[3]\n%1 = view(%0)(0,(0, 1)) : f4[r, 3]\n%2 = reduce sum(%1)(0,) : f4[3]\nreturn %2",
        """
        %0 = input() 0 : f4[3]
        %1 = constant() 0.0 : f4[3]
        %2 = pointwise add(%0, %1) : f4[3]
        %3 = constant() r : f4[3]
        %4 = pointwise multiply(%2, %3) : f4[3]
        return %4
        """,
    ),
    "the largest of the same": (
        "%0 = input() 0 : f4[3]\n%1 = view(%0)(0,(1, 0)) : f4[3, 4]\n%2 = reduce max(%1)(0, 1) : f4[]\nreturn %2",
        "%0 = input() 0 : f4[3]\n%1 = reduce max(%0)(0,) : f4[]\nreturn %1",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_views_and_reductions(name):
    before, after = WHOLE[name]
    assert str(drop_dead_code(simplify(parsed(before)))) == lines(after)
