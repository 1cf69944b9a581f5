"""The report on a compiled function: what it says is true of the program."""

import copy
import re
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler.compiled import Compiled
from backlit.nn import functional as F


def training() -> tuple[Compiled, Any, list[Any]]:
    backlit.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    optimizer = optim.Adam(net.parameters(), lr=0.01)

    @backlit.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, (backlit.randn(8, 6), backlit.randint(0, 3, (8,))), [net, optimizer]


def test_the_report_of_a_training_step() -> None:
    step, args, _ = training()
    step(*args)
    found = step.explain()
    assert found.rows == 8
    assert found.called_back == []
    assert len(found.kernels) == len(step.specialised().executable.code.plan.kernels)
    text = str(found)
    for part in (str(found.graph), str(found.program), "Called back into Python: none"):
        assert part in text
    for number, kernel in enumerate(found.kernels):
        assert re.search(rf"^\s+{number}\s+{kernel.phase}\s+{kernel.threads}\s+{kernel.kind}\s", text, re.MULTILINE)
    assert "nodes" in repr(found)


def test_what_was_fused_and_what_it_costs() -> None:
    net = nn.Linear(6, 4)
    compiled = backlit.compile(lambda x: F.relu(net(x)))
    for rows in (8, 16):
        found = compiled.explain(backlit.randn(rows, 6))
        product = next(k for k in found.kernels if k.kind == "product")
        assert {"matmul", "add", "relu"} <= {name.split()[0] for name in product.operations}
        assert product.shape == (rows, 4)
        # A multiplication and an addition for each of 6 numbers, the bias, the larger of two.
        assert product.flops == rows * 4 * (2 * 6 + 1 + 1)
        weights = 4 * 6 * 4
        assert product.bytes == rows * 6 * 4 + weights + 4 * 4 + rows * 4 * 4


def test_a_sum_and_a_scatter_are_counted() -> None:
    found = backlit.compile(lambda x: x.sum()).explain(backlit.randn(100))
    assert sum(k.flops for k in found.kernels) == 100
    index = backlit.tensor([0, 1, 1, 2])
    found = backlit.compile(lambda x: backlit.zeros(3).scatter_add(0, index, x)).explain(backlit.randn(4))
    assert sum(k.flops for k in found.kernels) == 4


def test_shares_of_the_time_add_up() -> None:
    step, args, _ = training()
    kernels = step.explain(*args).kernels
    assert all(k.seconds >= 0 for k in kernels)
    assert sum(k.share for k in kernels) == pytest.approx(1)


def test_values_that_live_at_once_share_no_memory() -> None:
    step, _, _ = training()
    found = step.explain(backlit.randn(100, 6), backlit.randint(0, 3, (100,)))
    for one in found.buffers:
        assert one.offset + one.size <= found.arena
        for other in found.buffers:
            at_once = one.first <= other.last and other.first <= one.last
            apart = one.offset + one.size <= other.offset or other.offset + other.size <= one.offset
            assert one is other or not at_once or apart
    # Some memory serves several values.
    assert found.arena < sum(b.size for b in found.buffers)


def test_measuring_changes_nothing() -> None:
    step, args, owners = training()
    step(*args)
    before = [copy.deepcopy(t.detach().numpy()) for o in owners for t in o.state_tensors()]
    step.explain()
    for tensor, values in zip((t for o in owners for t in o.state_tensors()), before, strict=True):
        np.testing.assert_array_equal(tensor.detach().numpy(), values)


def test_code_is_shown_for_the_last_or_the_given_arguments() -> None:
    compiled = backlit.compile(lambda x: x.exp())
    compiled(backlit.ones(3, dtype=backlit.float64))
    for text in (compiled.llvm(), compiled.llvm(backlit.ones(3, dtype=backlit.float64))):
        assert "double" in text
        assert "define" in text
    assert "double" not in compiled.llvm(backlit.ones(3))
    assert "step:" in compiled.assembly()
