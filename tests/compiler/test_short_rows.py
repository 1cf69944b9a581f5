"""Steps along short rows, in one kernel: the same values as one by one, for every number of rows and columns."""

import numpy as np
import pytest

import backlit
from backlit.compiler.compiled import compile
from backlit.errors import BacklitError
from backlit.nn import functional as F
from tests.compiler.evaluation import ends, native
from tests.compiler.plan.test_fusion import SOFTMAX
from tests.compiler.texts import parsed


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("columns", [2, 10, 16])
def test_a_softmax_of_any_number_of_rows(columns, kind):
    rng = np.random.default_rng(columns)
    for rows in (1, 2, 7, 8, 15, 16, 17, 40):
        text = SOFTMAX.replace("[r", f"[{rows}").replace(", 10]", f", {columns}]").replace("f4", kind)
        inputs = [rng.normal(size=(rows, columns)).astype(kind), rng.integers(-columns, columns, rows)]
        program = parsed(text)
        for found, expected in zip(native(program, inputs), ends(program, inputs), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5 if kind == "f4" else 1e-12, atol=1e-6)


@pytest.mark.parametrize(("op", "kind"), [("prod", "f4"), ("min", "i4"), ("max", "b1"), ("sum", "i8"), ("min", "f8")])
def test_every_reduction(op, kind):
    text = f"""
    %0 = input() 0 : {kind}[19, 5]
    %1 = reduce {op}(%0)(1,) : {kind}[19]
    %2 = view(%1)(0,(1, 0)) : {kind}[19, 5]
    %3 = pointwise equal(%0, %2) : b1[19, 5]
    return %1, %3
    """
    values = np.random.default_rng(0).integers(-3, 4, (19, 5)).astype(kind)
    if kind[0] == "f":
        values[3, 1], values[4, 2] = np.nan, -np.inf
    program = parsed(text)
    for found, expected in zip(native(program, [values]), ends(program, [values]), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("columns", [4, 10])
def test_an_update_in_place_reads_the_old_row(columns):
    text = """
    %0 = input() 0 : f8[18, 4]
    %1 = reduce max(%0)(1,) : f8[18]
    %2 = view(%1)(0,(1, 0)) : f8[18, 4]
    %3 = pointwise subtract(%0, %2) : f8[18, 4]
    write input 0 := %3
    return %1
    """
    values = np.random.default_rng(1).normal(size=(18, columns))
    program = parsed(text.replace(", 4]", f", {columns}]"))
    for found, expected in zip(native(program, [values]), ends(program, [values]), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("op", ["sum", "max"])
@pytest.mark.parametrize(("first", "second"), [(6, 4), (4, 6), (3, 16)])
def test_rows_of_two_lengths(op, first, second):
    text = f"""
    %0 = input() 0 : f8[19, {first}]
    %1 = input() 1 : f8[19, {second}]
    %2 = reduce {op}(%0)(1,) : f8[19]
    %3 = view(%2)(0,(1, 0)) : f8[19, {first}]
    %4 = pointwise subtract(%0, %3) : f8[19, {first}]
    %5 = reduce {op}(%1)(1,) : f8[19]
    %6 = pointwise add(%2, %5) : f8[19]
    return %4, %5, %6
    """
    rng = np.random.default_rng(first)
    values = [rng.normal(size=(19, first)), rng.normal(size=(19, second))]
    program = parsed(text)
    for found, expected in zip(native(program, values), ends(program, values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_label_that_is_no_class_is_an_error_in_every_lane():
    loss = compile(F.cross_entropy)
    scores, labels = backlit.randn(21, 3), backlit.zeros(21, dtype=backlit.int64)
    assert loss(scores, labels).isfinite()
    for row in (0, 15, 16, 20):
        wrong = labels.clone()
        wrong[row] = 3
        with pytest.raises(BacklitError):
            loss(scores, wrong)
