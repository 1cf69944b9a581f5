"""Local derivatives: an operation differentiated by itself, at the values that were recorded."""

import time
from typing import Any

import numpy as np

from backlit.core.backward import run_backward
from backlit.core.modes import STATE
from backlit.core.primitive import Primitive
from backlit.core.recording import Record, Value
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array, make
from backlit.errors import BacklitError


def runs_again(binding: Binding) -> bool:
    """Whether the operation can be applied anew: a reader's own function cannot, whose calls each have a context."""
    return Primitive.registry.get(binding.primitive.name) is binding.primitive


def local_derivatives(binding: Binding) -> list[Array | None]:
    """The derivative of a binding's result by each input, for 1 arriving at each element of the result.

    For an elementwise operation this is the derivative at each element, of the result's shape; for an operation with
    one number as result it is the whole derivative, of the input's shape. For others it would be a sum over results
    that means nothing, so None is given, as for inputs that take no gradient, and where nothing was recorded.
    """
    nothing: list[Array | None] = [None] * len(binding.edges)
    if binding.record is None or len(binding.outputs) != 1:
        return nothing
    if not runs_again(binding):
        return _from_gradients(binding.record)
    if not _one_number_an_element(binding):
        return nothing
    shape, _ = binding.outputs[0]
    spread = binding.primitive.elementwise
    args: list[Any] = []
    for given in binding.record.inputs:
        if isinstance(given, Value):
            array = np.broadcast_to(given.array, shape) if spread else given.array
            args.append(make(array))
        else:
            args.append(given)
    wanted = [i for i, needed in enumerate(binding.needs) if needed]
    for i in wanted:
        args[i]._requires_grad = True
    before = STATE.grad_enabled, STATE.recording, STATE.anomaly, STATE.inference
    STATE.grad_enabled, STATE.recording, STATE.anomaly, STATE.inference = True, None, False, False
    try:
        result = binding.primitive.bind(*args, **binding.settings)
        ones = make(np.ones_like(result._array))
        found = run_backward([result], [ones], inputs=[args[i] for i in wanted])
    except BacklitError:
        return nothing
    finally:
        STATE.grad_enabled, STATE.recording, STATE.anomaly, STATE.inference = before
    for i, grad in zip(wanted, found or (), strict=True):
        nothing[i] = np.zeros(args[i]._array.shape) if grad is None else grad._array
    return nothing


def _from_gradients(record: Record) -> list[Array | None]:
    """Local derivatives between single numbers, from the gradients that arrived and left."""
    arrived = record.arrived[0]
    if arrived is None or arrived.ndim or arrived == 0:
        return [None] * len(record.left)
    return [None if g is None or g.ndim else np.asarray(g / arrived) for g in record.left]


def _one_number_an_element(binding: Binding) -> bool:
    shape, _ = binding.outputs[0]
    return binding.primitive.elementwise or int(np.prod(shape, dtype=np.int64)) == 1


def at_kink(binding: Binding) -> int | None:
    """How many elements lie exactly at a point without derivative, such as a tie of a maximum.

    None where nothing was recorded; 0 for operations without such points.
    """
    kinks, record = binding.primitive.kinks, binding.record
    if record is None:
        return None
    if kinks is None:
        return 0
    arrays = [v.array if isinstance(v, Value) else v for v in record.inputs]
    with np.errstate(all="ignore"):
        return int(np.count_nonzero(np.asarray(kinks(*arrays, **binding.settings)) == 0))


def seconds(binding: Binding) -> float | None:
    """The time of the operation forward on its recorded inputs: the best of three runs; None if unknown."""
    record = binding.record
    if record is None or not runs_again(binding):
        return None
    args = [make(v.array) if isinstance(v, Value) else v for v in record.inputs]
    before = STATE.grad_enabled, STATE.recording
    STATE.grad_enabled, STATE.recording = False, None
    best = np.inf
    try:
        for _ in range(3):
            start = time.perf_counter()
            binding.primitive.bind(*args, **binding.settings)
            best = min(best, time.perf_counter() - start)
    finally:
        STATE.grad_enabled, STATE.recording = before
    return best
