"""Write `elementwise.json`: PyTorch's result types, and its values and slopes where functions have kinks or poles.

Run with PyTorch installed, from the root of the repository: `python tests/reference/make_elementwise.py`.
"""

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

KINDS = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
BINARY = ["add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "maximum", "atan2", "eq", "lt"]
BINARY += ["logical_and", "bitwise_and", "xlogy"]
UNARY = ["neg", "abs", "exp", "sqrt", "square", "reciprocal", "sin", "erf", "floor", "round", "trunc", "frac", "sign"]
UNARY += ["relu", "sigmoid", "tanh", "isnan", "isfinite", "logical_not", "bitwise_not", "deg2rad", "logit", "lgamma"]
NUMBERS: list[bool | int | float] = [True, 2, 2.0]
POINTS = [-7.0, -6.0, -3.0, -2.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 3.0, 6.0, 7.0, 20.0, 21.0]
KINKED: list[tuple[str, dict[str, Any]]] = [
    ("relu", {}),
    ("leaky_relu", {"negative_slope": 0.1}),
    ("leaky_relu", {"negative_slope": 2.0}),
    ("elu", {"alpha": 1.5}),
    ("selu", {}),
    ("celu", {"alpha": 0.5}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("silu", {}),
    ("mish", {}),
    ("softplus", {"beta": 2.0, "threshold": 5.0}),
    ("logsigmoid", {}),
    ("softsign", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -2.5, "max_val": 0.5}),
    ("relu6", {}),
    ("hardsigmoid", {}),
    ("hardswish", {}),
    ("threshold", {"threshold": 0.5, "value": -2.0}),
    ("softshrink", {"lambd": 0.5}),
    ("hardshrink", {"lambd": 0.5}),
    ("abs", {}),
    ("sign", {}),
    ("floor", {}),
    ("round", {}),
    ("frac", {}),
    ("sqrt", {}),
    ("sinc", {}),
    ("clamp", {"min": -1.0, "max": 2.5}),
    ("clamp", {"min": 0.5}),
    ("clamp", {"min": 1.0, "max": -1.0}),
    ("pow", {"exponent": 0}),
    ("pow", {"exponent": 1}),
    ("pow", {"exponent": 2}),
    ("pow", {"exponent": 0.5}),
    ("pow", {"exponent": -1}),
    ("nan_to_num", {}),
]
TWO = ["maximum", "minimum", "pow", "xlogy", "atan2", "remainder", "fmod", "hypot", "div", "logaddexp"]
PAIRS = [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]


def kind_of(function: Any, *args: Any) -> str:
    try:
        return str(function(*args).dtype).removeprefix("torch.")
    except (RuntimeError, NotImplementedError, TypeError):
        return "error"


def ones(kind: str, *shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=getattr(torch, kind))


def slopes(function: Any, *values: list[float], **settings: Any) -> dict[str, Any]:
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    result = function(*tensors, **settings)
    grads = torch.autograd.grad(result.sum(), tensors)
    return {"value": result.tolist(), "grads": [g.tolist() for g in grads]}


def main() -> None:
    """Write the file beside this script."""
    functions = {n: getattr(torch, n, None) or getattr(F, n) for n in {*BINARY, *UNARY, *TWO, *(k for k, _ in KINKED)}}
    pairs = [(x, y) for x in PAIRS for y in PAIRS]
    first, second = [x for x, _ in pairs], [y for _, y in pairs]
    found = {
        "made with": f"torch {torch.__version__.split('+')[0]}",
        "kinds": KINDS,
        "numbers": NUMBERS,
        "unary": {n: [kind_of(functions[n], ones(k, 2)) for k in KINDS] for n in UNARY},
        "binary": {n: [[kind_of(functions[n], ones(a, 2), ones(b, 2)) for b in KINDS] for a in KINDS] for n in BINARY},
        "scalar tensor": [[kind_of(torch.mul, ones(a, 2), ones(b)) for b in KINDS] for a in KINDS],
        "number": [[kind_of(torch.mul, ones(a, 2), number) for number in NUMBERS] for a in KINDS],
        "number alone": [[kind_of(torch.mul, ones(a), number) for number in NUMBERS] for a in KINDS],
        "divided by number": [[kind_of(torch.div, ones(a, 2), number) for number in NUMBERS] for a in KINDS],
        "clamped": [[kind_of(torch.clamp, ones(a, 2), 0, number) for number in NUMBERS] for a in KINDS],
        "points": POINTS,
        "kinks": [{"name": n, "settings": s, **slopes(functions[n], POINTS, **s)} for n, s in KINKED],
        "pairs": [first, second],
        "kinks of two": [{"name": n, **slopes(functions[n], first, second)} for n in TWO],
    }
    with (Path(__file__).parent / "elementwise.json").open("w", encoding="utf-8") as file:
        file.write("{\n")
        file.write(",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items()))
        file.write("\n}\n")


if __name__ == "__main__":
    main()
