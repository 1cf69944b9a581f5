"""Write promotion_reference.json: the result type of every pair of operands, as PyTorch has it.

Run by hand where PyTorch is installed: `python tests/core/make_promotion_reference.py`. The test-suite reads the file.
"""

import json
from pathlib import Path

import torch

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
NUMBERS = {"True": True, "1": 1, "1.0": 1.0}


def operand(name: str) -> object:
    """A number, a tensor of one dimension ("float32 1d") or of none ("float32 0d")."""
    if name in NUMBERS:
        return NUMBERS[name]
    kind, dims = name.split()
    return torch.ones((1,) if dims == "1d" else (), dtype=getattr(torch, kind))


def main() -> None:
    """Ask for every pair, and write what came."""
    names = [f"{kind} {dims}" for dims in ("1d", "0d") for kind in DTYPES] + list(NUMBERS)
    table = {
        first: {
            second: str(torch.result_type(operand(first), operand(second))).removeprefix("torch.") for second in names
        }
        for first in names
    }
    casts = {a: {b: torch.can_cast(getattr(torch, a), getattr(torch, b)) for b in DTYPES} for a in DTYPES}
    found = {"made_with": f"torch {torch.__version__}", "result_type": table, "can_cast": casts}
    target = Path(__file__).with_name("promotion_reference.json")
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
