"""Checks for tests and for curious users: gradients against finite differences, values against expected ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.modes import enable_grad, no_grad
from backlit.core.recording import record
from backlit.core.tensor_base import Array, TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError
from backlit.ops import gradients
from backlit.ops.creation import tensor

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["assert_close", "gradcheck", "gradgradcheck"]

# Relative and absolute tolerance by type, as torch.testing has them.
_TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def _results(func: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
    if not callable(func):
        raise ArgumentTypeError(f"gradcheck: expected a function of tensors, got {type(func).__name__}")
    out = func(*inputs)
    several = out if isinstance(out, (tuple, list)) else (out,)
    return [one for one in several if isinstance(one, TensorBase) and one._array.dtype.kind == "f"]


def _numeric(func: Callable[..., Any], inputs: list[Any], position: int, eps: float) -> list[Array]:
    """Central differences: for each output, (elements of the input, elements of the output)."""
    point = inputs[position].detach().numpy().copy()
    rows: list[list[Array]] = []
    for place in np.ndindex(point.shape):
        values: list[list[Array]] = []
        for step in (eps, -eps):
            moved = point.copy()
            moved[place] += step
            trial = [*inputs[:position], tensor(moved, requires_grad=True), *inputs[position + 1 :]]
            with no_grad():
                values.append([one.detach().numpy().ravel().copy() for one in _results(func, trial)])
        rows.append([(up - down) / (2 * eps) for up, down in zip(*values, strict=True)])
    if not rows:
        with no_grad():
            return [np.zeros((0, one.numel())) for one in _results(func, inputs)]
    return [np.stack(columns) for columns in zip(*rows, strict=True)]


def _analytic(func: Callable[..., Any], inputs: list[Any], position: int) -> list[Array]:
    """The same by backward passes, one for each element of each output."""
    jacobians: list[Array] = []
    with enable_grad():
        for out in _results(func, inputs):
            columns = np.zeros((inputs[position].numel(), out.numel()))
            for element in range(out.numel() if out.requires_grad else 0):
                arriving = np.zeros(out.numel(), out._array.dtype)
                arriving[element] = 1
                (found,) = gradients.grad(
                    out, inputs[position], tensor(arriving.reshape(out.shape)), True, allow_unused=True
                )
                if found is not None:
                    columns[:, element] = found.detach().numpy().ravel()
            jacobians.append(columns)
    return jacobians


def _kinks_near(func: Callable[..., Any], inputs: list[Any], reach: float) -> str:
    """Words on the operations that have no derivative within reach of these inputs."""
    with record() as recording, no_grad():
        func(*inputs)
    found: list[str] = []
    for binding in recording.bindings:
        if binding.primitive.kinks is None or binding.record is None:
            continue
        arrays = [value.array if hasattr(value, "array") else value for value in binding.record.inputs]
        distance = np.asarray(binding.primitive.kinks(*arrays, **binding.settings))
        if distance.size and distance.min() <= reach:
            found.append(binding.primitive.name)
    names = ", ".join(dict.fromkeys(found))
    return f"; {names} has no derivative there, so finite differences prove nothing: move the input" if names else ""


def gradcheck(
    func: "Callable[..., Tensor | Sequence[Tensor]]",
    inputs: "Tensor | Sequence[Any]",
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of a function with central differences.

    Args:
        func: Takes `inputs`, returns a tensor or several.
        inputs: Tensors, of which those that require a gradient are checked, and other values. Only float64 leaves
            enough digits for the differences.
        eps: Half the step of a difference.
        atol: Absolute difference allowed.
        rtol: Difference allowed in proportion to the numerical value.
        raise_exception: Raise where a gradient is wrong, rather than return False.

    Returns:
        Whether all gradients agree.

    Raises:
        GradientError: A gradient is wrong: says which, both values, and whether an operation has a kink there.
        ArgumentError: No input requires a gradient.
    """
    given: list[Any] = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    checked = [i for i, one in enumerate(given) if isinstance(one, TensorBase) and one.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: none of the inputs is a tensor that requires a gradient")
    for position in checked:
        by_rule, by_difference = _analytic(func, given, position), _numeric(func, given, position, eps)
        for number, (rule, difference) in enumerate(zip(by_rule, by_difference, strict=True)):
            wrong = ~np.isclose(rule, difference, rtol, atol)
            if not wrong.any():
                continue
            if not raise_exception:
                return False
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            shape = given[position].shape
            raise GradientError(
                f"gradcheck: {int(wrong.sum())} of {wrong.size} gradients of output {number} for input {position} are "
                f"wrong; the first is for the input's element {tuple(int(i) for i in np.unravel_index(row, shape))} "
                f"and the output's element {column} (counted flat): the rule gives {rule[row, column]:.8g}, "
                f"differences give {difference[row, column]:.8g}{_kinks_near(func, given, 10 * eps)}"
            )
    return True


def gradgradcheck(
    func: "Callable[..., Tensor | Sequence[Tensor]]",
    inputs: "Tensor | Sequence[Any]",
    grad_outputs: "Tensor | Sequence[Tensor] | None" = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of a function's gradients with central differences; see `gradcheck`.

    Args:
        func: As in `gradcheck`.
        inputs: As in `gradcheck`.
        grad_outputs: What arrives at each output; by default random numbers, the same in each call.
        eps: As in `gradcheck`.
        atol: As in `gradcheck`.
        rtol: As in `gradcheck`.
        raise_exception: As in `gradcheck`.

    Raises:
        GradientError: A second gradient is wrong.
        ArgumentError: No input requires a gradient.
    """
    given: list[Any] = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        outs = [one.detach() for one in _results(func, given)]
        arriving = [tensor(rng.normal(size=one.shape), dtype=one.dtype).requires_grad_() for one in outs]
    else:
        arriving = [grad_outputs] if isinstance(grad_outputs, TensorBase) else list(grad_outputs)

    def slope(*args: Any) -> Any:
        points, weights = args[: len(given)], args[len(given) :]
        wanted: list[Any] = [one for one in points if isinstance(one, TensorBase) and one.requires_grad]
        with enable_grad():
            pairs = [(o, w) for o, w in zip(_results(func, points), weights, strict=True) if o.requires_grad]
            outs, arrived = [o for o, _ in pairs], [w for _, w in pairs]
            return gradients.grad(outs, wanted, arrived, create_graph=True, materialize_grads=True)

    return gradcheck(slope, [*given, *arriving], eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_dtype: bool = True,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Assert that two tensors, numbers, or nested sequences and mappings of them are close.

    |actual - expected| <= atol + rtol |expected| must hold for each element. If not given, tolerances follow the type:
    1.3e-6 and 1e-5 for float32, 1e-7 and 1e-7 for float64, 1e-3 and 1e-5 for float16, 0 for others.

    Args:
        actual: What came.
        expected: What should have come.
        rtol: Relative tolerance; give both or neither.
        atol: Absolute tolerance.
        equal_nan: Whether NaN equals NaN.
        check_dtype: Whether the types must be equal.
        msg: Words of one's own, or a function that makes them of the usual ones.

    Raises:
        AssertionError: They are not close: says how many elements, how far, and where.
        ArgumentError: Only one tolerance is given.
    """
    if (rtol is None) != (atol is None):
        raise ArgumentError("assert_close: give both rtol and atol, or neither")
    found = _difference(actual, expected, rtol, atol, equal_nan, check_dtype, "")
    if found:
        raise AssertionError(msg(found) if callable(msg) else found if msg is None else msg)


def _difference(
    actual: Any, expected: Any, rtol: float | None, atol: float | None, equal_nan: bool, check_dtype: bool, where: str
) -> str:
    """What is wrong, in words; empty if nothing is."""
    place = f"\n\nThe failure occurred for item {where}" if where else ""
    rest = (rtol, atol, equal_nan, check_dtype)
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if set(actual) != set(expected):
            return f"The keys of the mappings do not match: {sorted(actual)} and {sorted(expected)}{place}"
        return next(filter(None, (_difference(actual[k], expected[k], *rest, f"{where}[{k!r}]") for k in actual)), "")
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{place}"
        pairs = enumerate(zip(actual, expected, strict=True))
        return next(filter(None, (_difference(a, e, *rest, f"{where}[{i}]") for i, (a, e) in pairs)), "")
    if actual is None or expected is None:
        return "" if actual is expected else f"None mismatch: {actual} is not {expected}{place}"
    a, e = (np.asarray(v._array if isinstance(v, TensorBase) else v) for v in (actual, expected))
    if a.shape != e.shape:
        return f"The values for attribute 'shape' do not match: {a.shape} != {e.shape}.{place}"
    both = isinstance(actual, TensorBase) and isinstance(expected, TensorBase)
    if check_dtype and both and a.dtype != e.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {e.dtype}.{place}"
    relative, absolute = rtol, atol
    if relative is None or absolute is None:
        known = [_TOLERANCES.get(str(v.dtype), (0.0, 0.0)) for v in (a, e)]
        relative, absolute = max(k[0] for k in known), max(k[1] for k in known)
    kind = np.float64 if "f" in a.dtype.kind + e.dtype.kind else np.int64
    a, e = a.astype(kind), e.astype(kind)
    close = np.isclose(a, e, relative, absolute, equal_nan)
    if close.all():
        return ""
    with np.errstate(all="ignore"):
        apart = np.where(close, 0, np.abs(a - e))
        ratio = np.where(close, 0, apart / np.abs(e))
    if not a.shape:
        return (
            f"Scalars are not close!\n\nExpected {e.item()} but got {a.item()}.\n"
            f"Absolute difference: {apart.item()} (up to {absolute} allowed)\n"
            f"Relative difference: {ratio.item()} (up to {relative} allowed){place}"
        )
    bad = int((~close).sum())
    lines = [f"Tensor-likes are not close!\n\nMismatched elements: {bad} / {a.size} ({bad / a.size:.1%})"]
    for name, values, allowed in (("absolute", apart, absolute), ("relative", ratio, relative)):
        worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(values)), a.shape))
        lines.append(f"Greatest {name} difference: {values[worst]} at index {worst} (up to {allowed} allowed)")
    return "\n".join(lines) + place


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
