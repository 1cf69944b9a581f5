"""Write `attention.json`: what PyTorch's attention and transformers make of the calls of tests/nn/attention_table.

Run with PyTorch installed, from the root of the repository: `python -m tests.reference.make_attention`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.nn.attention_table import CALLS
from tests.nn.layer_table import inputs, numbers
from tests.reference.make_networks import built, rounded


def called(text: str, shapes: Any, options: dict[str, Any]) -> dict[str, Any]:
    """All results of a call, and the gradients of a weighted sum of the first."""
    function: Any = built(text) if "(" in text else getattr(torch.nn.functional, text)
    tensors = [torch.as_tensor(array).requires_grad_() for array in inputs(shapes)]
    given = {name: torch.as_tensor(v) if isinstance(v, np.ndarray) else v for name, v in options.items()}
    results = function(*tensors, **given)
    results = results if isinstance(results, tuple) else (results,)
    (results[0] * torch.as_tensor(numbers(tuple(results[0].shape), 50))).sum().backward()
    own = dict(function.named_parameters()) if isinstance(function, torch.nn.Module) else {}
    return {
        "results": [rounded(result) for result in results],
        "inputs": [rounded(tensor.grad) for tensor in tensors],
        "parameters": {name: rounded(parameter.grad) for name, parameter in own.items()},
    }


def main() -> None:
    """Call all of them."""
    found = {"made_with": f"torch {torch.__version__}", "calls": [called(*call) for call in CALLS]}
    Path(__file__).with_name("attention.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
