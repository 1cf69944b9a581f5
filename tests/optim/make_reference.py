"""Writes reference.npz, PyTorch's courses of the programs: `python -m tests.optim.make_reference`; wants torch."""

import warnings
from pathlib import Path

import numpy as np
import torch

from tests.optim import programs

if __name__ == "__main__":
    # The programs step schedulers without stepping the optimizer.
    warnings.simplefilter("ignore")
    arrays = {}
    for case in programs.OPTIMIZERS:
        for dtype in ("float64", "float32"):
            course = programs.optimizer_course(torch, torch.optim, case, dtype)
            arrays[f"{case}/{dtype}"] = np.array([course[step] for step in programs.KEPT])
    for case in programs.LBFGS:
        arrays[f"lbfgs/{case}"] = programs.lbfgs_course(torch, torch.optim, case)
    for case in programs.SCHEDULES:
        for kind in ("SGD", "Adam"):
            arrays[f"{case}/{kind}"] = programs.schedule(torch, torch.optim, case, kind)
    np.savez_compressed(Path(__file__).with_name("reference.npz"), **arrays)
    print(f"{len(arrays)} courses of PyTorch {torch.__version__}")
