"""Shapes, indices, views and writes behave as in PyTorch: reference results made by make_programs_reference.py."""

import json
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit.core.primitive import Primitive
from backlit.errors import BacklitError, GraphError
from backlit.graph.trace import trace
from tests.ops import shape_programs, view_programs
from tests.ops.program_checks import X, Y, leaves, run_shape_program, run_view_program

REFERENCE = json.loads(Path(__file__).with_name("programs_reference.json").read_text(encoding="utf-8"))


def compare(found, expected):
    for kind in ("results", "grads"):
        assert len(found[kind]) == len(expected[kind])
        for ours, theirs in zip(found[kind], expected[kind], strict=True):
            if ours is None or theirs is None:
                assert ours is theirs, kind
            else:
                assert (ours["dtype"], ours["shape"]) == (theirs["dtype"], theirs["shape"]), kind
                np.testing.assert_allclose(ours["values"], theirs["values"], rtol=1e-12, atol=1e-11, err_msg=kind)


def check(run, expected, *args):
    if expected is None:
        with pytest.raises(BacklitError):
            run(backlit, *args)
    else:
        compare(run(backlit, *args), expected)


@pytest.mark.parametrize("name", shape_programs.PROGRAMS)
def test_shapes_and_indices_as_in_pytorch(name):
    check(run_shape_program, REFERENCE["shapes"][name], *shape_programs.PROGRAMS[name])


@pytest.mark.parametrize("name", view_programs.PROGRAMS)
def test_writes_and_views_as_in_pytorch(name):
    check(run_view_program, REFERENCE["views"][name], view_programs.PROGRAMS[name], X, Y)


def with_gradients(program):
    """The program with its gradients, as a function of tensors that a trace can take."""

    def run(*tensors):
        found = program(backlit, *tensors)
        results = list(found) if isinstance(found, (tuple, list)) else [found]
        parts = [(r * r).sum() for r in results if r.requires_grad]
        if parts:
            sum(parts[1:], parts[0]).backward()
        return (*results, *(x.grad for x in tensors if x.grad is not None))

    return run


TRACED = {name: program for name, program in shape_programs.PROGRAMS.items() if REFERENCE["shapes"][name]}
TRACED |= {name: (program, X, Y) for name, program in view_programs.PROGRAMS.items() if REFERENCE["views"][name]}
READ = ("mask ", "two masks", "nonzero", "argwhere", "bincount", "quantiles")
DEPENDING_ON_VALUES = {name for name in TRACED if name.startswith(READ)}
DEPENDING_ON_VALUES |= {"mask", "masked_select", "masked_scatter", "repeat_interleave tensor"}
DEPENDING_ON_VALUES -= {"mask and number"}


@pytest.mark.parametrize("name", sorted(TRACED.keys() - DEPENDING_ON_VALUES))
def test_a_trace_gives_what_eager_execution_gives(name):
    program, *arrays = TRACED[name]
    run = with_gradients(program)
    expected = run(*leaves(backlit, arrays))
    found = trace(run, *leaves(backlit, arrays)).run(*leaves(backlit, arrays))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(DEPENDING_ON_VALUES))
def test_a_shape_that_depends_on_values_cannot_be_traced(name):
    program, *arrays = TRACED[name]
    with pytest.raises(GraphError, match=r"depends on values|asked for the values"):
        trace(with_gradients(program), *leaves(backlit, arrays))


def test_a_wrong_gradient_is_caught(monkeypatch):
    rule = Primitive.registry["flip"]._rules[0]
    monkeypatch.setattr(rule, "function", lambda g, dims: g)
    with pytest.raises(AssertionError, match="grads"):
        test_shapes_and_indices_as_in_pytorch("flip")
