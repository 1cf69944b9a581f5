"""Writes `digits.npz` from scikit-learn's copy of the data: `python make_digits.py`."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

if __name__ == "__main__":
    source = load_digits()
    np.savez_compressed(
        Path(__file__).with_name("digits.npz"),
        images=source.images.astype(np.uint8),
        labels=source.target.astype(np.uint8),
    )
