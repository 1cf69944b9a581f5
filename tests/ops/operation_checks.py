"""Checks that every operation must pass, whatever it computes. A check takes an operation and one call of it.

Derivatives are taken along a random direction: a wrong element cannot hide in it, and two evaluations give it.
"""

import importlib
import math
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np

import backlit
import backlit.nn
from backlit.core.backward import run_backward
from backlit.core.composite import Composite
from backlit.core.namespace import NUMPY
from backlit.core.primitive import Primitive
from backlit.core.tensor_base import Symbol, make

for package in (backlit.ops, backlit.nn):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)

SHAPES = {
    "scalar": ((), ()),
    "vector": ((4,), (4,)),
    "size one": ((1, 1), (1, 1)),
    "empty": ((0, 3), (0, 3)),
    "second broadcast": ((2, 3), (3,)),
    "first broadcast": ((3,), (2, 3)),
    "both broadcast": ((2, 1), (1, 3)),
    "number of dimensions": ((), (2, 3)),
}


@dataclass
class Call:
    """One way to call an operation: arrays, numbers or None, and settings."""

    args: tuple[Any, ...]
    settings: dict[str, Any]

    def tensors(self, kind: str = "float64") -> list[Any]:
        """The arguments, floating arrays as tensors of that type which require gradients."""
        made: list[Any] = []
        for arg in self.args:
            if isinstance(arg, np.ndarray) and arg.dtype.kind == "f":
                # Not copied: the layout in memory is what some checks are about.
                tensor = make(arg if arg.dtype == kind else arg.astype(kind))
                tensor.requires_grad = True
                made.append(tensor)
            else:
                made.append(make(arg) if isinstance(arg, np.ndarray) else arg)
        return made

    def mapped(self, change: Callable[[Any], Any]) -> "Call":
        """The same call with every array changed."""
        return Call(tuple(np.asarray(change(a)) if isinstance(a, np.ndarray) else a for a in self.args), self.settings)


def local_rng(operation: Primitive) -> np.random.Generator:
    """Random numbers that belong to one operation, so that a new one leaves the others' as they are."""
    return np.random.default_rng(list(operation.name.encode()))


def calls(operation: Primitive) -> list[Call]:
    """The calls on which an operation is tried: its own samples, or arrays made up within its domain."""
    rng = local_rng(operation)
    if operation.samples is not None:
        return [Call(tuple(_as_array(a) for a in args), settings) for args, settings in operation.samples(rng)]
    if not operation.elementwise:
        raise AssertionError(f"{operation.name} is not elementwise: give it `samples` on which it can be tried")
    low, high = np.clip(operation.domain, -2.0, 4.0)
    shapes = [(2, 3)] * len(operation.inputs)
    return [Call(tuple(_away_from_kinks(operation, shapes, low, high, rng)), {})]


def _as_array(arg: Any) -> Any:
    return np.asarray(arg) if isinstance(arg, np.generic) else arg


def _away_from_kinks(operation: Primitive, shapes: Any, low: float, high: float, rng: Any) -> list[Any]:
    arrays = [rng.uniform(low, high, shape) for shape in shapes]
    for _ in range(100):
        if operation.kinks is None:
            return arrays
        close = np.broadcast_to(operation.kinks(*arrays) < 0.01, shapes[0])
        if not close.any():
            return arrays
        arrays = [np.where(close, rng.uniform(low, high, shape), a) for a, shape in zip(arrays, shapes, strict=True)]
    raise AssertionError(f"{operation.name}: no arguments found away from its kinks; look at `kinks` and `domain`")


def smooth_at(operation: Primitive, call: Call) -> bool:
    """Whether finite differences can be taken at these arguments."""
    if operation.kinks is None:
        return True
    distance = operation.kinks(*call.args, **call.settings)
    return bool(np.all(distance > 1e-4))


def in_shapes(operation: Primitive, call: Call) -> Iterator[tuple[str, Call]]:
    """The call with its arrays in other shapes, which an elementwise operation must broadcast."""
    several = sum(isinstance(a, np.ndarray) for a in call.args) > 1
    for name, pair in SHAPES.items():
        if several or "broadcast" not in name:
            turn = iter(range(len(call.args)))
            yield name, call.mapped(lambda a, pair=pair, turn=turn: np.resize(a, pair[next(turn) % 2]))


def in_layouts(operation: Primitive, call: Call) -> Iterator[tuple[str, Call]]:
    """The call with the same values in other layouts of memory."""
    yield "transposed", call.mapped(lambda a: a.T.copy().T)
    yield "negative strides", call.mapped(lambda a: np.flip(np.flip(a).copy()))
    yield "every second", call.mapped(lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a)
    if operation.elementwise:
        yield "expanded", call.mapped(lambda a: np.broadcast_to(a[:1], a.shape) if a.ndim else a)


def results_of(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


def bind(operation: Primitive, tensors: list[Any], settings: dict[str, Any]) -> tuple[Any, ...]:
    return results_of(operation.bind(*tensors, **settings))


def weights(results: tuple[Any, ...]) -> list[Any]:
    """A gradient to send into each result, None for those that carry none."""
    rng = np.random.default_rng(len(results))
    return [make(rng.uniform(0.5, 1.5, r.shape).astype(r._array.dtype)) if r.requires_grad else None for r in results]


def gradients(results: tuple[Any, ...], arriving: list[Any], inputs: list[Any], *, create_graph: bool = False) -> Any:
    """The gradient of each input, zeros where none flows."""
    pairs = [(r, w) for r, w in zip(results, arriving, strict=True) if w is not None]
    if not pairs or not inputs:
        return [backlit.zeros_like(i) for i in inputs]
    roots, sent = zip(*pairs, strict=True)
    found = run_backward(roots, sent, inputs=inputs, retain_graph=True, create_graph=create_graph)
    return [backlit.zeros_like(i) if f is None else f for f, i in zip(found, inputs, strict=True)]


def floating(tensors: list[Any]) -> list[Any]:
    return [t for t in tensors if getattr(t, "requires_grad", False)]


def close(found: Any, expected: Any, tolerance: float, words: str) -> None:
    found, expected = (np.asarray(a.detach() if isinstance(a, backlit.Tensor) else a) for a in (found, expected))
    assert found.shape == expected.shape, f"{words}: shape {found.shape}, expected {expected.shape}"
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale, err_msg=words)


def check_slope(
    function: Callable[[list[Any]], Any], inputs: list[Any], grads: list[Any], coarse: bool, words: str
) -> None:
    """Compare gradients of a scalar function with central differences along a random direction of each input.

    Args:
        function: Takes arrays, returns a number.
        inputs: Arrays.
        grads: Their gradients.
        coarse: Whether the function rounds to float32.
        words: Begins the message.
    """
    step, tolerance = (1e-2, 1e-2) if coarse else (1e-5, 1e-6)
    rng = np.random.default_rng(5)
    for position, (array, grad) in enumerate(zip(inputs, grads, strict=True)):
        direction = rng.normal(size=array.shape)
        direction /= max(1.0, float(np.abs(direction).max(initial=0)))
        ends = []
        for sign in (1, -1):
            moved = list(inputs)
            moved[position] = array + sign * step * direction
            ends.append(function(moved))
        expected = (ends[0] - ends[1]) / (2 * step)
        close(np.sum(grad * direction), expected, tolerance, f"{words}, float input {position}")


def with_floats(call: Call, floats: list[Any]) -> Call:
    remaining = iter(floats)
    return call.mapped(lambda a: next(remaining) if a.dtype.kind == "f" else a)


def check_gradient(operation: Primitive, call: Call) -> None:
    """First and second derivatives agree with finite differences."""
    tensors = call.tensors()
    inputs = floating(tensors)
    results = bind(operation, tensors, call.settings)
    arriving = weights(results)
    coarse = any(w is not None and w._array.dtype != np.float64 for w in arriving)
    arrays = [i._array for i in inputs]

    def value(floats: list[Any]) -> Any:
        found = bind(operation, with_floats(call, floats).tensors(), call.settings)
        return sum(float(np.sum(f._array * w._array)) for f, w in zip(found, arriving, strict=True) if w is not None)

    first = gradients(results, arriving, inputs)
    check_slope(value, arrays, [f._array for f in first], coarse, f"{operation.name}: gradient")
    if coarse:
        return

    # The gradients, as a function of the inputs and of what arrives, are differentiated once more.
    rng = np.random.default_rng(6)
    directions = [rng.uniform(0.5, 1.5, a.shape) for a in arrays]
    present = [w for w in arriving if w is not None]

    def slope(floats: list[Any]) -> Any:
        again = with_floats(call, floats[: len(arrays)]).tensors()
        found = bind(operation, again, call.settings)
        sent = iter(floats[len(arrays) :])
        given = [None if w is None else make(np.asarray(next(sent))) for w in arriving]
        grads = gradients(found, given, floating(again))
        return sum(float(np.sum(g._array * d)) for g, d in zip(grads, directions, strict=True))

    for w in present:
        w.requires_grad = True
    results = bind(operation, tensors, call.settings)
    grads = gradients(results, arriving, inputs, create_graph=True)
    for shown, before in zip(grads, first, strict=True):
        close(shown, before, 1e-10, f"{operation.name}: gradient with create_graph, which is the formula's")
    total = sum(
        ((g * make(d)).sum() for g, d in zip(grads, directions, strict=True)), backlit.zeros((), dtype=backlit.float64)
    )
    variables = inputs + present
    second = gradients((total,), weights_one(total), variables)
    check_slope(
        slope,
        arrays + [w._array for w in present],
        [s._array for s in second],
        False,
        f"{operation.name}: second order",
    )


def weights_one(total: Any) -> list[Any]:
    return [make(np.ones(())) if total.requires_grad else None]


def check_infer(operation: Primitive, call: Call) -> None:
    """The shapes and types that the operation foretells are those of its results."""
    for kind in ("float64", "float32"):
        tensors = call.tensors(kind)
        arrays, _ = operation._prepare(tuple(tensors))
        symbols = [Symbol(a.shape, a.dtype) if isinstance(a, np.ndarray) else a for a in arrays]
        with np.errstate(all="ignore"):
            real = results_of(operation.forward(backlit.core.namespace.NUMPY, *arrays, **call.settings))
        foretold = operation.infer(*symbols, **call.settings)
        assert [(s.shape, s.dtype) for s in foretold] == [(np.shape(r), np.asarray(r).dtype) for r in real], (
            f"{operation.name}: foretold and real shapes and types"
        )


def check_precision(operation: Primitive, call: Call) -> None:
    """In float32 the operation and its gradient agree with float64, and stay float32."""
    if not floating(call.tensors()):
        return
    found = {}
    for kind in ("float64", "float32"):
        tensors = call.tensors(kind)
        results = bind(operation, tensors, call.settings)
        rng = np.random.default_rng(8)
        arriving = [
            make(rng.uniform(0.5, 1.5, r.shape).astype(r._array.dtype)) if r.requires_grad else None for r in results
        ]
        grads = gradients(results, arriving, floating(tensors))
        found[kind] = [t.detach() for t in (*results, *grads)]
    for wide, narrow in zip(found["float64"], found["float32"], strict=True):
        assert narrow._array.dtype == (np.float32 if wide._array.dtype == np.float64 else wide._array.dtype), (
            f"{operation.name}: type {narrow._array.dtype} from float32 inputs, {wide._array.dtype} from float64"
        )
        close(narrow._array, wide._array, 2e-4, f"{operation.name}: float32 beside float64")


def outcome(operation: Primitive, call: Call) -> list[Any]:
    """Results and gradients, as arrays; inputs must come out as they went in."""
    before = call.mapped(np.copy)
    tensors = call.tensors()
    results = bind(operation, tensors, call.settings)
    grads = gradients(results, weights(results), floating(tensors))
    for was, now in zip(before.args, call.args, strict=True):
        if isinstance(was, np.ndarray):
            np.testing.assert_array_equal(now, was, err_msg=f"{operation.name} changed an input")
    return [t._array.copy() for t in (*results, *grads)]


def check_layout(operation: Primitive, call: Call, words: str) -> None:
    """Results and gradients depend on values only, not on how they lie in memory."""
    for found, expected in zip(outcome(operation, call), outcome(operation, call.mapped(np.copy)), strict=True):
        close(found, expected, 1e-12, f"{operation.name}, {words}")


def check_formula(operation: Composite, call: Call) -> None:
    """A composite's kernel gives its formula's values."""
    results = bind(operation, call.tensors(), call.settings)
    expected = results_of(operation.formula(*call.tensors(), **call.settings))
    for found, wanted in zip(results, expected, strict=True):
        close(found, wanted, 1e-12, f"{operation.name}: kernel beside formula")


class JaxNamespace:
    """What forward rules may use, as JAX has it."""

    SPECIAL = ("erf", "erfc", "erfinv", "gammaln", "digamma", "polygamma")

    def __getattr__(self, name: str) -> Any:
        return getattr(jax.scipy.special if name in self.SPECIAL else jnp, name)

    def scatter_add(self, x: Any, index: Any, values: Any) -> Any:
        return x.at[index].add(values)

    def scatter_set(self, x: Any, index: Any, values: Any) -> Any:
        return x.at[index].set(values)

    def moments(self, *arrays: Any) -> Any:
        return jnp.zeros((len(arrays), 5), arrays[0].dtype)

    def at_least(self, marks: Any, *arrays: Any) -> Any:
        return jnp.zeros(marks.shape, marks.dtype)

    def windows(self, x: Any, dims: Any, sizes: Any, steps: Any, gaps: Any) -> Any:
        numbers = NUMPY.windows(np.arange(math.prod(x.shape)).reshape(x.shape), dims, sizes, steps, gaps)
        return x.reshape(-1)[numbers]

    def add_windows(self, g: Any, shape: Any, dims: Any, steps: Any, gaps: Any) -> Any:
        sizes = g.shape[len(shape) :]
        numbers = NUMPY.windows(np.arange(math.prod(shape)).reshape(shape), dims, sizes, steps, gaps)
        return jnp.zeros(math.prod(shape), g.dtype).at[numbers.reshape(-1)].add(g.reshape(-1)).reshape(shape)

    def random_bits(self, state: Any, count: int) -> Any:
        return jnp.zeros(count, jnp.uint64)


def check_portable(operation: Primitive, call: Call) -> None:
    """The forward rule runs in JAX, which knows shapes and types only while it compiles, and foretells the same."""
    arrays, _ = operation._prepare(tuple(call.tensors()))
    symbols = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays if isinstance(a, np.ndarray)]

    def forward(*traced: Any) -> Any:
        remaining = iter(traced)
        args = [next(remaining) if isinstance(a, np.ndarray) else a for a in arrays]
        return operation.forward(JaxNamespace(), *args, **call.settings)

    found = results_of(jax.eval_shape(forward, *symbols))
    foretold = operation.infer(*arrays, **call.settings)
    assert [(f.shape, f.dtype) for f in found] == [(s.shape, s.dtype) for s in foretold], (
        f"{operation.name}: shapes and types in JAX"
    )
