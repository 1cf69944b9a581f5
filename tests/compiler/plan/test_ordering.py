"""Final values: in place where no one still needs the old ones, copied at the end where someone does."""

import numpy as np
import pytest

from backlit.compiler.plan import plan
from tests.compiler.evaluation import ends, native
from tests.compiler.texts import parsed

GIVEN = "%0 = input() 0 : f8[2, 2]\n%1 = input() 1 : f8[2, 2]\n%2 = input() 2 : i8[2]\n"
# What is planned, and whether all is written in place.
WRITES = {
    "an update": ("%3 = pointwise negative(%0) : f8[2, 2]\nwrite input 0 := %3\nreturn", True),
    "an update that others read after it": (
        """
        %3 = pointwise negative(%0) : f8[2, 2]
        %4 = pointwise exp(%3) : f8[2, 2]
        write input 0 := %3
        return %4
        """,
        True,
    ),
    "the old value is read by a later step": (
        """
        %3 = pointwise negative(%0) : f8[2, 2]
        %4 = reduce sum(%0)(0, 1) : f8[]
        %5 = view(%4)(0,(0, 0)) : f8[2, 2]
        %6 = pointwise add(%5, %0) : f8[2, 2]
        write input 0 := %3
        return %6
        """,
        True,
    ),
    "read across while it is written": (
        """
        %3 = view(%0)(0,(1, 2)) : f8[2, 2]
        %4 = pointwise negative(%3) : f8[2, 2]
        write input 0 := %4
        return
        """,
        False,
    ),
    "read after another update": (
        """
        %3 = pointwise exp(%0) : f8[2, 2]
        %4 = reduce sum(%3)(0, 1) : f8[]
        %5 = view(%4)(0,(0, 0)) : f8[2, 2]
        %6 = pointwise add(%0, %5) : f8[2, 2]
        write input 0 := %3
        return %6
        """,
        False,
    ),
    "two that swap": ("write input 0 := %1\nwrite input 1 := %0\nreturn", True),
    "two that swap, changed": (
        """
        %3 = pointwise negative(%0) : f8[2, 2]
        %4 = pointwise exp(%1) : f8[2, 2]
        write input 1 := %3
        write input 0 := %4
        return
        """,
        True,
    ),
    "a product, beside which the old value is read": (
        """
        %3 = product(%1, %1) : f8[2, 2]
        %4 = pointwise add(%3, %0) : f8[2, 2]
        write input 0 := %3
        return %4
        """,
        False,
    ),
    "two that swap, turned": (
        """
        %3 = view(%1)(0,(1, 2)) : f8[2, 2]
        %4 = view(%0)(0,(1, 2)) : f8[2, 2]
        write input 0 := %3
        write input 1 := %4
        return
        """,
        False,
    ),
    "an input moved": ("write input 0 := %1\nreturn %1", True),
    "an old value returned": ("%3 = pointwise negative(%0) : f8[2, 2]\nwrite input 0 := %3\nreturn %0, %3", True),
    "one value in two places": (
        "%3 = pointwise negative(%0) : f8[2, 2]\nwrite input 0 := %3\nwrite input 1 := %3\nreturn",
        False,
    ),
    "a constant": ("%3 = constant() 2.5 : f8[2, 2]\nwrite input 0 := %3\nreturn", True),
    "a rule called back": (
        "%3 = call erf(%0) ((None,),(),0) : f8[2, 2]\nwrite input 0 := %3\nwrite input 1 := %3\nreturn",
        False,
    ),
    "a rule called back, alone": ("%3 = call erf(%1) ((None,),(),0) : f8[2, 2]\nwrite input 0 := %3\nreturn", True),
    "a rule called back, and returned": (
        "%3 = call erf(%1) ((None,),(),0) : f8[2, 2]\nwrite input 0 := %3\nreturn %3",
        False,
    ),
    "a scatter": (
        """
        %3 = constant() 1.0 : f8[2, 2]
        %4 = scatter add(%3, %1, %2)(0,) : f8[2, 2]
        write input 0 := %4
        return
        """,
        True,
    ),
    "a scatter into the old value, and returned": (
        "%3 = scatter add(%0, %1, %2)(0,) : f8[2, 2]\nwrite input 0 := %3\nreturn %3",
        False,
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    text, in_place = WRITES[name]
    program = parsed(GIVEN + text)
    planned = plan(program)
    # A copy at the end reads what was computed; one of an input is no detour.
    added = planned.program.steps[len(program.steps) :]
    assert all(planned.program.steps[step.args[0]].kind == "input" for step in added) == in_place
    rng = np.random.default_rng(1)
    inputs = [rng.normal(size=(2, 2)), rng.normal(size=(2, 2)), np.array([1, 1])]
    for found, expected in zip(native(program, inputs), ends(program, inputs), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_nothing_is_written_before_the_guard():
    text = """
    %0 = input() 0 : f8[2]
    %1 = pointwise negative(%0) : f8[2]
    %2 = input() 1 : f8[2]
    %3 = reduce sum(%2)(0,) : f8[]
    write input 0 := %1
    return %3
    """
    planned = plan(parsed(text), guards=(3,))
    roots = [kernel.roots for kernel in planned.kernels]
    assert roots.index([3]) < roots.index([1])
    assert planned.memory[3] == ("arena", 3)
