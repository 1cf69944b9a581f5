"""An update rule's kernel is its formula, whatever the parameter looks like, eagerly and in a trace."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit import optim
from backlit.graph.trace import trace
from backlit.optim import blocks
from tests.optim import programs
from tests.optim.ways import by_formula

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T.copy().T,
    "reversed": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
    "every second": lambda a: np.repeat(a, 2, axis=0)[::2] if a.ndim else a,
}


def two_steps(case: str, values: Any, grads: list[Any]) -> tuple[Any, dict[str, Any]]:
    """The parameter and its state after two steps from `values`, whose memory is used."""
    param = backlit.from_numpy(values).requires_grad_()
    kind, options = programs.OPTIMIZERS[case]
    optimizer = getattr(optim, kind)([param], **options)
    for grad in grads:
        param.grad = backlit.from_numpy(grad)
        optimizer.step()
    return param.detach().numpy(), {k: v.numpy() for k, v in optimizer.state_dict()["state"].get(0, {}).items()}


def kernel_is_formula(case: str, values: Any, grads: list[Any]) -> None:
    before = [g.copy() for g in grads]
    start = values.copy()
    got, state = two_steps(case, values, grads)
    with by_formula():
        expected, expected_state = two_steps(case, start, before)
    tolerance = 1e-12 if values.dtype == np.float64 else 1e-5
    assert state.keys() == expected_state.keys()
    for name, a, b in [("param", got, expected), *((n, state[n], expected_state[n]) for n in state)]:
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max(initial=0), err_msg=name)
    for grad, copy in zip(grads, before, strict=True):
        np.testing.assert_array_equal(grad, copy, err_msg="a gradient was written")


@given(
    case=st.sampled_from(sorted(programs.OPTIMIZERS)),
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    dtype=st.sampled_from(["float32", "float64"]),
    layouts=st.tuples(st.sampled_from(sorted(LAYOUTS)), st.sampled_from(sorted(LAYOUTS))),
    block=st.sampled_from([3, 1 << 16]),
    seed=st.integers(0, 99),
)
def test_kernels_are_formulas(
    case: str, shape: tuple[int, ...], dtype: str, layouts: tuple[str, str], block: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    values, *grads = (rng.normal(size=shape).astype(dtype) for _ in range(3))
    with mock.patch.object(blocks, "BLOCK", block):
        kernel_is_formula(case, LAYOUTS[layouts[0]](values), [LAYOUTS[layouts[1]](g) for g in grads])


def test_a_kernel_that_is_not_its_formula_is_caught() -> None:
    rng = np.random.default_rng(0)

    def wrong(param: Any, *rest: Any, lr: float, **settings: Any) -> None:
        param -= lr * rest[-1] * (1 + 1e-9)

    def spoilt(param: Any, *rest: Any, lr: float, **settings: Any) -> None:
        param -= lr * rest[-1]
        rest[-1][...] = 0

    for kernel, word in [(wrong, "param"), (spoilt, "gradient")]:
        with mock.patch.object(optim.SGD.rule, "kernel", kernel), pytest.raises(AssertionError, match=word):
            kernel_is_formula("sgd", rng.normal(size=3), [rng.normal(size=3), np.ones(3)])


@pytest.mark.parametrize("case", programs.OPTIMIZERS)
def test_a_traced_step_is_the_eager_step_also_after_the_rate_changes(case: str) -> None:
    rng = np.random.default_rng(4)
    start, x = rng.normal(size=3), backlit.tensor(rng.normal(size=(4, 3)))
    kind, options = programs.OPTIMIZERS[case]
    runs = []
    for traced in (False, True):
        param = backlit.tensor(start).requires_grad_()
        optimizer = getattr(optim, kind)([param], **options)

        def step(x: Any, param: Any = param, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = ((x @ param) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        optimizer.prepare()
        run = trace(step, x).run if traced else step
        losses = []
        for count in range(5):
            if count == 3:
                optimizer.param_groups[0]["lr"] /= 2
            losses.append(run(x).item())
        runs.append([*losses, *param.detach().numpy()])
    np.testing.assert_allclose(runs[1], runs[0], rtol=1e-12)


def test_a_rate_is_neither_read_nor_changed_inside_a_trace() -> None:
    param = backlit.ones(2).requires_grad_()
    optimizer = optim.SGD([param], lr=0.1)
    group = optimizer.param_groups[0]
    with pytest.raises(backlit.errors.GraphError, match="SGD: lr was read inside a traced program"):
        trace(lambda: group["lr"])
    with pytest.raises(backlit.errors.GraphError, match="SGD: lr was changed inside a traced program"):
        trace(lambda: group.update(lr=0.2))
    assert group["lr"] == 0.1
