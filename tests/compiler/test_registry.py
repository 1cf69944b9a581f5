"""Every operation, and its gradient, compiled: equal to eager. A new operation is in here by being defined."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backlit
from backlit.compiler import values
from backlit.compiler.compiled import compile
from backlit.core.primitive import Primitive
from tests.compiler.courses import TOLERANCE, difference
from tests.ops.operation_checks import Call, bind, calls, floating, gradients, in_shapes, weights

STATIC = sorted((p for p in Primitive.registry.values() if not p.dynamic), key=lambda p: p.name)
# One piece of machine code serves many operations, or the compiler's own time would be most of these tests'.
GROUPS = [STATIC[start : start + 16] for start in range(0, len(STATIC), 16)]
Case = tuple[Primitive, Call]


def cases_of(operations: list[Primitive], kind: str) -> Iterator[Case]:
    """Each operation's calls, and in float64 an elementwise one's first call in other shapes too."""
    for operation in operations:
        own = calls(operation)
        yield from ((operation, call) for call in own)
        if operation.elementwise and kind == "float64":
            yield from ((operation, call) for _, call in in_shapes(operation, own[0]))


def check_compiled(cases: list[Case], kind: str) -> None:
    """All calls with their gradients in one compiled program give what each gives eagerly."""
    tensors = [call.tensors(kind) for _, call in cases]

    def everything(rows: Any, *leaves: Any) -> Any:
        """All results and gradients; `rows` is there so that no argument of a case has a free number of rows."""
        left = iter(leaves)
        found: list[Any] = []
        for (operation, call), own in zip(cases, tensors, strict=True):
            args = [next(left) if isinstance(t, backlit.Tensor) else t for t in own]
            results = bind(operation, args, call.settings)
            found += [*results, *gradients(results, weights(results), floating(args))]
        return [f.detach() for f in found]

    args = [backlit.zeros(97), *(t for own in tensors for t in own if isinstance(t, backlit.Tensor))]
    expected, found = everything(*args), compile(everything)(*args)
    position = 0
    for (operation, call), own in zip(cases, tensors, strict=True):
        results = bind(operation, own, call.settings)
        count = len(results) + len(floating(own))
        for part in range(count):
            wrong = difference(found[position]._array, expected[position]._array, TOLERANCE[kind])
            what = f"result {part}" if part < len(results) else f"gradient {part - len(results)}"
            shapes = [np.shape(a) for a in call.args]
            assert wrong is None, f"{operation.name}, {what}, of {kind}{shapes}, {call.settings}: {wrong}"
            position += 1
    assert position == len(found)


@pytest.mark.parametrize("kind", TOLERANCE)
@pytest.mark.parametrize("operations", GROUPS, ids=lambda group: f"{group[0].name} to {group[-1].name}")
def test_compiled_equals_eager(operations: list[Primitive], kind: str) -> None:
    check_compiled(list(cases_of(operations, kind)), kind)


def test_a_wrong_instruction_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(values.OPERATIONS, "maximum", values.OPERATIONS["minimum"])
    with pytest.raises(AssertionError, match="maximum, result 0"):
        check_compiled(list(cases_of([Primitive.registry["maximum"]], "float32")), "float32")


def test_a_result_of_another_type_is_caught() -> None:
    assert difference(np.zeros(2, np.float32), np.zeros(2), 1e-12)
