"""The way of every kernel follows from sizes alone, and a product is the same in every way."""

import functools
import math
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler import costs as costs_module
from backlit.compiler.costs import TALL, Share, ways, work
from backlit.compiler.plan import Plan
from backlit.compiler.rows import Affine
from backlit.compiler.specialised import Specialised
from backlit.train import Trainer


class Training:
    """A network with layers of some sizes, and its training step, eager or compiled."""

    def __init__(self, sizes: tuple[int, ...], compiled: bool = False) -> None:
        backlit.manual_seed(0)
        layers = [nn.Linear(a, b, dtype=backlit.float64) for a, b in pairwise(sizes)]
        self.model = nn.Sequential(*[part for layer in layers for part in (layer, nn.Tanh())])
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.01)
        self.step = backlit.compile(self._step) if compiled else self._step

    def _step(self, x: Any) -> Any:
        loss = (self.model(x) ** 2).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss


@functools.cache
def planned(*sizes: int) -> Plan:
    """The plan of such a step."""
    training = Training(sizes)
    training.optimizer.prepare()
    x = backlit.zeros(8, sizes[0], dtype=backlit.float64)
    return Specialised(training._step, (x,), False, guards=1).executable.code.plan


@pytest.mark.parametrize(("first", "later"), [(1, 2), (1, 40), (2, 3), (4, 9), (9, 1), (17, 65), (40, 7)])
@pytest.mark.parametrize("sizes", [(3, 5, 2), (16, 130, 17), (65, 33, 9, 1), (240, 230, 3)])
def test_steps_on_any_rows_are_right_whatever_the_first_were(sizes: tuple[int, ...], first: int, later: int) -> None:
    eager, compiled = Training(sizes), Training(sizes, compiled=True)
    for rows in (first, later):
        x = backlit.randn(rows, sizes[0], dtype=backlit.float64)
        backlit.testing.assert_close(compiled.step(x), eager.step(x))
    for one, other in zip(compiled.model.parameters(), eager.model.parameters(), strict=True):
        backlit.testing.assert_close(one, other)


def test_tiles_waste_little() -> None:
    plan = planned(20, 30)
    (product, *_) = (n for n, k in enumerate(plan.kernels) if k.core is not None and k.shape[:1] == (Affine(1),))
    for rows in range(1, 200):
        height = ways(plan, rows)[product].height
        bands = math.ceil(rows / height)
        # No tile too many, and at most one row of each is computed for nothing.
        assert bands == math.ceil(rows / TALL)
        assert bands * height - rows < bands


def test_threads_are_taken_for_large_kernels_only() -> None:
    assert not any(way.shared for way in ways(planned(8, 16, 2), 16))
    plan = planned(8, 300, 300)
    shared = [way.shared for way in ways(plan, 256)]
    costs = [work(plan, kernel, 256).microseconds for kernel in plan.kernels]
    assert shared[costs.index(max(costs))]
    # What is not shared is small.
    assert max(c for c, s in zip(costs, shared, strict=True) if not s) < costs_module._WORTH_SHARING
    # Few rows of a wide network: the parameters that threads would hand over cost more than the rest.
    wide = planned(64, 128, 128)
    assert not any(way.shared for way in ways(wide, 8))
    assert any(way.shared for way in ways(wide, 64))
    # Nor where threads would meet all the time, as in normalisation over a batch.
    assert not any(way.shared for way in ways(wide, 64, lambda shared: 1000))


def test_large_matrices_are_copied_for_many_rows_or_where_they_lie_the_wrong_way_round() -> None:
    plan = planned(300, 400, 400)
    many, few = ([way.block for way in ways(plan, rows) if way.block is not None] for rows in (64, 1))
    # Forward through both layers, and backward through the second.
    assert len(many) == 3
    assert len(few) == 2
    # The network's weights are read as they are: no transposed copy of all of them waits in memory.
    assert not any(step.kind == "view" and n in plan.memory for n, step in enumerate(plan.program.steps))
    assert all(rows * columns * 8 <= 2**18 for rows, columns in many)


def test_the_smaller_matrix_is_copied() -> None:
    plan = planned(300, 400, 400)
    for rows, turned in ((1, 2), (64, 2), (199, 2), (200, 0)):
        assert sum(way.turned for way in ways(plan, rows)) == turned, rows


def test_threads_keep_the_rows_of_weights_that_are_their_own() -> None:
    plan = planned(784, 512, 400)
    for rows in (64, 256):
        for kernel, way in zip(plan.kernels, ways(plan, rows), strict=True):
            if way.block is None or way.share is Share.ALONE:
                continue
            step = plan.program.steps[kernel.core]
            weight_turned = plan.program.steps[step.args[1]].kind == "view"
            # Forward, a weight's rows are the columns of the product; its gradient has them as rows.
            assert way.across == (weight_turned or isinstance(step.shape[0], Affine)), (rows, kernel, way)


@pytest.mark.parametrize("block_bytes", [2**15, 2**18, 2**19])
@pytest.mark.parametrize("inner", [400, 1024, 1025, 5000])
def test_blocks_hold_whole_panels_and_are_about_as_deep(inner, block_bytes, monkeypatch) -> None:
    monkeypatch.setattr(costs_module, "_BLOCK_BYTES", block_bytes)
    blocks = [way.block for way in ways(planned(inner, 400), 64) if way.block is not None]
    assert blocks
    for depth, columns in blocks:
        assert columns >= 64
        assert columns % 64 == 0
        assert depth * columns * 8 <= block_bytes
        assert math.ceil(inner / depth) * depth - inner < 64 * math.ceil(inner / depth)


@pytest.mark.parametrize("batch_size", [40, 70, 1100])
def test_threads_share_copied_matrices_by_rows_or_columns(batch_size: int) -> None:
    X, y = backlit.randn(2200, 300, dtype=backlit.float64), backlit.randint(0, 10, (2200,))
    weights = []
    for threads in (1, 3):
        backlit.manual_seed(0)
        model = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 10)).double()
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
        trainer.fit((X, y), epochs=1, batch_size=batch_size, threads=threads)
        weights.append([p.detach().numpy() for p in model.parameters()])
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


def test_threads_that_the_system_does_not_give_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = backlit.randn(400, 300, dtype=backlit.float64), backlit.randint(0, 10, (400,))
    start, asked = threading.Thread.start, []

    def refused(self: threading.Thread) -> None:
        asked.append(self)
        if len(asked) > 1:
            raise RuntimeError("can't start new thread")
        start(self)

    weights = []
    for few in (False, True):
        backlit.manual_seed(0)
        model = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 10)).double()
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
        trainer.fit((X, y), epochs=1, batch_size=80, threads=3)
        if few:
            monkeypatch.setattr(threading.Thread, "start", refused)
        trainer.fit((X, y), epochs=1, batch_size=80, threads=3)
        weights.append([p.detach().numpy() for p in model.parameters()])
    assert len(asked) == 2
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)
