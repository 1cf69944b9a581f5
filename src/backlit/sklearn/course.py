"""What a fit does on its way, whichever solver: it notes losses, scores and metrics, and calls back."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.sklearn.engine import Evaluator
from backlit.sklearn.measuring import metrics_of

Array = NDArray[Any]


class Course(ABC):
    """One fit.

    Args:
        estimator: Whose attributes are set.
        data: Inputs, targets, and weights of rows if there are any.
        held: Validation rows alike, or None.
        early: Whether the best network is that of the best validation score.
    """

    def __init__(self, estimator: Any, data: list[Array], held: list[Array] | None, early: bool) -> None:
        self.estimator, self.data, self.held, self.early = estimator, data, held, early
        self.hooks = _hooks(estimator.callbacks)
        self.metrics = metrics_of(estimator.metrics, estimator._design.several_labels)
        estimator.stop_ = False

    def begin(self) -> None:
        """Go on with the notes of the fit before, whose own lists stay as they are: this fit may fail."""
        e = self.estimator
        fresh = not e.history_
        e.history_ = {name: list(values) for name, values in e.history_.items()}
        for name in ("loss", *(self.metrics.names if self.metrics else ())):
            e.history_.setdefault(name, [])
            if self.held is not None:
                e.history_.setdefault(f"val_{name}", [])
        e.loss_curve_, e.validation_loss_curve_ = e.history_["loss"], e.history_.get("val_loss")
        if fresh:
            e._no_improvement_count = 0
            e._best = [array.copy() for array in e._arrays]
            e.validation_scores_ = e.best_validation_score_ = e.best_loss_ = None
        if self.held is not None:
            e.validation_scores_ = list(e.validation_scores_ or ())
        if self.early and e.best_validation_score_ is None:
            e.best_validation_score_ = -np.inf
        if not self.early and e.best_loss_ is None:
            e.best_loss_ = np.inf
        e.n_iter_ = 0

    def call(self, hook: str, arrays: Sequence[Array]) -> None:
        """Call hooks, to which the estimator shows the network as it is."""
        if self.hooks is not None and self.hooks.has(hook):
            self.estimator._take([array.copy() for array in arrays])
            self.hooks.call(hook, self.estimator)

    def note(self, loss: float, batches: Iterable[tuple[Array, Array]], evaluate: Evaluator) -> bool:
        """Note what an epoch brought.

        Args:
            loss: The epoch's loss.
            batches: What metrics look at, and targets.
            evaluate: Looks at the validation rows.

        Returns:
            Whether the validation score, with early stopping, is the best so far.
        """
        e = self.estimator
        e.n_iter_ += 1
        e.loss_ = loss
        found = {"loss": loss}
        if self.metrics is not None:
            found |= self.metrics.means(batches)
        if e.verbose:
            print(f"Iteration {e.n_iter_}, loss = {loss:.8f}")  # noqa: T201 (asked for by verbose)
        if self.held is not None:
            outputs, shown, found["val_loss"] = evaluate(self.held)
            e.validation_scores_.append(e._score_outputs(outputs, *self.held[1:]))
            if self.metrics is not None:
                found |= self.metrics.means([(shown, self.held[1])], "val_")
            if e.verbose:
                print(f"Validation score: {e.validation_scores_[-1]:f}")  # noqa: T201 (asked for by verbose)
        for name, value in found.items():
            e.history_[name].append(value)
        return self._judge()

    def _judge(self) -> bool:
        """Count epochs without improvement; whether the validation score, with early stopping, is the best so far."""
        e, best = self.estimator, False
        if self.early:
            score = e.validation_scores_[-1]
            worse = score < e.best_validation_score_ + e.tol
            best = score > e.best_validation_score_
            e.best_validation_score_ = score if best else e.best_validation_score_
        else:
            worse = e.loss_ > e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_)
        e._no_improvement_count = e._no_improvement_count + 1 if worse else 0
        return best

    @abstractmethod
    def run(self) -> None:
        """Train, and set the estimator's attributes."""

    def end(self) -> None:
        """Call the last hook."""
        if self.hooks is not None:
            self.hooks.call("on_fit_end", self.estimator)


def _hooks(callbacks: Any) -> Any:
    """The callbacks sorted by their hooks; None where there are none, and nothing to import for them."""
    if not callbacks:
        return None
    from backlit.train import Callbacks

    return Callbacks(callbacks)
