"""L-BFGS finds minima, and says what it needs. Its course is compared with PyTorch's in test_reference.py."""

from typing import Any

import numpy as np
import pytest

import backlit
from backlit import optim
from backlit.errors import ArgumentError, ArgumentTypeError, GraphError
from backlit.graph.trace import trace
from backlit.optim.line_search import Point, cubic_minimum, strong_wolfe


def rosenbrock(param: Any, optimizer: Any) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = (100 * (param[1:] - param[:-1] ** 2) ** 2 + (1 - param[:-1]) ** 2).sum()
        loss.backward()
        return loss

    return closure


def test_a_line_search_finds_rosenbrocks_minimum() -> None:
    param = backlit.tensor([-1.2, 1.0], dtype=backlit.float64).requires_grad_()
    optimizer = optim.LBFGS([param], line_search_fn="strong_wolfe", tolerance_change=1e-14)
    losses = [optimizer.step(rosenbrock(param, optimizer)).item() for _ in range(5)]
    assert losses[0] == pytest.approx(24.2)
    np.testing.assert_allclose(param.detach().numpy(), 1, atol=1e-7)
    steps = optimizer.state[param]["n_iter"]
    optimizer.step(rosenbrock(param, optimizer))
    assert optimizer.state[param]["n_iter"] - steps <= 1


def test_a_parameter_without_gradient_stays() -> None:
    param, unused = (backlit.ones(2).requires_grad_() for _ in range(2))
    optimizer = optim.LBFGS([param, unused], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert unused.tolist() == [1, 1]
    assert param.dtype == backlit.float32
    assert np.abs(param.detach().numpy()).max() < 1


def test_hooks_run_around_a_step() -> None:
    seen: list[str] = []
    param = backlit.ones(2).requires_grad_()
    optimizer = optim.LBFGS([param])
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    optimizer.step(rosenbrock(param, optimizer))
    assert seen == ["before", "after"]


def test_what_it_refuses() -> None:
    param = backlit.ones(2).requires_grad_()
    optimizer = optim.LBFGS([param])
    with pytest.raises(ArgumentError, match="LBFGS: step needs a closure"):
        optimizer.step()
    with pytest.raises(ArgumentTypeError, match="LBFGS: the closure's result must be a number, got None"):
        optimizer.step(lambda: None)
    with pytest.raises(ArgumentError, match="LBFGS: all parameters must be in one group"):
        optimizer.add_param_group({"params": [backlit.ones(1).requires_grad_()]})
    with pytest.raises(GraphError, match="LBFGS: a step branches on losses"):
        trace(lambda: optimizer.step(rosenbrock(param, optimizer)))


def test_the_cubic_through_two_points() -> None:
    a, b = (Point(t, t**3 - 3 * t, np.zeros(1), 3 * t**2 - 3) for t in (0.0, 3.0))
    assert cubic_minimum(a, b, 0, 3) == pytest.approx(1)
    assert cubic_minimum(b, a, 0, 3) == pytest.approx(1)
    assert cubic_minimum(a, b, 2, 3) == 2
    steep = Point(1.0, float("inf"), np.zeros(1), 0.0)
    assert cubic_minimum(a, steep, 0, 1) == 0.5
    flat = Point(1.0, 0.0, np.zeros(1), 0.0)
    assert cubic_minimum(Point(0.0, 0.0, np.zeros(1), 0.0), flat, 0, 1) == 0.5


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 10.0, 300.0])
def test_a_line_search_ends_at_a_point_of_the_strong_wolfe_conditions(first: float) -> None:
    calls = []

    def at(t: float) -> Point:
        calls.append(t)
        slope = 4 * (t - 2) ** 3 + np.cos(3 * t)
        return Point(t, (t - 2) ** 4 + np.sin(3 * t) / 3, np.array([slope]), slope)

    start = at(0.0)
    best, evals = strong_wolfe(at, start, first, 1.0, max_evals=25)
    assert evals == len(calls) - 1
    assert best.f <= start.f + 1e-4 * best.t * start.slope
    assert abs(best.slope) <= 0.9 * abs(start.slope)


def test_a_line_search_keeps_to_its_evaluations() -> None:
    calls = []

    def at(t: float) -> Point:
        calls.append(t)
        return Point(t, -t, np.array([-1.0]), -1.0)

    best, evals = strong_wolfe(at, at(0.0), 1.0, 1.0, max_evals=3)
    assert evals == 4 == len(calls) - 1
    assert best.t == calls[-1]
