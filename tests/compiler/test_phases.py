"""Threads between two meetings: whoever comes first, the result is the same to the last bit, and that of one thread."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler import costs, executable
from backlit.compiler.costs import Share
from backlit.compiler.executable import Code
from backlit.compiler.specialised import Specialised
from backlit.nn import functional as F
from backlit.train import Trainer
from tests.compiler.courses import same_course
from tests.compiler.teams import ORDERS, Team
from tests.compiler.test_programs import in_groups, made, with_rows
from tests.nn.layer_table import LAYERS, LOSSES, inputs

ROWS = 29
THREADS = 3


@pytest.fixture(autouse=True)
def all_kernels_are_worth_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the small ones of tests."""
    monkeypatch.setattr(costs, "_threads_pay", lambda *_: True)
    # Code that was made for one thread, or for several, is not met again.
    for known in (executable._cached_plan, executable._cached_code):
        known.cache_clear()


def specialised(function: Any, arrays: list[Any], guards: int = 0) -> Specialised:
    tensors = [backlit.from_numpy(a.astype("f8") if a.dtype.kind == "f" else a) for a in arrays]
    for tensor in tensors:
        if tensor.is_floating_point():
            tensor.requires_grad_()
    with np.errstate(all="ignore"):
        return Specialised(function, tensors, False, guards=guards)


def check(own: Specialised, arrays: list[Any]) -> None:
    """Every order gives the same, and what one thread alone gives."""
    arrays = [a.astype("f8") if a.dtype.kind == "f" else a for a in arrays]
    team = Team(own, arrays[0].shape[0], arrays)
    first, *others = (team.run(order, THREADS) for order in ORDERS)
    one = team.run(ORDERS[0], 1)
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(first, one, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11 * np.abs(b[np.isfinite(b)]).max(initial=1.0))


@pytest.mark.parametrize("entries", in_groups(LAYERS, 20), ids=lambda group: f"{group[0][0]} to {group[-1][0]}")
def test_modules(entries: list[Any]) -> None:
    modules = [made(text, "float64") for text, _ in entries]
    counts = [len(specs) for _, specs in entries]

    def function(*args: Any) -> Any:
        left = iter(args)
        results = [module(*(next(left) for _ in range(n))) for module, n in zip(modules, counts, strict=True)]
        sum(r.sin().sum() for r in results if r.requires_grad).backward()
        return [r.detach() for r in results]

    arrays = inputs([with_rows(s, ROWS) for _, specs in entries for s in specs])
    check(specialised(function, arrays), arrays)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_rows_that_are_joined(order: tuple[int, ...]) -> None:
    """As many rows come out of a join as went in, but none is a thread's own."""

    def function(x: Any) -> Any:
        parts = [x[:1].exp(), x[1:2].sin(), x[2:].cos()]
        joined = backlit.cat([parts[place] for place in order], 0)
        joined.sin().sum().backward()
        return joined.detach() * 2

    arrays = [np.random.default_rng(0).normal(size=(ROWS, 3))]
    check(specialised(function, arrays), arrays)


def test_losses() -> None:
    losses = [made(text, "float64") for text, _, _ in LOSSES]

    def function(*args: Any) -> Any:
        results = [loss(*args[2 * i : 2 * i + 2]) for i, loss in enumerate(losses)]
        sum(r.sum() for r in results).backward()
        return [r.detach() for r in results]

    arrays = inputs([with_rows(s, ROWS) for _, *specs in LOSSES for s in specs])
    check(specialised(function, arrays), arrays)


def network(seed: int = 0) -> Any:
    backlit.manual_seed(seed)
    parts = [
        nn.Linear(5, 40, bias=False),
        nn.BatchNorm1d(40),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(40, 20),
        nn.LayerNorm(20),
    ]
    return nn.Sequential(*parts, nn.GELU(), nn.Linear(20, 3)).double()


ROW_PROGRAMS: dict[str, Any] = {
    "rows of others": lambda x: (x[1:] - x[:-1]).square().sum(1),
    "all pairs": lambda x: (x @ x.T).softmax(1),
    "backwards": lambda x: x.flip(0) * x,
    "chosen": lambda x: x[(x[:, 0] > 0).long()] + x,
    "centred": lambda x: (x - x.mean(0)) / x.std(0),
    "sorted": lambda x: x.sort(0)[0] + x,
    "running": lambda x: x.cumsum(0) * x,
    "as one row": lambda x: x.reshape(1, -1).exp().reshape(-1, 5) * x,
    "turned": lambda x: (x.T.contiguous() * 2).T + x,
    "any and all": lambda x: x * x.gt(0.9).any(0) + x * (x > -0.9).all(0),
    "the largest": lambda x: x * x.amax(0) - x.amin(0),
    "pairs on average": lambda x: x * (x @ x.T).mean(),
}


@pytest.mark.parametrize("name", ROW_PROGRAMS)
def test_rows_that_need_other_rows(name: str) -> None:
    program = ROW_PROGRAMS[name]

    def function(x: Any) -> Any:
        y = program(x.tanh())
        y.sin().sum().backward()
        return y.detach().exp()

    calls = [[np.random.default_rng(0).normal(size=(rows, 5))] for rows in (ROWS, 9, 600)]
    check(specialised(function, calls[0]), calls[0])
    same_course(lambda: (function, dict), calls, "float64")


def trained(optimizer: str = "Adam") -> Specialised:
    """A training step, whose loss is guarded."""
    model = network()
    update = getattr(optim, optimizer)(model.parameters(), lr=0.01)
    update.prepare()

    def step(x: Any, y: Any) -> Any:
        update.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        update.step()
        return loss

    return specialised(step, batch(), guards=1)


def batch() -> list[Any]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(ROWS, 5)), rng.integers(0, 3, ROWS)]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_training_steps(optimizer: str) -> None:
    own = trained(optimizer)
    assert {item.way.share for phase in own.executable.code.phases.items for item in phase} >= {
        Share.ROWS, Share.PARTS, Share.TOTAL, Share.EACH, Share.ALONE
    }  # fmt: skip
    check(own, batch())


def test_threads_seldom_meet() -> None:
    """Forward, backward, the loss, and the update: what lies between is each thread's own."""
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 40), nn.ReLU(), nn.Linear(40, 20), nn.ReLU(), nn.Linear(20, 3)).double()
    update = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    update.prepare()

    def step(x: Any, y: Any) -> Any:
        update.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        update.step()
        return loss

    arrays = [np.ones((ROWS, 5)), np.ones((ROWS, 3))]
    own = specialised(step, arrays, guards=1)
    assert len(own.executable.code.phases.items) <= 3
    check(own, arrays)


def test_updates_that_read_copies_of_their_own_are_told_apart() -> None:
    """The optimizer's update is one function for weights of any size, unless it reads what each thread has copied."""
    backlit.manual_seed(0)
    weights = [backlit.randn(a, b, dtype=backlit.float64).requires_grad_() for a, b in ((5, 7), (7, 20), (20, 3))]
    update = optim.SGD(weights, lr=0.1, momentum=0.9)
    update.prepare()

    def step(x: Any, y: Any) -> Any:
        update.zero_grad()
        for weight in weights:
            x = x @ weight.tanh()
        loss = ((x - y) ** 2).mean()
        loss.backward()
        update.step()
        return loss

    arrays = [np.ones((ROWS, 5)), np.ones((ROWS, 3))]
    own = specialised(step, arrays, guards=1)
    phases = own.executable.code.phases
    assert phases.private
    assert any(item.way.share is Share.TOTAL for phase in phases.items for item in phase)
    check(own, arrays)


@pytest.mark.parametrize("without", [1, 2, 3])
def test_a_meeting_that_is_left_out_is_seen(without: int) -> None:
    own = trained()
    code = own.executable.code
    items = code.phases.items
    assert len(items) > without
    joined = (*items[: without - 1], items[without - 1] + items[without], *items[without + 1 :])
    other = object.__new__(Code)
    other.__dict__ = {**code.__dict__, "phases": replace(code.phases, items=joined)}
    own.executable.code = other
    with pytest.raises(AssertionError):
        check(own, batch())


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_epochs_on_any_number_of_threads_are_the_same_training(threads: int) -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(203, 5)), rng.integers(0, 3, 203)
    weights = []
    for compiled in (True, False):
        model = network(3)
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.05, momentum=0.9))
        trainer.fit((X, y), epochs=3, batch_size=50, threads=threads, compile=compiled, progress=False)
        weights.append([p.detach().numpy() for p in model.parameters()])
    for one, eager in zip(*weights, strict=True):
        np.testing.assert_allclose(one, eager, rtol=1e-7, atol=1e-10)


def test_epochs_on_as_many_threads_are_the_same_to_the_last_bit() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(203, 5)), rng.integers(0, 3, 203)
    weights = []
    for _ in range(3):
        model = network(3)
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01))
        trainer.fit((X, y), epochs=3, batch_size=50, threads=3, progress=False)
        weights.append([p.detach().numpy() for p in model.parameters()])
    for other in weights[1:]:
        for a, b in zip(weights[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
