"""Composites that are one operator of ONNX, so that other systems run in one step what their formula does in many.

A composite that is not in the table, or of a kind that ONNX Runtime does not run, is written as its formula.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.graph.graph import Graph, Node, Ref
from backlit.nn.functional.columns import Pairs, Sizes
from backlit.nn.functional.pool_windows import Over
from backlit.onnx.symbolic import OnnxArray, Step


@dataclass(frozen=True)
class _Whole:
    """One operator for a composite.

    Attributes:
        fits: `fits(*types, **settings)` says whether it does what the composite does with inputs of these types.
        write: `write(shape, *arrays, **settings)` writes it and gives its result, of that shape.
    """

    fits: Callable[..., bool]
    write: Callable[..., OnnxArray]


def steps_of(graph: Graph, composites: list[tuple[Ref, Node]]) -> dict[int, Node]:
    """The nodes that the outputs need, by number and in order, with whole composites in place of their last nodes."""
    whole = {ref.node: node for ref, node in composites if _fits(graph, ref, node)}
    needed, steps = {ref.node for ref in graph.outputs}, {}
    for number in reversed(range(len(graph))):
        node = whole.get(number, graph.nodes[number])
        if number in needed and node.operation is not None:
            steps[number] = node
            needed |= {ref.node for ref in node.refs()}
    return dict(reversed(steps.items()))


def write_composite(node: Node, operands: list[Any]) -> OnnxArray | None:
    """The result of a composite's one operator on symbolic arrays; None if the node is of another operation."""
    whole = _WHOLE.get(node.operation.name) if node.operation is not None else None
    return None if whole is None else whole.write(node.results[0].shape, *operands, **node.settings)


def needed_steps(steps: list[Step], outputs: list[OnnxArray]) -> list[Step]:
    """The ONNX nodes whose results lead to outputs."""
    needed, kept = {output.name for output in outputs}, []
    for step in reversed(steps):
        if step.output in needed:
            kept.append(step)
            needed |= {name for name in step.inputs if isinstance(name, str)}
    return kept[::-1]


def _fits(graph: Graph, ref: Ref, node: Node) -> bool:
    whole = _WHOLE.get(node.operation.name) if node.operation is not None else None
    if whole is None or len(graph.nodes[ref.node].results) > 1:
        return False
    types = [graph.type_of(i) if isinstance(i, Ref) else i for i in node.inputs]
    return whole.fits(*types, **node.settings)


def _is(kinds: tuple[Any, ...], *types: Any) -> bool:
    return all(t is None or t.dtype in kinds for t in types)


# ONNX Runtime has convolutions and means of windows in float32 alone.
_SINGLE = (np.float32,)
_FLOATS = (np.float32, np.float64)


# -- convolutions ------------------------------------------------------------------------------------------------------


def _pads(pairs: Pairs) -> list[int]:
    return [*(before for before, _ in pairs), *(after for _, after in pairs)]


def _convolution(shape: Any, x: Any, weight: Any, bias: Any, *, padding: Pairs, **geometry: Any) -> OnnxArray:
    return _convolve("Conv", shape, x, weight, bias, pads=_pads(padding), **geometry)


def _transposed_convolution(
    shape: Any, x: Any, weight: Any, bias: Any, *, padding: Pairs, **geometry: Any
) -> OnnxArray:
    # PyTorch's `output_padding` is what less is cut off at the end than at the beginning.
    more = [max(before - after, 0) for before, after in padding]
    pads = _pads(tuple((before, max(before, after)) for before, after in padding))
    return _convolve("ConvTranspose", shape, x, weight, bias, pads=pads, output_padding=more, **geometry)


def _convolve(
    op: str,
    shape: Any,
    x: OnnxArray,
    weight: OnnxArray,
    bias: OnnxArray | None,
    *,
    stride: Sizes,
    dilation: Sizes,
    groups: int,
    **more: Any,
) -> OnnxArray:
    given = (x, weight) if bias is None else (x, weight, bias)
    geometry = {"kernel_shape": list(weight.shape[2:]), "strides": list(stride), "dilations": list(dilation)}
    return x.write(op, given, shape, x.dtype, group=groups, **geometry, **more)


def _can_convolve(x: Any, weight: Any, bias: Any, *, padding: Pairs, **_: Any) -> bool:
    return _is(_SINGLE, x, weight, bias) and len(x.shape) <= 5 and min(before for before, _ in padding) >= 0


# -- pools -------------------------------------------------------------------------------------------------------------


def _pool(op: str, x: OnnxArray, over: Over, shape: Any, value: float, **more: Any) -> OnnxArray:
    """A pool over windows, with the border of `value` that `x` may have as its own."""
    sizes, steps, gaps = (list(each) for each in zip(*over, strict=True))
    pads = [0] * 2 * len(over)
    if x.border is not None:
        source, widths, filled = x.border
        within = widths[-len(over) :]
        narrow = all(max(pair) < size for pair, size in zip(within, sizes, strict=True))
        if filled == value and narrow and not any(map(any, widths[: -len(over)])):
            x, pads = source, _pads(within)
    # Operators ask for rows and channels before the dimensions that they pool.
    missing = tuple(range(2 + len(over) - x.ndim))
    x = np.expand_dims(x, missing)  # type: ignore[assignment]
    geometry = {"kernel_shape": sizes, "strides": steps, "pads": pads, **more}
    if any(gap > 1 for gap in gaps):
        geometry["dilations"] = gaps
    found: Any = x.write(op, (x,), (*(1 for _ in missing), *shape), x.dtype, **geometry)
    return found.reshape(shape) if missing else found


def _largest(shape: Any, x: OnnxArray, *, over: Over) -> OnnxArray:
    return _pool("MaxPool", x, over, shape, -math.inf)


def _sum(shape: Any, x: OnnxArray, *, over: Over) -> OnnxArray:
    mean = _pool("AveragePool", x, over, shape, 0.0, count_include_pad=1)
    count = math.prod(size for size, _, _ in over)
    total: OnnxArray = mean * count
    total.mean_of = count, lambda: mean
    return total


def _can_pool(x: Any, *, over: Over) -> bool:
    return _is(_SINGLE, x) and len(over) <= 3 and len(x.shape) - len(over) <= 2 and math.prod(x.shape) > 0


def _can_add(x: Any, *, over: Over) -> bool:
    return _can_pool(x, over=over) and all(gap == 1 for _, _, gap in over)


# -- products and scales -----------------------------------------------------------------------------------------------


def _linear(shape: Any, x: OnnxArray, weight: OnnxArray, bias: OnnxArray | None) -> OnnxArray:
    given = (x, weight) if bias is None else (x, weight, bias)
    return x.write("Gemm", given, shape, x.dtype, transB=1)


def _can_multiply(x: Any, weight: Any, bias: Any) -> bool:
    return _is(_FLOATS, x, weight, bias) and len(x.shape) == 2 and 0 not in x.shape


def _standardize(
    shape: Any, x: OnnxArray, weight: OnnxArray | None, bias: OnnxArray | None, *, dims: Sizes, eps: float
) -> OnnxArray:
    scale = np.ones(x.shape[dims[0] :], x.dtype) if weight is None else weight
    given = (x, scale) if bias is None else (x, scale, bias)
    return x.write("LayerNormalization", given, shape, x.dtype, axis=dims[0], epsilon=eps)


def _can_standardize(x: Any, weight: Any, bias: Any, *, dims: Sizes, **_: Any) -> bool:
    """Whether it is done over the last dimensions, with a scale for each element."""
    parameters = [t for t in (weight, bias) if t is not None]
    return (
        _is(_FLOATS, x, weight, bias)
        and tuple(dims) == tuple(range(dims[0], len(x.shape)))
        and all(t.dtype == x.dtype and t.shape == x.shape[dims[0] :] for t in parameters)
    )


def _softmax(op: str) -> _Whole:
    return _Whole(
        lambda x, *, dim: _is(_FLOATS, x) and len(x.shape) > 0,
        lambda shape, x, *, dim: x.write(op, (x,), shape, x.dtype, axis=dim),
    )


_WHOLE = {
    "convolution": _Whole(_can_convolve, _convolution),
    "linear": _Whole(_can_multiply, _linear),
    "log_softmax": _softmax("LogSoftmax"),
    "max_of_windows": _Whole(_can_pool, _largest),
    "softmax": _softmax("Softmax"),
    "standardize": _Whole(_can_standardize, _standardize),
    "sum_of_windows": _Whole(_can_add, _sum),
    "transposed_convolution": _Whole(_can_convolve, _transposed_convolution),
}
