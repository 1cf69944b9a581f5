"""Every optimizer takes PyTorch's course, by kernel and by formula, and every scheduler sets PyTorch's rates."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import backlit
from backlit import optim
from tests.optim import programs
from tests.optim.ways import by_formula

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


@pytest.fixture(scope="module")
def reference() -> Iterator[np.lib.npyio.NpzFile]:
    with np.load(Path(__file__).with_name("reference.npz")) as file:
        yield file


@pytest.fixture(params=["kernel", "formula"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "kernel":
        yield "kernel"
        return
    with by_formula():
        yield "formula"


def same_course(reference: np.lib.npyio.NpzFile, case: str, dtype: str) -> None:
    expected = reference[f"{case}/{dtype}"]
    course = programs.optimizer_course(backlit, optim, case, dtype)
    for step, values in zip(programs.KEPT, expected, strict=True):
        assert course[step].dtype == values.dtype
        np.testing.assert_allclose(
            course[step], values, rtol=0, atol=TOLERANCE[dtype] * np.abs(values).max(), err_msg=f"{case}, step {step}"
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", programs.OPTIMIZERS)
def test_an_optimizer_takes_pytorchs_course(reference: np.lib.npyio.NpzFile, way: str, case: str, dtype: str) -> None:
    same_course(reference, case, dtype)


def test_a_wrong_kernel_is_caught(reference: np.lib.npyio.NpzFile) -> None:
    rule = optim.Adam.rule
    right = rule.kernel

    def wrong(*arrays: object, eps: float, **settings: object) -> None:
        right(*arrays, eps=2 * eps, **settings)

    with mock.patch.object(rule, "kernel", wrong), pytest.raises(AssertionError, match="adam, step 1"):
        same_course(reference, "adam", "float64")


@pytest.mark.parametrize("case", programs.LBFGS)
def test_lbfgs_takes_pytorchs_course(reference: np.lib.npyio.NpzFile, case: str) -> None:
    expected = reference[f"lbfgs/{case}"]
    course = programs.lbfgs_course(backlit, optim, case)
    # Steps that depend on differences of nearly equal losses spread rounding.
    np.testing.assert_allclose(course, expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(course[0], expected[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("case", programs.SCHEDULES)
def test_a_scheduler_sets_pytorchs_rates(reference: np.lib.npyio.NpzFile, case: str, kind: str) -> None:
    np.testing.assert_allclose(
        programs.schedule(backlit, optim, case, kind), reference[f"{case}/{kind}"], rtol=1e-12, atol=0
    )
