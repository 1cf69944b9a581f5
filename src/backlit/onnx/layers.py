"""ONNX's operators that are layers: products, windows that slide, normalisation; see `onnx.operators`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backlit import ops
from backlit.errors import GraphError, ShapeError
from backlit.nn import functional
from backlit.onnx.operators import Attributes, operator

Pairs = list[tuple[int, int]]


@operator("Gemm")
def _gemm(a: Attributes, x: Any, y: Any, z: Any = None) -> Any:
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    x = x.T if a.get("transA", 0) else x
    if a.get("transB", 0) and alpha == beta == 1 and (z is None or z.shape == y.shape[:1]):
        return functional.linear(x, y, z)
    product = x @ (y.T if a.get("transB", 0) else y)
    product = product if alpha == 1 else product * alpha
    return product if z is None else product + (z if beta == 1 else z * beta)


# -- windows -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Windows:
    """Windows over the last dimensions of an input, as a node's attributes say.

    Attributes:
        sizes: Elements of a window.
        steps: How far apart windows begin.
        gaps: How far apart the elements of a window are.
        border: Widths before and after each dimension.
        after: How wide the border behind must be for the last window that counts; a negative width cuts off.
    """

    sizes: list[int]
    steps: list[int]
    gaps: list[int]
    border: Pairs
    after: list[int]

    def bordered(self, x: Any, value: float) -> Any:
        """`x` with as much of its border as the windows see."""
        pairs = [(before, after) for (before, _), after in zip(self.border, self.after, strict=True)]
        return _bordered(x, pairs, value)


def _bordered(x: Any, pairs: Pairs, value: float) -> Any:
    widths = [width for pair in reversed(pairs) for width in pair]
    return functional.pad(x, widths, value=value) if any(widths) else x


def _windows(a: Attributes, x: Any, sizes: Sequence[int]) -> _Windows:
    rank = len(sizes)
    if x.ndim != rank + 2 or not 1 <= rank <= 3:
        raise ShapeError(f"the input has shape {tuple(x.shape)}, windows over {rank} dimensions were expected")
    steps, gaps = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    pads, auto = a.get("pads", [0] * 2 * rank), a.get("auto_pad", "NOTSET")
    border, behind = [], []
    for i, (length, size, step, gap) in enumerate(zip(x.shape[2:], sizes, steps, gaps, strict=True)):
        reach = gap * (size - 1) + 1
        before, after = pads[i], pads[rank + i]
        if auto == "VALID":
            before = after = 0
        elif auto != "NOTSET":
            total = max((-(-length // step) - 1) * step + reach - length, 0)
            before, after = _halves(total, auto)
        room = length + before + after - reach
        count = (-(-room // step) if a.get("ceil_mode", 0) else room // step) + 1
        # A window that begins in the border behind the input sees nothing of it.
        if a.get("ceil_mode", 0) and (count - 1) * step >= length + before:
            count -= 1
        border.append((before, after))
        behind.append((count - 1) * step + reach - length - before)
    return _Windows(list(sizes), list(steps), list(gaps), border, behind)


def _halves(total: int, auto: str) -> tuple[int, int]:
    """A width as one before and one after, the latter the larger with SAME_UPPER."""
    less = total // 2
    return (less, total - less) if auto == "SAME_UPPER" else (total - less, less)


def _named(name: str, rank: int) -> Any:
    return getattr(functional, f"{name}{rank}d")


@operator("Conv")
def _conv(a: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    over = _windows(a, x, weight.shape[2:])
    if all(before == after >= 0 for before, after in over.border):
        padding = [before for before, _ in over.border]
    else:
        x, padding = _bordered(x, over.border, 0.0), [0] * len(over.sizes)
    convolve = _named("conv", len(over.sizes))
    return convolve(x, weight, bias, over.steps, padding, over.gaps, a.get("group", 1))


@operator("ConvTranspose")
def _conv_transpose(a: Attributes, x: Any, weight: Any, bias: Any = None) -> Any:
    rank = x.ndim - 2
    over = _windows({**a, "auto_pad": "NOTSET"}, x, weight.shape[2:])
    more = a.get("output_padding", [0] * rank)
    convolve, group = _named("conv_transpose", rank), a.get("group", 1)
    border, auto = over.border, a.get("auto_pad", "NOTSET")
    if "output_shape" in a or auto.startswith("SAME"):
        wanted = a.get("output_shape", [n * step for n, step in zip(x.shape[2:], over.steps, strict=True)])[-rank:]
        border = [
            _halves(step * (length - 1) + extra + gap * (size - 1) + 1 - n, auto)
            for length, size, step, gap, extra, n in zip(
                x.shape[2:], over.sizes, over.steps, over.gaps, more, wanted, strict=True
            )
        ]
    if all(before == after >= 0 for before, after in border):
        padding = [before for before, _ in border]
        return convolve(x, weight, bias, over.steps, padding, more, group, over.gaps)
    whole = convolve(x, weight, None, over.steps, 0, 0, group, over.gaps)
    ends = [(-before, extra - after) for (before, after), extra in zip(border, more, strict=True)]
    found = _bordered(whole, ends, 0.0)
    return found if bias is None else found + bias.reshape(-1, *[1] * rank)


@operator("MaxPool")
def _max_pool(a: Attributes, x: Any) -> Any:
    if a.get("storage_order", 0):
        raise GraphError("places counted by columns (storage_order) are not read")
    over = _windows(a, x, a["kernel_shape"])
    pool = _named("max_pool", len(over.sizes))
    return pool(over.bordered(x, -math.inf), over.sizes, over.steps, 0, over.gaps)


@operator("AveragePool")
def _average_pool(a: Attributes, x: Any) -> Any:
    over = _windows(a, x, a["kernel_shape"])
    if any(gap > 1 for gap in over.gaps):
        raise GraphError("windows with gaps (dilations) are not read")
    pool = _named("avg_pool", len(over.sizes))
    found = pool(over.bordered(x, 0.0), over.sizes, over.steps)
    counted = a.get("count_include_pad", 0)
    ends = zip(over.border, over.after, strict=True)
    if all(more <= after if counted else not before and more <= 0 for (before, after), more in ends):
        return found
    # What share of each window counts.
    ones = _bordered(ops.ones(1, 1, *x.shape[2:], dtype=x.dtype), over.border if counted else [], 1.0)
    pairs = [
        (0, more - after) if counted else (before, more)
        for (before, after), more in zip(over.border, over.after, strict=True)
    ]
    return found / pool(_bordered(ones, pairs, 0.0), over.sizes, over.steps)


@operator("GlobalAveragePool")
def _global_average_pool(a: Attributes, x: Any) -> Any:
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def _global_max_pool(a: Attributes, x: Any) -> Any:
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


# -- normalisation -----------------------------------------------------------------------------------------------------


@operator("BatchNormalization")
def _batch_normalization(a: Attributes, x: Any, scale: Any, bias: Any, mean: Any, var: Any) -> Any:
    if a.get("training_mode", 0):
        raise GraphError("the model is in training mode; export it in evaluation mode")
    shape = (-1,) + (1,) * (x.ndim - 2)
    slope = ops.rsqrt(var + a.get("epsilon", 1e-5)) * scale
    return (x - mean.reshape(shape)) * slope.reshape(shape) + bias.reshape(shape)


@operator("LayerNormalization")
def _layer_normalization(a: Attributes, x: Any, scale: Any, bias: Any = None) -> Any:
    shape, eps = x.shape[a.get("axis", -1) % x.ndim :], a.get("epsilon", 1e-5)
    if scale.shape == shape and (bias is None or bias.shape == shape):
        return functional.layer_norm(x, shape, scale, bias, eps)
    normal = functional.layer_norm(x, shape, eps=eps) * scale
    return normal if bias is None else normal + bias


@operator("InstanceNormalization")
def _instance_normalization(a: Attributes, x: Any, scale: Any, bias: Any) -> Any:
    return functional.instance_norm(x, weight=scale, bias=bias, eps=a.get("epsilon", 1e-5))


@operator("LRN")
def _local_response_normalization(a: Attributes, x: Any) -> Any:
    size = a["size"]
    if size % 2 == 0:
        raise GraphError(f"an even number of channels (size {size}) is not read")
    return functional.local_response_norm(x, size, a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0))
