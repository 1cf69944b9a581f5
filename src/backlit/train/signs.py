"""What a diagnosis asks of a run: sizes of gradients and updates, layers of a kind, and the course of the loss."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.train.kinds import kind_of, kinds_of
from backlit.train.run import Run
from backlit.train.watching import Kind, Watched

# The loss fell if it ended below this share of where it began.
_FELL = 0.9
# The same for means over an epoch's rows.
_FELL_SINCE = 0.95


class Signs:
    """A run as a diagnosis sees it.

    Args:
        run: The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._watched = Watched(1) if run.watched is None else run.watched
        self._kinds = kinds_of(run.model)

    # -- what was measured -------------------------------------------------------------------------------------------

    def names(self, kind: Kind) -> list[str]:
        """What of a kind was watched."""
        return self._watched.names(kind)

    def series(self, kind: Kind, name: str) -> NDArray[np.float64]:
        """`Watched.series`, where it is finite; no rows where nothing was watched."""
        found = self._watched.series(kind, name)
        return found[np.isfinite(found).all(1)]

    def size(self, kind: Kind, name: str) -> NDArray[np.float64]:
        """The root mean square of the elements over time."""
        found = self.series(kind, name)
        return np.hypot(found[:, 1], found[:, 2])

    def late(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The last third."""
        return values[-max(len(values) // 3, 1) :]

    def gradient(self, name: str) -> float:
        """The usual size of a parameter's gradient."""
        size = self.size("gradients", name)
        return float(np.median(size)) if len(size) else 0.0

    def ratios(self, name: str) -> NDArray[np.float64]:
        """The sizes of updates beside the weight's, finite ones."""
        found = self._watched.ratios(name)[:, 1]
        return found[np.isfinite(found)]

    def is_still(self, name: str) -> bool:
        """Whether gradients arrived at a parameter and it never changed."""
        update = self.size("updates", name)
        return bool(len(update)) and not update.any() and self.gradient(name) > 0

    # -- the network -------------------------------------------------------------------------------------------------

    @cached_property
    def matrices(self) -> list[str]:
        """Weights with two dimensions or more that get gradients, in the order of the network."""
        dims = {name: parameter.ndim for name, parameter in self._run.model.named_parameters()}
        return [name for name in self.names("gradients") if dims.get(name, 0) > 1]

    @cached_property
    def last_values(self) -> str:
        """The layer that gives the network's output."""
        return next(reversed(self.names("values")), "")

    def kind(self, name: str) -> str:
        """The class of the layer of a name; of a function the class that does the same."""
        return kind_of(name, self._kinds)

    def hidden(self, kind: str) -> list[str]:
        """The layers of a kind but the last of all."""
        return [name for name in self.names("values") if name != self.last_values and self.kind(name) == kind]

    @cached_property
    def first_values(self) -> str:
        """The layer that takes the network's input."""
        return next(iter(self.names("values")), "")

    def unit(self, name: str) -> str:
        """What a feature is called at a layer: a channel where the last layer with weights is a convolution."""
        names = self.names("values")
        before = names[: names.index(name) + 1] if name in names else []
        weighted = [n for n in before if f"{n}.weight".removeprefix(".") in self.matrices]
        return "channel" if weighted and self.kind(weighted[-1]).startswith("Conv") else "column"

    @cached_property
    def normalization(self) -> str:
        """The layer that normalises what the network takes."""
        first = self.kind(self.first_values)
        if first in ("RNN", "LSTM", "GRU"):
            return "LayerNorm"
        return f"BatchNorm{first[-2:]}" if first.startswith("Conv") else "BatchNorm1d"

    @cached_property
    def takes_any_scale(self) -> bool:
        """Whether the first layer scales the inputs itself, or takes numbers of categories among them."""
        first = self.kind(self.first_values)
        return "Norm" in first or "Embedding" in first

    def is_softmax(self, found: NDArray[np.float64]) -> bool:
        """Whether values within [0, 1] add up to 1 over a whole number of classes."""
        classes = 1 / np.maximum(found[:, 1], 1e-12)
        return bool(np.allclose(classes, np.round(classes[0]), rtol=1e-4) and classes[0] > 1.5)

    # -- the training ------------------------------------------------------------------------------------------------

    @cached_property
    def loss_name(self) -> str:
        """The class of the loss."""
        name = str(self._run.config.get("loss", ""))
        functions = {
            "cross_entropy": "CrossEntropyLoss",
            "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
            "nll_loss": "NLLLoss",
            "mse_loss": "MSELoss",
        }
        return functions.get(name, name)

    @cached_property
    def rate(self) -> str:
        """Words for the learning rate."""
        options: Any = self._run.config.get("optimizer", {})
        return f"the learning rate ({options['lr']:g})" if "lr" in options else "the learning rate"

    @cached_property
    def rows(self) -> float:
        """How many rows a batch has; infinite where nobody said it."""
        return float(self._run.config.get("batch_size") or np.inf)

    def history(self, name: str) -> NDArray[np.float64]:
        """A list of the history."""
        return np.array(self._run.history.get(name, []), np.float64)

    @cached_property
    def start(self) -> float:
        """The loss at the first watched step, else of the first epoch."""
        first = self.series("loss", "")[:1, 1]
        return float(next(iter((*first, *self.history("loss"))), np.nan))

    @cached_property
    def end(self) -> float:
        """The loss of the last epoch; where none was finished, of the last watched steps."""
        epochs = self.history("loss")
        late = self.late(self.series("loss", "")[:, 1])
        return float(epochs[-1] if len(epochs) else late.mean() if len(late) else np.nan)

    @cached_property
    def knows_course(self) -> bool:
        """Whether there were enough steps to judge the loss by."""
        return len(self.history("loss")) >= 5 or len(self.series("loss", "")) >= 3

    @cached_property
    def learned(self) -> bool:
        """Whether the loss fell."""
        return self.end < _FELL * self.start

    @cached_property
    def fell(self) -> bool:
        """Whether the loss fell at all, be it from the first epoch on."""
        epochs = self.history("loss")
        return self.learned or bool(len(epochs) and self.end < _FELL_SINCE * epochs[0])

    @cached_property
    def learned_by_heart(self) -> bool:
        """Whether the loss of training rows fell and that of others did not."""
        held_out = self.history("val_loss")
        return len(held_out) >= 3 and self.learned and bool(held_out.min() > _FELL_SINCE * self.start)

    @cached_property
    def course(self) -> str:
        """Words for how the loss went."""
        return f"the loss went from {self.start:.4g} to {self.end:.4g}"
