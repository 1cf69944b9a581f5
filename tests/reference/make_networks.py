"""Write `networks.json`: what PyTorch's layers and losses print, compute and differentiate on the table of tests/nn.

Run with PyTorch installed, from the root of the repository: `python -m tests.reference.make_networks`.
"""

import json
from pathlib import Path
from typing import Any

import torch

from tests.nn.layer_table import LAYERS, LOSSES, RECURRENT, inputs, numbers, state


class First(torch.nn.Module):
    """The first result of a module that has several."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> Any:
        """The first result."""
        return self.module(*inputs)[0]


def rounded(value: torch.Tensor | None) -> Any:
    """Numbers short enough for a small file."""
    if value is None:
        return None
    return [float(f"{v:.13g}") for v in value.detach().double().flatten().tolist()]


def built(text: str) -> torch.nn.Module:
    """The module of an entry, in float64, with the table's values."""
    names = {**vars(torch.nn), "tensor": torch.tensor, "First": First}
    module: torch.nn.Module = eval(text, names)
    module.double()
    named = [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    values = {name: torch.as_tensor(value) for name, value in state(named).items()}
    module.load_state_dict({**module.state_dict(), **({} if "Loss" in text else values)})
    return module


def tried(text: str, specs: Any) -> dict[str, Any]:
    """What a module makes of its inputs, and the gradients of a weighted sum of that."""
    module = built(text)
    tensors = [torch.as_tensor(array) for array in inputs(specs)]
    for tensor in tensors:
        tensor.requires_grad_(tensor.is_floating_point())
    output = module(*tensors)
    (output * torch.as_tensor(numbers(tuple(output.shape), 50))).sum().backward()
    return {
        "repr": repr(module),
        "output": rounded(output),
        "inputs": [rounded(tensor.grad) for tensor in tensors],
        "parameters": {name: rounded(parameter.grad) for name, parameter in module.named_parameters()},
        "buffers": {name: rounded(buffer) for name, buffer in module.named_buffers()},
    }


def read(text: str, shape: Any, states: Any) -> dict[str, Any]:
    """What a recurrent layer makes of a sequence and its states, and the gradients of a weighted sum of all that."""
    module = built(text)
    tensors = [torch.as_tensor(array).requires_grad_() for array in inputs([shape, *states])]
    given = (tensors[0], tuple(tensors[1:]) if len(states) > 1 else tensors[1]) if states else (tensors[0],)
    results = flat(module(*given))
    weighted = [(result * torch.as_tensor(numbers(tuple(result.shape), 50))).sum() for result in results]
    torch.stack(weighted).sum().backward()
    return {
        "repr": repr(module),
        "outputs": [rounded(result) for result in results],
        "inputs": [rounded(tensor.grad) for tensor in tensors],
        "parameters": {name: rounded(parameter.grad) for name, parameter in module.named_parameters()},
    }


def flat(result: Any) -> list[torch.Tensor]:
    """The tensors of a nested tuple."""
    return [tensor for part in result for tensor in flat(part)] if isinstance(result, tuple) else [result]


def main() -> None:
    """Try the whole table."""
    found = {
        "made_with": f"torch {torch.__version__}",
        "layers": [tried(text, specs) for text, specs in LAYERS],
        "recurrent": [read(*entry) for entry in RECURRENT],
        "losses": [tried(text, [shape, target]) for text, shape, target in LOSSES],
    }
    Path(__file__).with_name("networks.json").write_text(json.dumps(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
