"""What a compiled function does to objects of the outside besides computing: as eager code does it, or refused."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import GradientError, GraphError, IndexRangeError
from backlit.nn import functional as F
from backlit.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR


def x_of(*shape: int, seed: int = 0) -> Any:
    return backlit.randn(*shape, generator=backlit.Generator().manual_seed(seed), dtype=backlit.float64)


def linear() -> Any:
    net = nn.Linear(3, 2, dtype=backlit.float64)
    with backlit.no_grad():
        net.weight.copy_(x_of(2, 3, seed=1))
        net.bias.zero_()
    return net


# -- requires_grad ---------------------------------------------------------------------------------------------------


def test_requires_grad_of_an_argument_is_set(traces: list[None]) -> None:
    def function(x: Any) -> Any:
        x.requires_grad_()
        loss = (x**3).sum()
        loss.backward()
        return loss

    compiled = backlit.compile(function, keep_grads=True)
    x, y = x_of(4, 3), x_of(4, 3)
    compiled(x)
    function(y)
    assert x.requires_grad
    assert np.array_equal(x.grad, y.grad)
    known = len(traces)
    compiled(x_of(4, 3))
    assert len(traces) == known
    off = backlit.compile(lambda x: x.requires_grad_(False) * 2)
    off(x)
    assert not x.requires_grad
    with pytest.raises(GradientError, match="detach"):
        (lambda x: x.requires_grad_(False))(x_of(2).requires_grad_() * 2)
    with pytest.raises(GraphError, match=r"requires_grad of argument 0.*detach"):
        off(x_of(2).requires_grad_() * 2)


def test_requires_grad_of_parameters_is_set_after_a_call_and_not_before() -> None:
    """The first call learns, those after it do not: a trace that froze for good would never learn."""

    def training(net: Any) -> Any:
        optimizer = optim.SGD(net.parameters(), lr=0.1)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            net.weight.requires_grad_(False)
            return loss

        return step

    one, other = linear(), linear()
    eager, compiled = training(one), backlit.compile(training(other))
    for rows in (4, 4, 1, 6):
        assert np.isclose(compiled(x_of(rows, 3)).item(), eager(x_of(rows, 3)).item(), rtol=1e-12)
        assert other.weight.requires_grad == one.weight.requires_grad
    assert np.allclose(other.weight.numpy(), one.weight.numpy(), rtol=1e-12)


def test_a_trace_that_fails_leaves_requires_grad() -> None:
    net = linear()

    def function(x: Any) -> Any:
        net.weight.requires_grad_(False)
        return net(x).sum().item()

    version = net.structure_version
    with pytest.raises(GraphError, match="asked for the number"):
        backlit.compile(function)(x_of(4, 3))
    assert net.weight.requires_grad
    assert net.structure_version == version


def test_parameters_that_are_frozen_for_a_while_ask_for_no_other_trace(traces: list[None]) -> None:
    one, other = linear(), nn.Linear(2, 1, dtype=backlit.float64)
    optimizer = optim.SGD(one.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        other.requires_grad_(False)
        optimizer.zero_grad()
        loss = F.softplus(other(one(x))).mean()
        loss.backward()
        optimizer.step()
        other.requires_grad_(True)
        return loss

    compiled = backlit.compile(step, keep_grads=True)
    compiled(x_of(4, 3))
    compiled(x_of(4, 3))
    known = len(traces)
    for rows in (4, 4, 1, 7):
        compiled(x_of(rows, 3))
    assert len(traces) == known
    assert all(p.requires_grad for p in other.parameters())
    assert other.weight.grad is None


def test_parameters_that_are_frozen_between_calls_ask_for_no_other_trace(traces: list[None]) -> None:
    net = linear()
    compiled = backlit.compile(net)

    def both() -> None:
        net.weight.requires_grad_(False)
        compiled(x_of(4, 3))
        net.requires_grad_(True)
        compiled(x_of(4, 3))

    both()
    known = len(traces)
    both()
    assert len(traces) == known


def test_modes_that_are_set_inside(traces: list[None]) -> None:
    def steps(compile: Any) -> tuple[Any, Any, Any]:
        backlit.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)).double()
        optimizer = optim.SGD(net.parameters(), lr=0.1)

        def train(x: Any) -> Any:
            net.train()
            optimizer.zero_grad()
            loss = (net(x) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        def evaluate(x: Any) -> Any:
            net.eval()
            return (net(x) ** 2).mean()

        return net, compile(train), compile(evaluate)

    outcomes, count = [], []
    for compile in (lambda function: function, backlit.compile):
        net, train, evaluate = steps(compile)
        outcomes.append([])
        for rows in (4, 4, 7, 4, 4):
            for step in (train, evaluate, evaluate, train, train):
                outcomes[-1].append((step(x_of(rows, 3)).item(), net.training, net[1].training))
            count.append(len(traces))
    for eager, compiled in zip(*outcomes, strict=True):
        assert np.isclose(eager[0], compiled[0], rtol=1e-9)
        assert eager[1:] == compiled[1:]
    assert count[-1] == count[-2] > 0


def test_a_trace_that_fails_leaves_the_mode() -> None:
    net = nn.Dropout()

    def function(x: Any) -> Any:
        net.eval()
        return x.sum().item()

    with pytest.raises(GraphError, match="asked for the number"):
        backlit.compile(function)(x_of(4, 3))
    assert net.training
    inner = backlit.compile(lambda x: nn.Dropout().eval()(x))
    assert inner(x_of(4)).tolist() == x_of(4).tolist()


def test_a_record_leaves_requires_grad_and_the_mode() -> None:
    net = linear()

    def function(x: Any) -> Any:
        net.eval()
        net.weight.requires_grad_(False)
        return net(x)

    backlit.compile(function).record(x_of(4, 3))
    assert net.weight.requires_grad
    assert net.training


def test_history_that_is_forgotten_in_place() -> None:
    first, second = x_of(3, seed=1).requires_grad_(), x_of(3, seed=2).requires_grad_()

    def function(x: Any) -> Any:
        hidden = x * first
        hidden.detach_()
        loss = (hidden * second).sum()
        loss.backward()
        return loss

    backlit.compile(function, keep_grads=True)(x_of(4, 3))
    assert first.grad is None
    assert np.allclose(second.grad.numpy(), (x_of(4, 3) * first.detach()).sum(0).numpy())


# -- what is made or replaced ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [StepLR, ReduceLROnPlateau, OneCycleLR])
def test_schedulers_are_made_outside(make: Any) -> None:
    optimizer = optim.SGD(linear().parameters(), lr=0.1)
    options = {"step_size": 2} if make is StepLR else {"max_lr": 0.1, "total_steps": 9} if make is OneCycleLR else {}

    def function(x: Any) -> Any:
        make(optimizer, **options)
        return x * 2

    with pytest.raises(GraphError, match=rf"test_inside.py:\d+: {make.__name__} is made inside.*make it outside"):
        backlit.compile(function)(x_of(4))


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.LBFGS])
def test_optimizers_are_made_outside(make: Any) -> None:
    net = linear()

    def function(x: Any) -> Any:
        optimizer = make(net.parameters(), lr=0.1)
        net(x).sum().backward()
        optimizer.step()

    with pytest.raises(GraphError, match=rf"test_inside.py:\d+: {make.__name__} is made inside.*make it outside"):
        backlit.compile(function)(x_of(4, 3))


def test_parameter_groups_are_added_outside() -> None:
    net, further = linear(), x_of(3).requires_grad_()
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def function(x: Any) -> Any:
        optimizer.add_param_group({"params": [further]})
        return x * 2

    with pytest.raises(GraphError, match=r"SGD: parameters are added inside a compiled function.*outside"):
        backlit.compile(function)(x_of(4))
    assert len(optimizer.param_groups) == 1


def test_parameters_and_buffers_are_not_replaced() -> None:
    net = nn.BatchNorm1d(3, dtype=backlit.float64)
    weight, mean = net.weight, net.running_mean

    def other_weight(x: Any) -> Any:
        net.weight = nn.Parameter(net.weight * 2)
        return net(x)

    def other_mean(x: Any) -> Any:
        net.running_mean = x.mean(0)
        return net(x)

    for function, name in ((other_weight, "weight"), (other_mean, "running_mean")):
        with pytest.raises(GraphError, match=rf"BatchNorm1d.{name} was set inside.*copy_"):
            backlit.compile(function)(x_of(4, 3))
    assert net.weight is weight
    assert net.running_mean is mean


# -- values that are asked for ---------------------------------------------------------------------------------------


def refused(function: Callable[..., Any], *args: Any) -> str:
    with pytest.raises(GraphError) as caught:
        backlit.compile(function)(*args)
    where = f"test_inside.py:{function.__code__.co_firstlineno}: "
    assert where in str(caught.value)
    return str(caught.value)


def test_classes_must_be_counted_outside() -> None:
    classes = backlit.tensor([0, 2, 1])
    assert "pass num_classes=" in refused(lambda y: F.one_hot(y), classes)
    assert backlit.compile(lambda y: F.one_hot(y, 3))(classes).tolist() == F.one_hot(classes).tolist()


def test_masks_of_tensors() -> None:
    x = x_of(4, 3)
    assert re.search(r"mask.*backlit.where", refused(lambda x: x[x > 0], x))
    assert "backlit.where" in refused(lambda x: backlit.nonzero(x), x)
    keep = x[:, 0] > 0
    assert re.search(r"mask.*backlit.where", refused(lambda x: x[keep], x))


def test_masks_of_numpy() -> None:
    mask = np.array([True, False, True, False])
    compiled = backlit.compile(lambda x: x[mask] + x[:, [True, False, True]].sum())

    def expected(x: Any) -> Any:
        array = x.numpy()
        return array[mask] + array[:, [True, False, True]].sum()

    assert np.allclose(compiled(x_of(4, 3)).numpy(), expected(x_of(4, 3)), rtol=1e-12)
    mask[1] = True
    assert np.allclose(compiled(x_of(4, 3)).numpy(), expected(x_of(4, 3)), rtol=1e-12)
    with pytest.raises(IndexRangeError, match=r"mask of shape \(4,\) does not fit"):
        compiled(x_of(5, 3))
    put = backlit.compile(lambda x: x.clone().__setitem__(mask, 0) or x[np.array(True)])
    assert put(x_of(4, 3)).shape == (1, 4, 3)


# -- tensors that are put somewhere ----------------------------------------------------------------------------------


class Slotted:
    __slots__ = ("state",)

    def __init__(self, state: Any) -> None:
        self.state = state


class Plain:
    def __init__(self, state: Any) -> None:
        self.state = state


shared: Any = None


def put_in_dict(state: Any) -> tuple[Any, Any]:
    kept = {"state": state}
    return lambda x: kept.update(state=0.5 * kept["state"] + x.sum(0)), kept


def put_in_list(state: Any) -> tuple[Any, Any]:
    kept = [state]
    return lambda x: kept.append(0.5 * kept[-1] + x.sum(0)), kept


def put_in_object(state: Any, kind: Any = Plain) -> tuple[Any, Any]:
    kept = kind(state)

    def function(x: Any) -> None:
        kept.state = 0.5 * kept.state + x.sum(0)

    return function, kept


def put_in_slot(state: Any) -> tuple[Any, Any]:
    return put_in_object(state, Slotted)


def put_in_pair(state: Any) -> tuple[Any, Any]:
    kept = Plain((state, state))

    def function(x: Any) -> None:
        kept.state = (kept.state[1], x.sum(0))

    return function, kept


def put_in_cell(state: Any) -> tuple[Any, Any]:
    def function(x: Any) -> None:
        nonlocal state
        state = 0.5 * state + x.sum(0)

    return function, function.__closure__[0]  # type: ignore[index]


def put_in_module(state: Any) -> tuple[Any, Any]:
    global shared
    shared = state

    def function(x: Any) -> None:
        global shared
        shared = 0.5 * shared + x.sum(0)

    return function, globals()


def found_in(kept: Any) -> Any:
    if kept is globals():
        return shared
    if isinstance(kept, dict | list):
        return tuple(kept.values() if isinstance(kept, dict) else kept)
    return kept.state if isinstance(kept, Plain | Slotted) else kept.cell_contents


PUT = [put_in_dict, put_in_list, put_in_object, put_in_slot, put_in_pair, put_in_cell, put_in_module]


@pytest.mark.parametrize("put", PUT)
def test_tensors_that_are_put_outside_are_refused_and_what_was_there_stays(put: Any) -> None:
    state = x_of(3)
    function, kept = put(state)
    before = found_in(kept)
    with pytest.raises(GraphError, match=r"is given a tensor by the function.*return the tensor.*copy_\(\)"):
        backlit.compile(function)(x_of(4, 3))
    after = found_in(kept)
    assert after is before or all(a is b for a, b in zip(after, before, strict=True))
    # Eager code goes on from there.
    function(x_of(4, 3))


def test_a_trace_that_fails_puts_tensors_back() -> None:
    kept = {"state": x_of(3)}

    def function(x: Any) -> float:
        kept["state"] = x.sum(0)
        kept["more"] = x
        return float(x.mean())

    before = kept["state"]
    with pytest.raises(GraphError, match="asked for the number"):
        backlit.compile(function)(x_of(4, 3))
    assert list(kept) == ["state"]
    assert kept["state"] is before


# -- optimizers and modules of the user's own ------------------------------------------------------------------------


class Momentum(optim.Optimizer):
    """Its state is made at the first step, as in many a program."""

    def __init__(self, params: Any, state: Any = None) -> None:
        super().__init__(params, {"lr": 0.1})
        self.calls = 0
        for p in self.param_groups[0]["params"] if state else ():
            self.state[p] = {"momentum": backlit.zeros_like(p)}

    def step(self, closure: Any = None) -> None:
        with backlit.no_grad():
            for p in self.param_groups[0]["params"]:
                if not self.state[p]:
                    self.state[p] = {"momentum": backlit.zeros_like(p)}
                self.state[p]["momentum"].mul_(0.9).add_(p.grad)
                p.sub_(0.1 * self.state[p]["momentum"])


class Counting(Momentum):
    def step(self, closure: Any = None) -> None:
        self.calls += 1
        super().step(closure)


def step_of(net: Any, optimizer: Any) -> Any:
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def test_an_optimizer_of_ones_own() -> None:
    one, other = linear(), linear()
    eager = step_of(one, Momentum(one.parameters()))
    compiled = backlit.compile(step_of(other, Momentum(other.parameters(), state=True)))
    for rows in (4, 4, 7):
        assert np.isclose(compiled(x_of(rows, 3)).item(), eager(x_of(rows, 3)).item(), rtol=1e-12)


@pytest.mark.parametrize(("make", "words"), [(Momentum, "is given a tensor by"), (Counting, "calls is set by")])
def test_an_optimizer_of_ones_own_that_would_be_stale(make: Any, words: str) -> None:
    net = linear()
    optimizer = make(net.parameters(), make is Counting)
    before = net.weight.tolist()
    with pytest.raises(GraphError, match=words):
        backlit.compile(step_of(net, optimizer))(x_of(4, 3))
    assert net.weight.tolist() == before
    step_of(net, optimizer)(x_of(4, 3))


def test_an_attribute_that_a_module_gets_later_is_noticed() -> None:
    class Scaled(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * self.factor if hasattr(self, "factor") else x

    net = Scaled()
    compiled = backlit.compile(net)
    x = backlit.ones(2)
    assert compiled(x).tolist() == [1, 1]
    net.factor = 3.0
    assert compiled(x).tolist() == [3, 3]
    del net.factor
    assert compiled(x).tolist() == [1, 1]
