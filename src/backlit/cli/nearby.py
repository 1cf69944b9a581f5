"""Predictions for rows of which few columns change from one call to the next."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import nn
from backlit.ops import Tensor, from_numpy
from backlit.train import Run
from backlit.train.prediction import predict


class Nearby:
    """A run's predictions, whose first layer is brought up to date where few columns differ from the first rows'.

    Of a wide table the first layer is most of the work, and a column that is shuffled changes what it gives by that
    column times its weights. Networks that do not begin with a fully connected layer predict as ever.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        layers = list(run.model.children()) if isinstance(run.model, nn.Sequential) else []
        begins = 1 if layers and isinstance(layers[0], nn.TableInput) else 0
        self._front = layers[0] if begins else None
        self._first = layers[begins] if layers[begins:] and isinstance(layers[begins], nn.Linear) else None
        self._rest = nn.Sequential(*layers[begins + 1 :]) if layers[begins + 1 :] else None
        self._before: NDArray[Any] = np.empty((0, 0))

    def predict(self, inputs: NDArray[Any]) -> Tensor:
        """The outputs for rows, (n, outputs); raises what `Run.predict` raises."""
        if self._first is None:
            return self._run.predict(inputs)
        seen = inputs if self._front is None else predict(self._front, inputs).numpy()
        weight = self._first.weight.detach().numpy()
        if seen.shape != self._before.shape:
            self._before = seen.copy()
            self._given = predict(self._first, seen).numpy()
        columns = np.flatnonzero((seen != self._before).any(0))
        given = self._given + (seen[:, columns] - self._before[:, columns]) @ weight[:, columns].T
        return from_numpy(given) if self._rest is None else predict(self._rest, given)
