"""Predictions: a model's outputs for many rows, a batch at a time."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from backlit.core.modes import no_grad
from backlit.data import DataLoader, Dataset
from backlit.errors import DataError
from backlit.nn import Module
from backlit.ops import Tensor, cat
from backlit.train.feed import as_tensor, check_batch_size, check_finite
from backlit.train.modes import in_mode

# Without gradients to keep, larger batches cost little memory and less time.
ROWS_AT_ONCE = 1024
BatchSize = int | Literal["full"]


def predict(model: Module, inputs: Any, *, batch_size: BatchSize = ROWS_AT_ONCE) -> Tensor:
    """See `Run.predict`."""
    check_batch_size(batch_size)
    with in_mode(model, training=False), no_grad():
        outputs = [model(batch) for batch in _batches(inputs, batch_size, float_dtype(model))]
    if not outputs:
        raise DataError("predict: no rows to predict for")
    return outputs[0] if len(outputs) == 1 else cat(outputs)


def float_dtype(model: Module) -> np.dtype[Any] | None:
    """The type of a model's first parameter of floats; None where it has none."""
    found = (parameter._array.dtype for parameter in model.parameters())
    return next((dtype for dtype in found if dtype.kind == "f"), None)


def _batches(inputs: Any, batch_size: BatchSize, dtype: np.dtype[Any] | None) -> Iterator[Any]:
    if isinstance(inputs, Dataset | DataLoader):
        for batch in inputs if isinstance(inputs, DataLoader) else DataLoader(inputs, batch_size):
            yield batch[0] if isinstance(batch, list | tuple) else batch
        return
    rows = as_tensor(inputs, "inputs", dtype)
    check_finite("inputs", rows.numpy())
    step = max(len(rows), 1) if batch_size == "full" else batch_size
    for at in range(0, len(rows), step):
        yield rows[at : at + step]
