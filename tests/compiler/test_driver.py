"""The native loop over batches: the rows it gathers; asked to stop at any time, all of its threads end together."""

import threading

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler.compiled import Specialised
from backlit.core.tensor_base import Symbol, make
from backlit.ops import from_numpy
from backlit.train import Trainer

RNG = np.random.default_rng(0)
ROWS, BATCH = 4096, 32
# A wish to stop that one thread heard and another did not left the latter waiting, within some twenty wishes.
WISHES = 300


@pytest.fixture(scope="module")
def executable():
    weight = from_numpy(RNG.normal(size=(256, 256)).astype("f"))
    code = Specialised(
        lambda x: (((x @ weight).relu() @ weight).square().mean(),),
        [make(Symbol((BATCH, 256), np.dtype("f")))],
        keep_grads=False,
        guards=1,
    ).executable
    data, batch = RNG.normal(size=(ROWS, 256)).astype("f"), np.empty((BATCH, 256), "f")
    code.put(("data", 0), data.ctypes.data)
    code.put(("input", 0), batch.ctypes.data)
    code.prepare(BATCH)
    code.kept = (data, batch)
    return code


def test_threads_end_together_whenever_they_are_asked_to(executable):
    assert executable.code.threads > 1
    losses, order = np.empty(ROWS // BATCH), np.arange(ROWS)
    for pause in RNG.uniform(0, 5e-4, WISHES):
        executable.control.begin(order, ROWS, BATCH, 0, len(losses), losses, None, None)
        run = threading.Thread(target=executable.run_epoch, args=(2,), daemon=True)
        run.start()
        run.join(pause)
        executable.control.stop()
        run.join(30)
        assert not run.is_alive()
        assert 0 < executable.control.done <= len(losses)
    # Memory that was prepared for one thread alone has grown.
    assert executable.capacity == (BATCH, 2)


@pytest.mark.parametrize("rows", [1300, 2600])
def test_batches_of_data_that_no_cache_holds(rows):
    X, y = RNG.normal(size=(rows, 200)).astype("f"), RNG.integers(0, 3, rows)
    weights = []
    for compiled in (True, False):
        backlit.manual_seed(1)
        model = nn.Linear(200, 3)
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
        trainer.fit((X, y), epochs=2, batch_size=97, progress=False, compile=compiled)
        weights.append(model.weight.detach().numpy())
    np.testing.assert_allclose(*weights, rtol=1e-4, atol=1e-6)
