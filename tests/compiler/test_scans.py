"""Scans: cumulative sums, products and extremes in machine code, against NumPy's."""

from typing import Any

import numpy as np
import pytest

import backlit

UFUNCS = {"cumsum": np.add, "cumprod": np.multiply, "cummax": np.maximum, "cummin": np.minimum}


def values(found: Any) -> Any:
    return (found[0] if isinstance(found, tuple) else found).numpy()


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("name", UFUNCS)
def test_scans_are_numpy_s(name: str, dim: int) -> None:
    compiled = backlit.compile(lambda x: getattr(x * 2, name)(dim))
    for rows in (5, 1, 2000):
        x = np.random.default_rng(rows).uniform(0.3, 0.6, (rows, 3, 4))
        x[rows // 2, 1, 2] = np.nan
        found = values(compiled(backlit.from_numpy(x)))
        np.testing.assert_allclose(found, UFUNCS[name].accumulate(x * 2, axis=dim), rtol=1e-12)
    assert {kernel.kind for kernel in compiled.explain().kernels} <= {"scan", "loop"}


def test_whole_numbers_and_what_was_no_part_in_memory() -> None:
    compiled = backlit.compile(lambda x: (x.T.cumsum(0), (x > 2).cumsum(1)))
    x = backlit.arange(12, dtype=backlit.int32).reshape(4, 3)
    for found, expected in zip(compiled(x), (x.T.cumsum(0), (x > 2).cumsum(1)), strict=True):
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


def test_a_gradient_runs_backwards() -> None:
    def gradient(x: Any) -> Any:
        x.grad = None
        (x.cumsum(0) ** 2).sum().backward()
        return x.grad * 1

    x = backlit.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert backlit.compile(gradient)(x).tolist() == gradient(x).tolist() == [20, 18, 12]
