"""ONNX's operators in backlit's operations, one entry each, as of version 13 of the operators and later.

An entry is called with the node's attributes, then its inputs: tensors, None for those left out, and lists of numbers
for those that say a shape or dimensions (the positions that `operator` names).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from backlit import ops
from backlit.errors import GraphError, ShapeError
from backlit.nn import functional

Attributes = dict[str, Any]


@dataclass(frozen=True)
class Operator:
    """One of ONNX's operators.

    Attributes:
        run: `run(attributes, *inputs)` gives the result, or a tuple or list of several.
        numbers: Positions of the inputs that come as lists of numbers.
    """

    run: Callable[..., Any]
    numbers: tuple[int, ...] = ()


OPERATORS: dict[str, Operator] = {}


def operator(*names: str, numbers: tuple[int, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that gives ONNX operators their meaning."""

    def give(run: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS.update(dict.fromkeys(names, Operator(run, numbers)))
        return run

    return give


# -- element by element ------------------------------------------------------------------------------------------------

# Those without attributes, each of as many inputs as the operation.
_PLAIN: dict[str, Callable[..., Any]] = {
    "Abs": ops.abs, "Acos": ops.acos, "Acosh": ops.acosh, "Add": ops.add, "And": ops.logical_and, "Asin": ops.asin,
    "Asinh": ops.asinh, "Atan": ops.atan, "Atanh": ops.atanh, "Ceil": ops.ceil, "Cos": ops.cos, "Cosh": ops.cosh,
    "Equal": ops.eq, "Erf": ops.erf, "Exp": ops.exp, "Floor": ops.floor, "Greater": ops.gt,
    "GreaterOrEqual": ops.ge, "HardSwish": ops.hardswish, "Identity": lambda x: x, "IsInf": ops.isinf,
    "IsNaN": ops.isnan, "Less": ops.lt, "LessOrEqual": ops.le, "Log": ops.log, "MatMul": ops.matmul,
    "Mish": ops.mish, "Mul": ops.mul, "Neg": ops.neg, "Not": ops.logical_not, "Or": ops.logical_or,
    "PRelu": lambda x, slope: ops.where(x > 0, x, slope * x), "Pow": ops.pow, "Reciprocal": ops.reciprocal,
    "Relu": ops.relu, "Round": ops.round, "Sigmoid": ops.sigmoid, "Sign": ops.sign, "Sin": ops.sin,
    "Sinh": ops.sinh, "Softplus": ops.softplus, "Softsign": ops.softsign, "Sqrt": ops.sqrt, "Sub": ops.sub,
    "Tan": ops.tan, "Tanh": ops.tanh, "Where": ops.where, "Xor": ops.logical_xor,
}  # fmt: skip


def _plain(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda attributes, *inputs: run(*inputs)


OPERATORS |= {name: Operator(_plain(run)) for name, run in _PLAIN.items()}
OPERATORS |= {
    "Celu": Operator(lambda a, x: ops.celu(x, a.get("alpha", 1.0))),
    "Clip": Operator(lambda a, x, low=None, high=None: x if low is high is None else ops.clamp(x, low, high)),
    "Div": Operator(lambda a, x, y: ops.div(x, y, rounding_mode=None if x.is_floating_point() else "trunc")),
    "Dropout": Operator(lambda a, x, *_: x),
    "Elu": Operator(lambda a, x: ops.elu(x, a.get("alpha", 1.0))),
    "Gelu": Operator(lambda a, x: ops.gelu(x, a.get("approximate", "none"))),
    "HardSigmoid": Operator(lambda a, x: ops.clamp(x * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1)),
    "LeakyRelu": Operator(lambda a, x: ops.leaky_relu(x, a.get("alpha", 0.01))),
    "LogSoftmax": Operator(lambda a, x: ops.log_softmax(x, a.get("axis", -1))),
    "Max": Operator(lambda a, *xs: reduce(ops.maximum, xs)),
    "Mean": Operator(lambda a, *xs: reduce(ops.add, xs) / len(xs)),
    "Min": Operator(lambda a, *xs: reduce(ops.minimum, xs)),
    "Mod": Operator(lambda a, x, y: (ops.fmod if a.get("fmod", 0) else ops.remainder)(x, y)),
    "Selu": Operator(
        lambda a, x: ops.elu(x, a.get("alpha", 1.67326319217681884765625)) * a.get("gamma", 1.05070102214813232421875)
    ),
    "Softmax": Operator(lambda a, x: ops.softmax(x, a.get("axis", -1))),
    "Sum": Operator(lambda a, *xs: reduce(ops.add, xs)),
    "ThresholdedRelu": Operator(lambda a, x: ops.threshold(x, a.get("alpha", 1.0), 0.0)),
}


@operator("Cast")
def _cast(a: Attributes, x: Any) -> Any:
    return x.to(a["to"])


@operator("Einsum")
def _einsum(a: Attributes, *xs: Any) -> Any:
    return ops.einsum(a["equation"], *xs)


# -- reductions --------------------------------------------------------------------------------------------------------


def _reduction(run: Callable[..., Any]) -> Callable[..., Any]:
    def apply(a: Attributes, x: Any, axes: Sequence[int] | None = None) -> Any:
        # Axes were an attribute once.
        found = tuple(axes if axes is not None else a.get("axes", ()))
        if not found and a.get("noop_with_empty_axes", 0):
            return x
        return run(x, found or tuple(range(x.ndim)), bool(a.get("keepdims", 1)))

    return apply


def _product(x: Any, dims: tuple[int, ...], keepdim: bool) -> Any:
    for dim in sorted((d % x.ndim for d in dims), reverse=True):
        x = ops.prod(x, dim, keepdim)
    return x


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "ReduceL1": lambda x, dims, keep: ops.sum(ops.abs(x), dims, keep),
    "ReduceL2": lambda x, dims, keep: ops.sqrt(ops.sum(x * x, dims, keep)),
    "ReduceLogSumExp": ops.logsumexp,
    "ReduceMax": ops.amax,
    "ReduceMean": ops.mean,
    "ReduceMin": ops.amin,
    "ReduceProd": _product,
    "ReduceSum": ops.sum,
    "ReduceSumSquare": lambda x, dims, keep: ops.sum(x * x, dims, keep),
}
OPERATORS |= {name: Operator(_reduction(run), (1,)) for name, run in _REDUCTIONS.items()}
OPERATORS |= {
    "ArgMax": Operator(lambda a, x: ops.argmax(x, a.get("axis", 0), bool(a.get("keepdims", 1)))),
    "ArgMin": Operator(lambda a, x: ops.argmin(x, a.get("axis", 0), bool(a.get("keepdims", 1)))),
}


@operator("CumSum", numbers=(1,))
def _cumsum(a: Attributes, x: Any, axis: Sequence[int]) -> Any:
    if a.get("exclusive", 0):
        raise GraphError("exclusive sums are not read")
    (dim,) = axis
    return x.flip(dim).cumsum(dim).flip(dim) if a.get("reverse", 0) else x.cumsum(dim)


# -- shape -------------------------------------------------------------------------------------------------------------


@operator("Reshape", numbers=(1,))
def _reshape(a: Attributes, x: Any, shape: Sequence[int]) -> Any:
    copied = not a.get("allowzero", 0)
    return x.reshape([x.shape[d] if n == 0 and copied else n for d, n in enumerate(shape)])


@operator("Flatten")
def _flatten(a: Attributes, x: Any) -> Any:
    axis = a.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:])))


@operator("Transpose")
def _transpose(a: Attributes, x: Any) -> Any:
    return x.permute(tuple(a.get("perm", reversed(range(x.ndim)))))


@operator("Squeeze", numbers=(1,))
def _squeeze(a: Attributes, x: Any, axes: Sequence[int] | None = None) -> Any:
    return x.squeeze() if axes is None else ops.squeeze(x, tuple(axes))


@operator("Unsqueeze", numbers=(1,))
def _unsqueeze(a: Attributes, x: Any, axes: Sequence[int]) -> Any:
    ndim = x.ndim + len(axes)
    for axis in sorted(d % ndim for d in axes):
        x = x.unsqueeze(axis)
    return x


@operator("Expand", numbers=(1,))
def _expand(a: Attributes, x: Any, shape: Sequence[int]) -> Any:
    return x.expand(np.broadcast_shapes(tuple(x.shape), tuple(shape)))


@operator("Tile", numbers=(1,))
def _tile(a: Attributes, x: Any, repeats: Sequence[int]) -> Any:
    return x.repeat(*repeats)


@operator("Concat")
def _concat(a: Attributes, *xs: Any) -> Any:
    return ops.cat(xs, a["axis"])


@operator("Split", numbers=(1,))
def _split(a: Attributes, x: Any, sizes: Sequence[int] | None = None) -> Any:
    axis = a.get("axis", 0)
    if sizes is None:
        # Equal parts, the last smaller if need be.
        part = -(-x.shape[axis] // a["num_outputs"])
        return ops.split(x, part, axis)
    return ops.split(x, list(sizes), axis)


@operator("Slice", numbers=(1, 2, 3, 4))
def _slice(
    a: Attributes,
    x: Any,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> Any:
    axes = range(len(starts)) if axes is None else axes
    for start, end, axis, step in zip(starts, ends, axes, steps or [1] * len(starts), strict=True):
        dim = axis % x.ndim
        size = x.shape[dim]
        # To Python -1 is the last element; to ONNX, counting down, what lies so far before the first is its end.
        places = range(size)[slice(start, None if step < 0 and end < -size else end, step)]
        forward = places if step > 0 else places[::-1]
        part = slice(forward.start, max(forward.stop, forward.start), forward.step)
        x = x[(slice(None),) * dim + (part,)]
        x = x.flip(dim) if step < 0 else x
    return x


_BORDERS = {"edge": "replicate", "reflect": "reflect", "wrap": "circular"}


@operator("Pad", numbers=(1, 2, 3))
def _pad(
    a: Attributes,
    x: Any,
    widths: Sequence[int],
    value: Sequence[float] | None = None,
    axes: Sequence[int] | None = None,
) -> Any:
    dims = [d % x.ndim for d in (range(x.ndim) if axes is None else axes)]
    borders = dict(zip(dims, zip(widths[: len(dims)], widths[len(dims) :], strict=True), strict=True))
    flat = [n for d in reversed(range(x.ndim)) for n in borders.get(d, (0, 0))]
    mode = a.get("mode", "constant")
    if mode == "constant":
        return functional.pad(x, flat, value=value[0] if value else 0.0)
    if any(flat[-2:]):
        raise GraphError(f"mode {mode!r} is not read for the first dimension")
    return functional.pad(x, flat[:-2], _BORDERS[mode])


@operator("Gather")
def _gather(a: Attributes, x: Any, index: Any) -> Any:
    dim = a.get("axis", 0) % x.ndim
    return x[(slice(None),) * dim + (index,)]


@operator("GatherElements")
def _gather_elements(a: Attributes, x: Any, index: Any) -> Any:
    dim = a.get("axis", 0) % x.ndim
    return ops.gather(x, dim, ops.where(index < 0, index + x.shape[dim], index))


@operator("GatherND")
def _gather_nd(a: Attributes, x: Any, places: Any) -> Any:
    if a.get("batch_dims", 0):
        raise GraphError("batch_dims other than 0 are not read")
    return x[tuple(places.unbind(-1))]


@operator("Trilu", numbers=(1,))
def _trilu(a: Attributes, x: Any, k: Sequence[int] | None = None) -> Any:
    return (ops.triu if a.get("upper", 1) else ops.tril)(x, k[0] if k else 0)


@operator("Shape")
def _shape(a: Attributes, x: Any) -> Any:
    return np.array(x.shape[a.get("start", 0) : a.get("end")], np.int64)


@operator("Size")
def _size(a: Attributes, x: Any) -> Any:
    return np.array(x.numel(), np.int64)


@operator("Range", numbers=(0, 1, 2))
def _range(a: Attributes, start: Sequence[int], end: Sequence[int], step: Sequence[int]) -> Any:
    return ops.arange(start[0], end[0], step[0])


@operator("ConstantOfShape", numbers=(0,))
def _constant_of_shape(a: Attributes, shape: Sequence[int]) -> Any:
    value = a.get("value", np.zeros(1, np.float32))
    if min(shape, default=0) < 0:
        raise ShapeError(f"{list(shape)} is no shape")
    return ops.full(tuple(shape), value.item(), dtype=ops.from_numpy(value).dtype)
