"""Each pass, with its before and after."""

import pytest

from backlit.compiler.passes import PASSES, improved
from backlit.compiler.passes.common import merge_equal_steps
from backlit.compiler.passes.constants import fold_constants
from backlit.compiler.passes.dead_code import drop_dead_code
from backlit.compiler.passes.one_hot import compare_labels
from backlit.compiler.passes.shapes import plain_shapes
from backlit.compiler.passes.transposes import turn_products
from tests.compiler.texts import lines, parsed


def check(apply, before, after):
    assert str(drop_dead_code(apply(parsed(before)))) == lines(after)


def test_dead_code():
    check(
        lambda program: program,
        """
        %0 = input() 0 : f4[3]
        %1 = pointwise exp(%0) : f4[3]
        %2 = input() 1 : f4[3]
        %3 = pointwise negative(%0) : f4[3]
        %4 = pointwise sqrt(%1) : f4[3]
        write input 0 := %3
        return %3
        """,
        """
        %0 = input() 0 : f4[3]
        %1 = pointwise negative(%0) : f4[3]
        write input 0 := %1
        return %1
        """,
    )


def test_a_program_that_needs_nothing_done_is_the_same_object():
    program = parsed("%0 = input() 0 : f4[3]\n%1 = pointwise exp(%0) : f4[3]\nreturn %1")
    for _, apply in PASSES:
        assert apply(program) is program


def test_common_sub_expressions():
    check(
        merge_equal_steps,
        """
        %0 = input() 0 : f4[3]
        %1 = pointwise exp(%0) : f4[3]
        %2 = pointwise exp(%0) : f4[3]
        %3 = pointwise negative(%1) : f4[3]
        %4 = pointwise negative(%2) : f4[3]
        %5 = pointwise add(%3, %4) : f4[3]
        return %5, %4
        """,
        """
        %0 = input() 0 : f4[3]
        %1 = pointwise exp(%0) : f4[3]
        %2 = pointwise negative(%1) : f4[3]
        %3 = pointwise add(%2, %2) : f4[3]
        return %3, %2
        """,
    )


def test_numbers_that_python_calls_equal_are_not_merged():
    program = parsed(
        """
        %0 = constant() 0.0 : f4[]
        %1 = constant() -0.0 : f4[]
        %2 = constant() 0 : f4[]
        %3 = constant() False : f4[]
        return %0, %1, %2, %3
        """
    )
    assert merge_equal_steps(program) is program


def test_constants():
    check(
        fold_constants,
        """
        %0 = constant() 3.0 : f4[]
        %1 = pointwise negative(%0) : f4[]
        %2 = view(%1)(0,(0, 0)) : f4[2, r]
        %3 = reduce sum(%2)(0, 1) : f4[]
        %4 = constant() 0.1 : f4[]
        %5 = pointwise cast(%4) : f8[]
        %6 = reduce max(%2)(0,) : f4[r]
        %7 = constant() 300 : i8[]
        %8 = pointwise cast(%7) : i1[]
        %9 = pointwise less(%1, %4) : b1[]
        return %1, %2, %3, %5, %6, %8, %9
        """,
        """
        %0 = constant() -3.0 : f4[]
        %1 = constant() -3.0 : f4[2, r]
        %2 = constant() -6r : f4[]
        %3 = constant() 0.10000000149011612 : f8[]
        %4 = constant() -3.0 : f4[r]
        %5 = constant() 44 : i1[]
        %6 = constant() True : b1[]
        return %0, %1, %2, %3, %4, %5, %6
        """,
    )


@pytest.mark.parametrize(
    "text",
    [
        # The sum is not exact, the index may be out of range, the part may be missing, the integer does not hold it.
        "%0 = constant() 0.1 : f4[r]\n%1 = reduce sum(%0)(0,) : f4[]\nreturn %1",
        "%0 = constant() 1 : f4[3]\n%1 = input() 0 : i8[2]\n%2 = take(%0, %1)(0,) : f4[2]\nreturn %2",
        "%0 = constant() 1.0 : f4[r]\n%1 = view(%0)(0,(1,)) : f4[8]\nreturn %1",
        "%0 = constant() inf : f4[]\n%1 = pointwise cast(%0) : i8[]\nreturn %1",
    ],
)
def test_what_is_no_constant_stays(text):
    program = parsed(text)
    assert fold_constants(program) is program


def test_layout_of_transposes():
    check(
        turn_products,
        """
        %0 = input() 0 : f4[r, 5]
        %1 = input() 1 : f4[r, 3]
        %2 = view(%0)(0,(1, 5)) : f4[5, r]
        %3 = product(%2, %1) : f4[5, 3]
        %4 = view(%3)(0,(1, 3)) : f4[3, 5]
        return %4
        """,
        """
        %0 = input() 0 : f4[r, 5]
        %1 = input() 1 : f4[r, 3]
        %2 = view(%1)(0,(1, 3)) : f4[3, r]
        %3 = product(%2, %0) : f4[3, 5]
        return %3
        """,
    )


def test_a_product_that_is_used_both_ways_is_left_alone():
    program = parsed(
        """
        %0 = input() 0 : f4[4, 5]
        %1 = input() 1 : f4[5, 3]
        %2 = product(%0, %1) : f4[4, 3]
        %3 = view(%2)(0,(1, 3)) : f4[3, 4]
        %4 = pointwise exp(%2) : f4[4, 3]
        return %3, %4
        """
    )
    assert turn_products(program) is program


def test_plain_shapes():
    check(
        plain_shapes,
        """
        %0 = input() 0 : f4[r]
        %1 = view(%0)(0,(1, 0)) : f4[r, 1]
        %2 = constant() 2 : f4[r, 1]
        %3 = pointwise add(%1, %2) : f4[r, 1]
        %4 = pointwise exp(%3) : f4[r, 1]
        %5 = view(%4)(0,(1, 0)) : f4[r, 3]
        return %5
        """,
        """
        %0 = input() 0 : f4[r]
        %1 = constant() 2 : f4[r]
        %2 = pointwise add(%0, %1) : f4[r]
        %3 = pointwise exp(%2) : f4[r]
        %4 = view(%3)(0,(1, 0)) : f4[r, 3]
        return %4
        """,
    )


def test_only_what_is_picked_is_computed():
    check(
        plain_shapes,
        """
        %0 = input() 0 : i8[r]
        %1 = input() 1 : f4[r, 5]
        %2 = iota() : i8[r]
        %3 = constant() 2 : f4[r, 5]
        %4 = pointwise multiply(%1, %3) : f4[r, 5]
        %5 = take(%4, %2, %0)(0, 1) : f4[r]
        return %5
        """,
        """
        %0 = input() 0 : i8[r]
        %1 = input() 1 : f4[r, 5]
        %2 = iota() : i8[r]
        %3 = take(%1, %2, %0)(0, 1) : f4[r]
        %4 = constant() 2 : f4[r]
        %5 = pointwise multiply(%3, %4) : f4[r]
        return %5
        """,
    )


@pytest.mark.parametrize(
    "text",
    [
        # A result would have to be copied; what else is used would be computed twice; more would be computed.
        """
        %0 = input() 0 : f4[r]
        %1 = view(%0)(0,(1, 0)) : f4[r, 1]
        %2 = pointwise exp(%1) : f4[r, 1]
        return %2
        """,
        """
        %0 = input() 0 : i8[2]
        %1 = input() 1 : f4[r]
        %2 = pointwise exp(%1) : f4[r]
        %3 = take(%2, %0)(0,) : f4[2]
        return %3, %2
        """,
        """
        %0 = input() 0 : i8[20]
        %1 = input() 1 : f4[4]
        %2 = pointwise exp(%1) : f4[4]
        %3 = take(%2, %0)(0,) : f4[20]
        return %3
        """,
    ],
)
def test_what_is_best_as_it_is(text):
    program = parsed(text)
    assert plain_shapes(program) is program


PICKED = """
%0 = input() 0 : i8[r]
%1 = input() 1 : f4[r, 5]
%2 = view(%0)(0,(1, 0)) : i8[r, 1]
%3 = iota() : i8[r]
%4 = view(%3)(0,(1, 0)) : i8[r, 1]
%5 = take(%1, %4, %2)(0, 1) : f4[r, 1]
%6 = constant() 0 : f4[r, 5]
%7 = scatter add(%6, %5, %4, %2)(0, 1) : f4[r, 5]
"""


def test_comparison_of_labels():
    check(
        compare_labels,
        PICKED + "return %7",
        """
        %0 = input() 0 : i8[r]
        %1 = input() 1 : f4[r, 5]
        %2 = view(%0)(0,(1, 0)) : i8[r, 1]
        %3 = iota() : i8[r]
        %4 = view(%3)(0,(1, 0)) : i8[r, 1]
        %5 = take(%1, %4, %2)(0, 1) : f4[r, 1]
        %6 = constant() 0 : f4[r, 5]
        %7 = constant() 0 : i8[r, 1]
        %8 = pointwise less(%2, %7) : b1[r, 1]
        %9 = constant() 5 : i8[r, 1]
        %10 = pointwise add(%2, %9) : i8[r, 1]
        %11 = pointwise select(%8, %10, %2) : i8[r, 1]
        %12 = iota() : i8[5]
        %13 = view(%12)(0,(0, 1)) : i8[r, 5]
        %14 = view(%11)(0,(1, 0)) : i8[r, 5]
        %15 = pointwise equal(%13, %14) : b1[r, 5]
        %16 = view(%5)(0,(1, 0)) : f4[r, 5]
        %17 = pointwise add(%6, %16) : f4[r, 5]
        %18 = pointwise select(%15, %17, %6) : f4[r, 5]
        return %18
        """,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Nothing checks the labels; several rows may have one place; not all rows are counted.
        ("%5 = take(%1, %4, %2)(0, 1)", "%5 = take inside(%1, %4, %2)(0, 1)"),
        ("add(%6, %5, %4, %2)", "add(%6, %5, %2, %2)"),
        ("%3 = iota() : i8[r]", "%3 = pointwise absolute(%0) : i8[r]"),
    ],
)
def test_scatters_that_stay(old, new):
    assert old in PICKED
    program = parsed(PICKED.replace(old, new) + "return %7")
    assert compare_labels(program) is program


def test_the_gradient_of_picking_needs_no_reduction():
    text = PICKED + "%8 = pointwise negative(%7) : f4[r, 5]\n%9 = reduce sum(%8)(1,) : f4[r]\nreturn %9"
    assert {step.kind for step in improved(parsed(text)).steps}.isdisjoint({"scatter", "reduce"})
