"""Lowering: the loop-level program of a rule computes what the rule does, whatever the rule is written with."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.compiler.lowering import LoweringNamespace, lower
from backlit.compiler.program import Program, ProgramBuilder
from backlit.compiler.symbolic import LoweredArray, NotLowered, kind_of
from backlit.core.namespace import NUMPY
from backlit.core.primitive import Primitive
from backlit.graph.trace import Traced
from tests.compiler.evaluation import evaluate
from tests.nn.layer_table import LAYERS, inputs
from tests.nn.names import NAMES
from tests.ops.operation_checks import calls, results_of


def lowered(rule: Any, *arrays: Any) -> tuple[Program, list[Any]]:
    """The program of a rule `rule(xp, *arrays)`, and its results by that program."""
    builder = ProgramBuilder()
    operands = [
        LoweredArray(builder, builder.add("input", "", (), i, a.shape, kind_of(a.dtype))) for i, a in enumerate(arrays)
    ]
    found = results_of(rule(LoweringNamespace(builder), *operands))
    program = builder.finished([operands[0].lifted(f).number for f in found])
    values = evaluate(program, list(arrays))
    return program, [values[o] for o in program.outputs]


def check(rule: Any, *arrays: Any) -> Program:
    """A rule gives the same by its program as in NumPy."""
    with np.errstate(all="ignore"):
        expected = results_of(rule(NUMPY, *arrays))
    program, found = lowered(rule, *arrays)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == np.asarray(other).dtype
    return program


X = np.arange(24.0).reshape(4, 6) - 7.5


@pytest.mark.parametrize(
    "rule",
    [
        lambda xp, x: xp.concatenate([x, x[:0], x[1:3], -x], axis=0),
        lambda xp, x: xp.concatenate([x[:, 1:], x[:, :1].astype("float32")], axis=1),
        lambda xp, x: xp.stack([x, x * 2], axis=1),
        lambda xp, x: xp.stack([x, x], axis=-1),
        lambda xp, x: xp.pad(x, ((1, 0), (2, 3)), constant_values=9),
        lambda xp, x: xp.scatter_add(xp.ones(x.shape, x.dtype), (slice(1, 3), slice(0, 6, 2)), x[1:3, ::2]),
        lambda xp, x: xp.scatter_set(xp.full(x.shape, -2.5, x.dtype), (slice(1, 3),), x[1:3]),
        lambda xp, x: xp.pad(x[:0], ((1, 1), (0, 0)), constant_values=9),
        lambda xp, x: xp.tile(x, (2, 1, 3)),
        lambda xp, x: xp.roll(x, 5, None),
        lambda xp, x: xp.roll(x, (-9, 2), (0, 1)),
        lambda xp, x: xp.tril(x, -1) + xp.triu(x, 2),
        lambda xp, x: xp.einsum("...ii->...i", x[:, :4]),
        lambda xp, x: xp.take_along_axis(x, xp.argmax(x, axis=1, keepdims=True), axis=1),
        lambda xp, x: xp.take(x, xp.asarray([2, 0, 2]), axis=1),
        lambda xp, x: xp.eye(3, 4, dtype=np.float32) + xp.arange(1, 9, 2).astype("float32"),
        lambda xp, x: xp.linspace(0.5, -2.0, 7),
        lambda xp, x: xp.linspace(0.5, 2.0, 1),
        lambda xp, x: xp.full((2, 3), x[0, 1]) + xp.full_like(x[:2, :3], 4),
        lambda xp, x: (xp.round(x / 3), xp.round(x / 3, 2), xp.round(x * 3, -1)),
        lambda xp, x: xp.nan_to_num(x / xp.maximum(x, 0), nan=0.5, posinf=None, neginf=None),
        lambda xp, x: xp.isclose(x, x + 1e-9, rtol=0.0, atol=1e-8, equal_nan=True),
        lambda xp, x: x + xp.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        lambda xp, x: xp.where(x > 0, 1, 2),
        lambda xp, x: xp.where(x > 0, x, np.float32(2)),
        lambda xp, x: ((x / 0) ** 0.5, (x * -0.0) ** 0.5, (x / 0) ** xp.full_like(x, 0.5), x**2, 2**x),
        lambda xp, x: (x.astype("int64") // 3, x.astype("int64") % 3, x.astype("bool")),
        lambda xp, x: (
            x.sum(),
            x.mean(axis=0),
            x.max(axis=(0, 1)),
            x.argmin(),
            (x > 0).any(axis=1),
            (x > 0).sum(axis=0),
        ),
        lambda xp, x: x[[1, 0], :] @ x.T,
        lambda xp, x: xp.moveaxis(x.reshape(2, 2, 6), (0, 2), (2, 0))[1, ::-1],
    ],
)
def test_rules_in_numpy_terms(rule: Any) -> None:
    check(rule, X)


KEYS = st.tuples(
    *[
        st.one_of(
            st.integers(-n, n - 1),
            st.builds(
                slice,
                st.none() | st.integers(-n - 1, n + 1),
                st.none() | st.integers(-n - 1, n + 1),
                st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]),
            ),
        )
        for n in X.shape
    ]
)


@given(key=KEYS, new=st.integers(0, 3), add=st.booleans())
def test_a_part_read_and_written(key: tuple[Any, ...], new: int, add: bool) -> None:
    places = (*key[:new], None, *key[new:])[:3] if new <= 2 else (..., *key)

    def rule(xp: Any, x: Any) -> Any:
        part = x[places]
        change = xp.scatter_add if add else xp.scatter_set
        return part, change(x * 1, places, part * 10)

    program = check(rule, X)
    assert not any(s.kind == "scatter" for s in program.steps), "slices need no scatter"


@given(
    order=st.permutations(range(3)),
    picked=st.sets(st.integers(0, 2), min_size=1),
    count=st.integers(0, 4),
    add=st.booleans(),
    seed=st.integers(0, 9),
)
def test_elements_picked_and_put(order: list[int], picked: set[int], count: int, add: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 4, 2)).transpose(order).copy()
    places = [rng.permutation(2)[:count] if not add else rng.integers(-2, 2, count) for _ in picked]

    def rule(xp: Any, x: Any, *places: Any) -> Any:
        left = iter(places)
        key = tuple([next(left) if d in picked else slice(None) for d in range(3)])
        part = x[key]
        return part, (xp.scatter_add if add else xp.scatter_set)(x * 1, key, part + 1)

    check(rule, x, *places)


@pytest.mark.parametrize("operation", [p for p in Primitive.registry.values() if not p.dynamic], ids=lambda p: p.name)
def test_every_operation(operation: Primitive) -> None:
    for call in calls(operation):
        for kind in ("float64", "float32"):
            tensors = [t.detach() if isinstance(t, backlit.Tensor) else t for t in call.tensors(kind)]
            traced = Traced(lambda *args, call=call: operation.bind(*args, **call.settings), tensors, {})
            program = lower(traced.graph)
            arrays = [t._array for t in (*(t for t in tensors if isinstance(t, backlit.Tensor)), *traced.states)]
            values = evaluate(program, arrays)
            with np.errstate(all="ignore"):
                expected = results_of(operation.bind(*tensors, **call.settings))
            for output, result in zip(program.outputs, expected, strict=True):
                tolerance = 1e-12 if kind == "float64" else 1e-5
                np.testing.assert_allclose(values[output], result._array, rtol=tolerance, atol=tolerance)


def test_layers_are_not_called_back() -> None:
    for text, specs in LAYERS:
        module = eval(text, NAMES).double()

        def step(*args: Any, module: Any = module) -> Any:
            result = module(*args)
            if result.requires_grad:
                result.sum().backward()
            return result.detach()

        given = [backlit.tensor(a, requires_grad=a.dtype.kind == "f") for a in inputs(specs)]
        graph = Traced(step, given, {}).graph
        program = lower(graph, [ref for _, ref in graph.grads if ref is not None])
        assert [program.steps[n].op for n in program.alive() if program.steps[n].kind == "call"] == [], text


def test_what_has_no_steps_is_called_back() -> None:
    graph = Traced(lambda x: x.sort(0).values + x.exp(), [backlit.zeros(3, 2)], {}).graph
    program = lower(graph)
    assert {program.steps[n].op for n in program.alive() if program.steps[n].kind == "call"} == {"sort"}
    with pytest.raises(NotLowered, match="branch"):
        lowered(lambda xp, x: x if (x > 0).all() else -x, X)
    with pytest.raises(NotLowered, match="its values"):
        lowered(lambda xp, x: np.asarray(x), X)


@pytest.mark.parametrize("shape", [(2, 0), (0, 2)])
def test_a_softmax_over_nothing(shape: tuple[int, int]) -> None:
    for function in (lambda x: x.softmax(1), lambda x: x.log_softmax(1)):
        assert Traced(function, (backlit.zeros(shape),), {}).run(backlit.zeros(shape)).shape == shape


def test_a_view_of_a_view_is_one_of_its_source() -> None:
    program, _ = lowered(lambda xp, x: (x.T.T + 1, x.T.T.T, x[None][0]), X)
    assert len([n for n in program.alive() if program.steps[n].kind == "view"]) == 1
    assert program.steps[program.outputs[2]].kind == "input"


def test_a_number_rounded_to_float32_stays_so() -> None:
    rule = lambda xp, x: xp.full((2,), 0.1, np.float32).astype(np.float64)  # noqa: E731
    assert lowered(rule, X)[1][0][0] == np.float32(0.1)


def test_a_wrong_formula_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from backlit.compiler import symbolic

    monkeypatch.setitem(symbolic.FUNCTIONS, np.tril, lambda x, k=0: np.triu(x, k))
    with pytest.raises(AssertionError):
        check(lambda xp, x: xp.tril(x), X)
