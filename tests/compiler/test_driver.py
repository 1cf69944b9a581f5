"""The native loop over batches: asked to stop at any time, all of its threads end together."""

import threading

import numpy as np
import pytest

from backlit.compiler.compiled import Specialised
from backlit.core.tensor_base import Symbol, make
from backlit.ops import from_numpy

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
