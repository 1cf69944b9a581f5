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
    # Over rows it gives one number at a time, and the logarithm has a loop of its own.
    rows = text.replace("(0,) : f4[3]", "(1,) : f4[r]").replace("log(%2) : f4[3]", "log(%2) : f4[r]")
    assert next(kind for kind, _ in kernels(rows)) == "reduce"
    assert len(kernels(rows)) == 2


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
