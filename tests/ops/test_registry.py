"""What every operation must fulfil, tried on all that exist: a new operation is in here by being defined."""

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from backlit.core.composite import Composite
from backlit.core.primitive import Primitive
from tests.ops.operation_checks import (
    Call,
    calls,
    check_formula,
    check_gradient,
    check_infer,
    check_layout,
    check_portable,
    check_precision,
    in_layouts,
    in_shapes,
    outcome,
    smooth_at,
)

EVERY = sorted(Primitive.registry.values(), key=lambda p: p.name)
DIFFERENTIABLE = [p for p in EVERY if p.differentiable]
ELEMENTWISE = [p for p in EVERY if p.elementwise]
COMPOSITES = [p for p in EVERY if isinstance(p, Composite)]


def of_all(operations: list[Primitive]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=lambda p: p.name)


@of_all(EVERY)
def test_says_what_it_is(operation: Primitive) -> None:
    assert operation.role, "the part it plays in a backward pass"
    assert operation.notation, "how it is written in mathematics"


@of_all(DIFFERENTIABLE)
def test_gradient_agrees_with_finite_differences(operation: Primitive) -> None:
    for call in calls(operation):
        if smooth_at(operation, call):
            check_gradient(operation, call)


@of_all([p for p in DIFFERENTIABLE if p.elementwise])
def test_gradient_in_all_shapes(operation: Primitive) -> None:
    for call in calls(operation):
        if smooth_at(operation, call):
            for _, shaped in in_shapes(operation, call):
                if smooth_at(operation, shaped):
                    check_gradient(operation, shaped)


@of_all(EVERY)
def test_layout_of_memory_does_not_matter(operation: Primitive) -> None:
    for call in calls(operation):
        for words, laid_out in in_layouts(operation, call):
            check_layout(operation, laid_out, words)


@of_all([p for p in EVERY if not p.dynamic])
def test_foretold_shapes_and_types(operation: Primitive) -> None:
    for call in calls(operation):
        check_infer(operation, call)
        if operation.elementwise:
            for _, shaped in in_shapes(operation, call):
                check_infer(operation, shaped)


@of_all(EVERY)
def test_float32_agrees_with_float64(operation: Primitive) -> None:
    for call in calls(operation):
        if smooth_at(operation, call):
            check_precision(operation, call)


@of_all([p for p in EVERY if not p.dynamic and not isinstance(p, Composite)])
def test_forward_rule_is_portable(operation: Primitive) -> None:
    for call in calls(operation):
        check_portable(operation, call)


@of_all(COMPOSITES)
def test_kernel_is_its_formula(operation: Composite) -> None:
    for call in calls(operation):
        check_formula(operation, call)


@pytest.fixture
def planted() -> Iterator[type[Primitive]]:
    """Operations made in a test are forgotten after it."""
    before = dict(Primitive.registry)
    yield Primitive
    Primitive.registry.clear()
    Primitive.registry.update(before)


def test_a_wrong_gradient_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x: xp.sin(x) * x, name="wrong", elementwise=True)
    wrong.gradient(x=lambda g, x: g * (x.cos() * x))
    with pytest.raises(AssertionError, match="wrong: gradient"):
        check_gradient(wrong, *calls(wrong))


def test_a_wrong_gradient_of_the_gradient_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x: x**3, name="wrong", elementwise=True)
    # Right as a value, but the slope is cut off from x.
    wrong.gradient(x=lambda g, x: g * (3 * x.detach() ** 2))
    with pytest.raises(AssertionError, match="wrong: second order"):
        check_gradient(wrong, *calls(wrong))


def test_a_gradient_without_broadcasting_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x, y: x * y, name="wrong")
    wrong.gradient(x=lambda g, y: g * y, y=lambda g, x: g * x)
    with pytest.raises(Exception, match="wrong"):
        check_gradient(wrong, Call((np.ones((2, 3)), np.ones(3)), {}))


def test_a_forgotten_gradient_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x, y: x * y, name="wrong", elementwise=True)
    wrong.gradient(x=lambda g, y: g * y)
    with pytest.raises(AssertionError, match="float input 1"):
        check_gradient(wrong, *calls(wrong))


def test_a_wrong_shape_rule_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x: x.T, name="wrong", samples=lambda rng: [((rng.normal(size=(2, 3)),), {})])
    wrong.shape(lambda x: (x.shape, x.dtype))
    with pytest.raises(AssertionError, match="foretold"):
        check_infer(wrong, *calls(wrong))


def test_a_changed_input_is_caught(planted: type[Primitive]) -> None:
    def careless(xp: object, x: np.ndarray) -> np.ndarray:
        x += 1
        return x

    wrong = planted(careless, name="wrong", elementwise=True)
    with pytest.raises(AssertionError, match="wrong changed an input"):
        outcome(wrong, *calls(wrong))


def test_a_result_that_widens_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x: x * np.float64(2), name="wrong", elementwise=True)
    with pytest.raises(AssertionError, match="type float64 from float32"):
        check_precision(wrong, *calls(wrong))


def test_a_rule_that_asks_for_values_is_caught(planted: type[Primitive]) -> None:
    wrong = planted(lambda xp, x: x if x.sum() > 0 else -x, name="wrong", elementwise=True)
    with pytest.raises(jax.errors.ConcretizationTypeError):
        check_portable(wrong, *calls(wrong))


def test_a_kernel_that_is_not_its_formula_is_caught(planted: type[Primitive]) -> None:
    def wrong(x):  # type: ignore[no-untyped-def]
        return x * 2

    operation = Composite(wrong, lambda xp, x: x * 2.001, lambda g: (g * 2,), elementwise=True)
    with pytest.raises(AssertionError, match="kernel beside formula"):
        check_formula(operation, *calls(operation))
