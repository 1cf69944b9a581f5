"""Write src/backlit/core/pytorch_names.txt: the public names of PyTorch, for messages on those that backlit lacks.

Run by hand where PyTorch is installed: `python tests/make_pytorch_names.py`.
"""

import importlib
from pathlib import Path
from types import ModuleType

import torch

PLACES = [
    "",
    "Tensor",
    "nn",
    "nn.functional",
    "nn.init",
    "nn.utils",
    "optim",
    "optim.lr_scheduler",
    "autograd",
    "autograd.functional",
    "utils.data",
]


def is_own(value: object, at_the_top: bool) -> bool:
    """Whether a name is PyTorch's, not a module that it happens to import."""
    return not isinstance(value, ModuleType) or (at_the_top and value.__name__.startswith("torch."))


def names(place: str) -> list[str]:
    """The public names of one module or class, with their place."""
    owner = (
        torch.Tensor
        if place == "Tensor"
        else importlib.import_module(".".join(["torch", *place.split(".")]).rstrip("."))
    )
    found = [n for n in dir(owner) if not n.startswith("_") and is_own(getattr(owner, n, None), not place)]
    return [f"{place}.{n}" if place else n for n in found]


def main() -> None:
    """Write the list, sorted, one name a line."""
    found = sorted(name for place in PLACES for name in names(place))
    target = Path(__file__).parents[1] / "src" / "backlit" / "core" / "pytorch_names.txt"
    target.write_text("\n".join(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
