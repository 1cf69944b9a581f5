"""Which steps get memory, and which are computed in one kernel."""

from backlit.compiler.plan import plan
from tests.compiler.texts import parsed


def kernels(text):
    """For each kernel, its core's kind and the operations of its roots that it stores."""
    planned = plan(parsed(text))
    steps = planned.program.steps
    return [
        (
            "loop" if kernel.core is None else steps[kernel.core].kind,
            [steps[r].op or steps[r].kind for r in kernel.roots if planned.stores[r]],
        )
        for kernel in planned.kernels
    ]


def test_a_chain_is_one_loop():
    text = """
    %0 = input() 0 : f4[r, 3]
    %1 = pointwise exp(%0) : f4[r, 3]
    %2 = pointwise negative(%1) : f4[r, 3]
    %3 = pointwise sqrt(%1) : f4[r, 3]
    return %2, %3
    """
    assert kernels(text) == [("loop", ["negative", "sqrt"])]


def test_a_product_takes_its_bias_and_activation_with_it():
    text = """
    %0 = input() 0 : f4[r, 3]
    %1 = input() 1 : f4[3, 4]
    %2 = input() 2 : f4[4]
    %3 = product(%0, %1) : f4[r, 4]
    %4 = view(%2)(0,(0, 1)) : f4[r, 4]
    %5 = pointwise add(%3, %4) : f4[r, 4]
    %6 = pointwise tanh(%5) : f4[r, 4]
    return %6
    """
    assert kernels(text) == [("product", ["tanh"])]


def test_a_gradient_takes_the_update_with_it():
    text = """
    %0 = input() 0 : f4[3, r]
    %1 = input() 1 : f4[r, 4]
    %2 = input() 2 : f4[3, 4]
    %3 = input() 3 : f8[]
    %4 = pointwise cast(%3) : f4[]
    %5 = product(%0, %1) : f4[3, 4]
    %6 = view(%4)(0,(0, 0)) : f4[3, 4]
    %7 = pointwise multiply(%6, %5) : f4[3, 4]
    %8 = pointwise subtract(%2, %7) : f4[3, 4]
    write input 2 := %8
    return
    """
    planned = plan(parsed(text))
    (kernel,) = [k for k in planned.kernels if k.core is not None]
    assert planned.stores[8] == [("input", 2)]
    assert 8 in kernel.roots
    # The gradient itself is never in memory.
    assert not planned.stores[5]


def test_a_reduction_takes_what_follows_it_on_vectors():
    text = """
    %0 = input() 0 : f4[r, 3]
    %1 = pointwise exp(%0) : f4[r, 3]
    %2 = reduce sum(%1)(0,) : f4[3]
    %3 = pointwise log(%2) : f4[3]
    return %3
    """
    assert kernels(text) == [("reduce", ["log"])]
    # Along long rows it gives one number at a time, and the logarithm has a loop of its own.
    rows = text.replace("(0,) : f4[3]", "(1,) : f4[r]").replace("log(%2) : f4[3]", "log(%2) : f4[r]")
    assert kernels(rows.replace("r, 3]", "r, 17]")) == [("reduce", ["sum"]), ("loop", ["log"])]


SOFTMAX = """
%0 = input() 0 : f4[r, 10]
%1 = input() 1 : i8[r]
%2 = reduce max(%0)(1,) : f4[r]
%3 = view(%2)(0,(1, 0)) : f4[r, 10]
%4 = pointwise subtract(%0, %3) : f4[r, 10]
%5 = pointwise exp(%4) : f4[r, 10]
%6 = reduce sum(%5)(1,) : f4[r]
%7 = pointwise log(%6) : f4[r]
%8 = view(%7)(0,(1, 0)) : f4[r, 10]
%9 = iota() : i8[r]
%10 = view(%9)(0,(1, 0)) : i8[r, 1]
%11 = view(%1)(0,(1, 0)) : i8[r, 1]
%12 = take(%4, %10, %11)(0, 1) : f4[r, 1]
%13 = take(%8, %10, %11)(0, 1) : f4[r, 1]
%14 = pointwise subtract(%12, %13) : f4[r, 1]
%15 = view(%6)(0,(1, 0)) : f4[r, 10]
%16 = pointwise divide(%5, %15) : f4[r, 10]
return %14, %16
"""


def test_what_happens_along_short_rows_is_one_kernel_and_keeps_nothing_in_between():
    (kernel,) = plan(parsed(SOFTMAX)).kernels
    assert kernel.core is None
    assert kernel.columns == 10
    assert kernels(SOFTMAX) == [("loop", ["subtract", "divide"])]


def test_what_reads_other_rows_does_not_join_them():
    text = """
    %0 = input() 0 : f4[r, 3]
    %1 = reduce sum(%0)(1,) : f4[r]
    %2 = pointwise exp(%1) : f4[r]
    %3 = reduce max(%2)(0,) : f4[]
    %4 = view(%3)(0,(0,)) : f4[r]
    %5 = pointwise subtract(%2, %4) : f4[r]
    %6 = iota() : i8[r]
    %7 = constant() 2 : i8[r]
    %8 = pointwise floor_divide(%6, %7) : i8[r]
    %9 = take(%2, %8)(0,) : f4[r]
    %10 = pointwise add(%9, %5) : f4[r]
    return %10
    """
    first = plan(parsed(text)).kernels[0]
    assert first.columns == 3
    assert not {3, 5, 10} & set(first.roots)


def test_numbers_that_need_no_product_come_first():
    text = """
    %0 = input() 0 : f4[r, 3]
    %1 = input() 1 : f4[3, 3]
    %2 = input() 2 : i8[r]
    %3 = product(%0, %1) : f4[r, 3]
    %4 = reduce max(%3)(1,) : f4[r]
    %5 = pointwise cast(%2) : f4[r]
    %6 = reduce sum(%5)(0,) : f4[]
    %7 = view(%6)(0,(0,)) : f4[r]
    %8 = pointwise divide(%4, %7) : f4[r]
    return %8
    """
    assert [name for name, _ in kernels(text)] == ["reduce", "product", "loop"]


def test_what_is_read_across_waits_for_a_kernel_of_its_own():
    text = """
    %0 = input() 0 : f4[4, 4]
    %1 = pointwise exp(%0) : f4[4, 4]
    %2 = view(%1)(0,(1, 4)) : f4[4, 4]
    %3 = pointwise sqrt(%1) : f4[4, 4]
    %4 = pointwise add(%2, %3) : f4[4, 4]
    return %1, %4
    """
    assert kernels(text) == [("loop", ["exp"]), ("loop", ["add"])]


def test_what_a_view_repeats_is_kept():
    text = """
    %0 = input() 0 : f4[r]
    %1 = pointwise exp(%0) : f4[r]
    %2 = view(%1)(0,(1, 0)) : f4[r, 3]
    %3 = pointwise negative(%2) : f4[r, 3]
    return %3
    """
    assert kernels(text) == [("loop", ["exp"]), ("loop", ["negative"])]
