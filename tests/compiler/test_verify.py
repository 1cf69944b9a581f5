"""Programs with a fault, each caught by the check that runs after every pass."""

import pytest

from backlit.compiler.passes import improved
from backlit.compiler.program import Program
from backlit.compiler.verify import verify_program
from backlit.errors import GraphError
from tests.compiler.texts import parsed

GIVEN = """
%0 = input() 0 : f4[r, 3]
%1 = input() 1 : i8[r]
%2 = input() 2 : f4[3, 2]
"""
FAULTS = {
    "pointwise exp(%4) : f4[r, 3]": "no earlier step makes",
    "wish(%0) : f4[r, 3]": "wish is no kind of step",
    "input(%0) 3 : f4[r, 3]": "no arguments",
    "constant() 'a' : f4[]": "a constant is a number",
    "iota() : f4[3]": "indices are a vector of i8",
    "pointwise exp(%0) : f4[r, 2]": "arguments of their own shape",
    "pointwise exp(%0) : f8[r, 3]": "exp of these makes f4",
    "pointwise less(%0, %0) : f4[r, 3]": "less of these makes b1",
    "pointwise add(%0) : f4[r, 3]": "there is no add of these",
    "pointwise exp(%1) : i8[r]": "there is no exp of these",
    "pointwise select(%0, %0, %0) : f4[r, 3]": "there is no select of these",
    "pointwise unheard_of(%0) : f4[r, 3]": "there is no unheard_of of these",
    "view(%0)(0,(3, 1)) : f8[r, 3]": "of its own type",
    "view(%0)(0,(3,)) : f4[r, 3]": "a stride for each dimension",
    "view(%0)(1,(3, 1)) : f4[r, 3]": "reaches outside",
    "view(%0)(0,(-3, 1)) : f4[r, 3]": "reaches outside",
    "pad(%0)((0, 0),(1, 1), 0) : f8[r, 5]": "of its own type and dimensions",
    "pad(%0)((0, 3),(1, 1), 0) : f4[r, 5]": "has room for its argument",
    "pad(%0)((0, 1),(1, 2), 0) : f4[r, 5]": "has room for its argument",
    "pad(%0)((0, 1),(1, 1), 'a') : f4[r, 5]": "what a pad adds is a number",
    "join(%0, %2) 1 : f4[r, 5]": "the same shape along other dimensions",
    "join(%0, %0) 1 : f4[r, 5]": "as long as its arguments together",
    "reduce sum(%0)(1,) : f4[r, 3]": "dimensions that are not reduced",
    "reduce sum(%0)(2,) : f4[r, 3]": "are not the argument's",
    "reduce argmax(%0)(1,) : f4[r]": "argmax of f4 makes i8",
    "reduce median(%0)(1,) : f4[r]": "no reduction median",
    "product(%0, %0) : f4[r, 3]": "do not match",
    "product(%0, %2) : f4[r, 3]": "the product has the shape",
    "product(%0, %1) : f4[r, 3]": "of its own type",
    "take(%0, %0)(0,) : f4[r, 3]": "do not pick this",
    "take(%0, %1)(2,) : f4[r, 3]": "do not pick this",
    "scatter add(%0, %0, %0)(0,) : f4[r, 3]": "do not name places",
    "scatter add(%2, %0, %1)(0,) : f4[r, 3]": "changes its first argument",
    "scan add(%0) 1 : f4[r, 2]": "one argument, and its type",
    "scan add(%0) 2 : f4[r, 3]": "there is no scan add of these",
    "scan subtract(%0) 1 : f4[r, 3]": "there is no scan subtract",
    "random(%1) : u8[4]": "a generator's state",
    "measure moments(%0, %1) : f4[2, 5]": "of its arguments' type",
    "measure moments(%0) : f4[2, 5]": "there is no measure moments of these",
    "measure at_least(%2, %0) : f4[1, 2]": "there is no measure at_least of these",
    "measure median(%0) : f4[1, 5]": "there is no measure median",
    "call unheard_of(%0) ((None,),(),0) : f4[r, 3]": "there is no operation unheard_of",
    "call exp(%0) ((None, None),(),0) : f4[r, 3]": "a place for each argument",
}


@pytest.mark.parametrize("step", FAULTS)
def test_faults(step):
    with pytest.raises(GraphError, match="after planting: step %3, ") as caught:
        verify_program(parsed(f"{GIVEN}%3 = {step}\nreturn %3"), "planting")
    assert FAULTS[step] in str(caught.value)


def test_a_final_value_of_another_type():
    program = parsed(f"{GIVEN}%3 = reduce sum(%0)(1,) : f4[r]\nwrite input 0 := %3\nreturn %3")
    with pytest.raises(GraphError, match=r"%3, .*is left in input 0, which holds f4\[r, 3\]"):
        verify_program(program, "planting")


def test_a_result_that_is_not_there():
    program = parsed(GIVEN)
    with pytest.raises(GraphError, match="%7 is asked for"):
        verify_program(Program(program.steps, (7,)), "planting")


def test_a_pass_that_makes_a_fault_is_named():
    program = parsed(f"{GIVEN}%3 = pointwise exp(%0) : f4[r, 3]\nreturn %3")

    def breaks(program):
        wrong = parsed(f"{GIVEN}%3 = pointwise exp(%0) : f4[3, 3]\nreturn %3")
        return Program(wrong.steps, program.outputs, program.writes)

    with pytest.raises(GraphError, match=r"after breaking: step %3, .*exp.*f4\[3, 3\], given f4\[r, 3\]"):
        improved(program, [("breaking", breaks)])


@pytest.mark.parametrize("step", FAULTS)
def test_a_fault_after_steps_that_were_checked_before(step):
    whole = parsed(f"{GIVEN}%3 = {step}\n%4 = iota() : i8[r]\nreturn %4")
    before = verify_program(Program(whole.steps[:3]), "nothing")
    with pytest.raises(GraphError, match="after planting: step %3, "):
        verify_program(whole, "planting", before)
    # A step that is the same one is checked all the same where one before it has changed.
    first, *others = whole.steps[:3]
    changed = Program((first._replace(attrs=2), *others, whole.steps[3]))
    with pytest.raises(GraphError, match="after planting: step %3, "):
        verify_program(changed, "planting", whole)
