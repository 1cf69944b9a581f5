"""Products of matrices."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.composite import composite
from backlit.core.primitive import primitive

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


def _linear_kernel(xp: Any, input: Any, weight: Any, bias: Any) -> Any:
    out = np.matmul(input, weight.T)
    return out if bias is None else np.add(out, bias, out=out)


def _linear_gradient(g: Any, input: Any, weight: Any, bias: Any, needs: Any) -> Any:
    rows = g.reshape(-1, g.shape[-1])
    return (
        np.matmul(g, weight) if needs[0] else None,
        np.matmul(rows.T, input.reshape(-1, input.shape[-1])) if needs[1] else None,
        rows.sum(0) if needs[2] else None,
    )


@composite(
    kernel=_linear_kernel,
    gradient=_linear_gradient,
    role="mixes",
    notation="{input} {weight}' + {bias}",
    samples=lambda rng: [
        ((rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
        ((rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 3)), None), {}),
        ((rng.normal(size=3), rng.normal(size=(2, 3)), rng.normal(size=2)), {}),
    ],
)
def _linear(input: "Tensor", weight: "Tensor", bias: "Tensor | None") -> "Tensor":
    product = input @ weight.t()
    return product if bias is None else product + bias


def linear(input: "Tensor", weight: "Tensor", bias: "Tensor | None" = None) -> "Tensor":
    """The affine map y = x W' + b.

    Args:
        input: (*, in_features).
        weight: (out_features, in_features).
        bias: (out_features) or None.

    Returns:
        (*, out_features).
    """
    return _linear.bind(input, weight, bias)
