"""Write printing_reference.json: tensors and what PyTorch prints for them.

Run by hand where PyTorch is installed: `python tests/ops/make_printing_reference.py`. The test-suite reads the file.
"""

import json
from pathlib import Path

import torch

HERE = Path(__file__).parent
CASES = [
    ("3", "int64", {}),
    ("3.0", "float32", {}),
    ("2.5", "float64", {}),
    ("True", "bool", {}),
    ("[]", "float32", {}),
    ("[]", "int64", {}),
    ("[]", "bool", {}),
    ("zeros((0, 3))", "float32", {}),
    ("zeros((2, 0, 3))", "int32", {}),
    ("[1, -2, 30]", "int64", {}),
    ("[1, -2, 30]", "int8", {}),
    ("[1, 2]", "uint8", {}),
    ("[True, False]", "bool", {}),
    ("[1.0, 2.0, 3.0]", "float32", {}),
    ("[1.0, 2.5, -3.0]", "float32", {}),
    ("[1.0, 2.5, -3.0]", "float64", {}),
    ("[1.0, 2.5, -3.0]", "float16", {}),
    ("[0.0, 0.0]", "float32", {}),
    ("[nan, inf, -inf]", "float32", {}),
    ("[nan, inf, 1.0]", "float32", {}),
    ("[nan, inf, 1.5]", "float32", {}),
    ("[1e-5, 1.0]", "float32", {}),
    ("[1e-4, 1.5e-4]", "float64", {}),
    ("[1e-3, 1.5]", "float64", {}),
    ("[1e-3, 1.0]", "float64", {}),
    ("[1e9, 1.0]", "float32", {}),
    ("[1e8, 2e8]", "float32", {}),
    ("[123456.0, 1234567.5]", "float64", {}),
    ("[1.0, 1001.0]", "float64", {}),
    ("[-0.0, 1.5]", "float32", {}),
    ("arange(24).reshape(2, 3, 4)", "int64", {}),
    ("arange(24).reshape(2, 3, 4) / 7", "float32", {}),
    ("arange(16).reshape(2, 2, 2, 2)", "float32", {}),
    ("arange(30) / 3", "float32", {}),
    ("arange(30)", "int64", {}),
    ("arange(1000)", "int64", {}),
    ("arange(1001)", "int64", {}),
    ("arange(1001) / 10", "float32", {}),
    ("arange(3000).reshape(30, 100)", "float32", {}),
    ("arange(1200).reshape(4, 300)", "float64", {}),
    ("arange(1200).reshape(400, 3)", "float64", {}),
    ("arange(3000).reshape(10, 20, 15) / 9", "float32", {}),
    ("arange(20) / 3", "float64", {"precision": 2}),
    ("arange(20) / 3", "float32", {"precision": 8, "linewidth": 60}),
    ("arange(20)", "float32", {"threshold": 10}),
    ("arange(20)", "float32", {"threshold": 10, "edgeitems": 1}),
    ("arange(60).reshape(6, 10)", "float32", {"threshold": 10, "edgeitems": 2}),
    ("arange(5) / 3", "float32", {"sci_mode": True}),
    ("arange(5)", "float32", {"sci_mode": True}),
    ("[1e-7, 1.5]", "float32", {"sci_mode": False}),
    ("arange(1001)", "int64", {"profile": "full"}),
    ("arange(1001) / 3", "float32", {"profile": "short"}),
    ("arange(12) / 7", "float32", {"linewidth": 20}),
]
PROGRAMS = [
    "torch.tensor([1.0, 2.0], requires_grad=True)",
    "torch.tensor([1.0, 2.0], requires_grad=True) * 2",
    "torch.tensor([1.0, 2.0], requires_grad=True) + 2",
    "torch.tensor([1.0, 2.0], requires_grad=True).exp()",
    "torch.tensor([1.0, 2.0], requires_grad=True).sum()",
    "torch.ones(4, 14, requires_grad=True) * 0.5",
    "torch.ones(3, 9, dtype=torch.float64, requires_grad=True) / 3",
    "torch.ones(2).detach()",
    "torch.zeros(0, requires_grad=True)",
    "[torch.ones(2), torch.zeros(1)]",
    "torch.ones(2).shape",
    "torch.float64",
    "torch.bool",
    "torch.device('cpu')",
    "f'{torch.tensor(1.5):.2f} {torch.tensor(3)}'",
]


def array(text: str) -> torch.Tensor:
    """The values of a case; NumPy's names stand for themselves in the test, PyTorch's here."""
    names = {"arange": torch.arange, "zeros": torch.zeros, "nan": float("nan"), "inf": float("inf")}
    value = eval(text, {"__builtins__": {}}, names)
    return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=torch.float64)


def main() -> None:
    """Print every case and program, and write what came."""
    arrays = []
    for text, kind, options in CASES:
        torch.set_printoptions(profile="default", sci_mode=None)
        torch.set_printoptions(**options)
        arrays.append([text, kind, options, repr(array(text).to(getattr(torch, kind)))])
    torch.set_printoptions(profile="default", sci_mode=None)
    programs = [[text, str(eval(text, {"torch": torch}))] for text in PROGRAMS]
    found = {"made_with": f"torch {torch.__version__}", "arrays": arrays, "programs": programs}
    (HERE / "printing_reference.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
