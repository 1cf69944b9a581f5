"""The stochastic solvers' course: epochs, stopping, schedules of the learning rate, and what is noted on the way."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from backlit.errors import DataError
from backlit.sklearn.engine import Progress, Stepper, give_back, take_stepper

Array = NDArray[Any]
_SMALLEST_RATE = 1e-6


class Stochastic:
    """One fit by batches.

    Args:
        estimator: Whose attributes are set.
        data: Inputs, targets, and weights of rows if there are any.
        draw: Draws the orders of rows, and the validation rows.
        held: A validation set that was given, or None.
        incremental: Whether this is one epoch more.
    """

    def __init__(
        self,
        estimator: Any,
        data: list[Array],
        draw: np.random.RandomState,
        held: list[Array] | None,
        incremental: bool,
    ) -> None:
        self.estimator, self.draw, self.incremental = estimator, draw, incremental
        self.data, self.held = (data, held) if held or not estimator.early_stopping else self._split(data)
        self.hooks = _hooks(estimator.callbacks)
        estimator.stop_ = False
        rows = len(self.data[0])
        size = estimator.batch_size
        if size != "auto" and size > rows:
            warnings.warn(f"batch_size={size} is larger than the number of rows; it is clipped to {rows}", stacklevel=6)
        self.batch_size = min(200 if size == "auto" else int(size), rows)
        if incremental and estimator._progress is not None:
            self.progress = estimator._progress
        else:
            self.progress = Progress(float(estimator.learning_rate_init))

    def _split(self, data: list[Array]) -> tuple[list[Array], list[Array]]:
        """Hold a share of the rows out, as scikit-learn draws them."""
        from sklearn.model_selection import train_test_split

        estimator, rows = self.estimator, len(data[0])
        if rows < 2:
            raise DataError("early_stopping=True holds rows out for validation, and there is one row only")
        parts = train_test_split(
            *data,
            random_state=self.draw,
            test_size=estimator.validation_fraction,
            # As scikit-learn: by class only where there are two.
            stratify=data[1] if estimator.n_outputs_ == 1 and not estimator._numeric_targets else None,
        )
        kept, held = parts[::2], parts[1::2]
        if len(held[0]) < 2:
            raise DataError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return kept, held

    def run(self) -> None:
        """Train, and set the estimator's attributes."""
        e = self.estimator
        solver = "adam" if e.solver == "adam" else "nesterov" if e.nesterovs_momentum else "sgd"
        key, stepper = take_stepper(e._design, solver, self.batch_size, self.data)
        first, second = (e.beta_1, e.beta_2) if solver == "adam" else (e.momentum, 0.0)
        seed = self.draw.randint(2**31) if e._design.dropout else 0
        stepper.begin(
            e._arrays,
            self.data,
            self.batch_size,
            self.progress,
            alpha=e.alpha,
            seed=seed,
            first=first,
            second=second,
            eps=e.epsilon,
        )
        self._note_beginning()
        try:
            self._call("on_fit_begin", stepper)
            self._epochs(stepper)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        if not all(np.isfinite(array).all() for array in stepper.network.arrays):
            raise DataError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )
        best = e._best if e.early_stopping else stepper.network.arrays
        e._take([array.copy() for array in best])
        e._progress = stepper.progress()
        give_back(key, stepper)
        if self.hooks is not None:
            self.hooks.call("on_fit_end", e)

    def _note_beginning(self) -> None:
        e = self.estimator
        if e.t_ == 0 or not hasattr(e, "loss_curve_"):
            e.loss_curve_ = []
            e._no_improvement_count = 0
            e._best = [array.copy() for array in e._arrays]
            e.validation_loss_curve_ = None if self.held is None else []
            early = e.early_stopping
            e.validation_scores_, e.best_validation_score_ = (
                ([], -np.inf) if early else (None if self.held is None else [], None)
            )
            e.best_loss_ = None if early else np.inf

    def _epochs(self, stepper: Stepper) -> None:
        e, rows = self.estimator, len(self.data[0])
        order = np.arange(rows)
        e.n_iter_ = 0
        for _ in range(e.max_iter):
            if e.shuffle:
                places = np.arange(rows)
                self.draw.shuffle(places)
                order = order[places]
            self._call("on_epoch_begin", stepper)
            loss, seen = self._epoch(stepper, order)
            e.n_iter_ += 1
            e.t_ += rows
            e.loss_ = loss / seen
            e.loss_curve_.append(e.loss_)
            if e.verbose:
                print(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")  # noqa: T201 (asked for by verbose)
            self._judge(stepper)
            if e.solver == "sgd" and e.learning_rate == "invscaling":
                stepper.set_rate(e.learning_rate_init / (e.t_ + 1) ** e.power_t)
            self._call("on_epoch_end", stepper)
            if self._stops(stepper) or self.incremental or e.stop_:
                return
        warnings.warn(
            f"Maximum iterations ({e.max_iter}) reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )

    def _epoch(self, stepper: Stepper, order: Array) -> tuple[float, int]:
        """Run an epoch: the sum of the losses of its rows, and these rows."""
        if self.estimator.normalization == "batch" and len(order) % self.batch_size == 1:
            # A single row has no variance.
            order = order[: max(len(order) - 1, 1)]
        if self.hooks is None or not self.hooks.has("on_batch_end"):
            return stepper.run(order)
        loss, seen = 0.0, 0
        for batch in range(-(-len(order) // self.batch_size)):
            added, rows = stepper.run(order, batch, batch + 1)
            loss, seen = loss + added, seen + rows
            self.estimator.loss_ = added / rows
            self._call("on_batch_end", stepper)
            if self.estimator.stop_:
                break
        return loss, seen

    def _call(self, hook: str, stepper: Stepper) -> None:
        """Call hooks, to which the estimator shows the network as it is."""
        if self.hooks is not None and self.hooks.has(hook):
            self.estimator._take([array.copy() for array in stepper.network.arrays])
            self.hooks.call(hook, self.estimator)

    def _judge(self, stepper: Stepper) -> None:
        """Note whether the epoch brought an improvement."""
        e = self.estimator
        if self.held is not None:
            outputs, loss = stepper.evaluate(self.held)
            score = e._score_outputs(outputs, *self.held[1:])
            e.validation_loss_curve_.append(loss)
            e.validation_scores_.append(score)
            if e.verbose:
                print(f"Validation score: {score:f}")  # noqa: T201 (asked for by verbose)
        if not e.early_stopping:
            better = e.loss_curve_[-1] <= e.best_loss_ - e.tol
            e.best_loss_ = min(e.best_loss_, e.loss_curve_[-1])
        else:
            score = e.validation_scores_[-1]
            better = score >= e.best_validation_score_ + e.tol
            if score > e.best_validation_score_:
                e.best_validation_score_ = score
                e._best = [array.copy() for array in stepper.network.arrays]
        e._no_improvement_count = 0 if better else e._no_improvement_count + 1

    def _stops(self, stepper: Stepper) -> bool:
        """Whether training ends, after too many epochs without improvement."""
        e = self.estimator
        if e._no_improvement_count <= e.n_iter_no_change:
            return False
        what = "Validation score" if e.early_stopping else "Training loss"
        words = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        rate = stepper.rate
        ends = e.solver != "sgd" or e.learning_rate != "adaptive" or rate <= _SMALLEST_RATE
        if not ends:
            stepper.set_rate(rate / 5)
            e._no_improvement_count = 0
        if e.verbose:
            then = "Stopping." if ends else f"Setting learning rate to {rate / 5:f}"
            print(f"{words} {then}")  # noqa: T201 (asked for by verbose)
        return ends


def _hooks(callbacks: Any) -> Any:
    """The callbacks sorted by their hooks; None where there are none, and nothing to import for them."""
    if not callbacks:
        return None
    from backlit.train import Callbacks

    return Callbacks(callbacks)
