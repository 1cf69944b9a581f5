"""The stochastic solvers: epochs of batches, stopping, and schedules of the learning rate."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from backlit.errors import DataError
from backlit.sklearn.course import Course
from backlit.sklearn.engine import Progress, Stepper, give_back, take_stepper

Array = NDArray[Any]
_SMALLEST_RATE = 1e-6


class Stochastic(Course):
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
        self.draw, self.incremental = draw, incremental
        if estimator.early_stopping and held is None:
            data, held = self._split(estimator, data)
        super().__init__(estimator, data, held, estimator.early_stopping)
        rows = len(self.data[0])
        size = estimator.batch_size
        if size != "auto" and size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped: batch_size="
                f"{size}, rows {rows}",
                stacklevel=6,
            )
        self.batch_size = min(200 if size == "auto" else int(size), rows)
        # Incremental fits go on with the first one's solver, as scikit-learn's.
        before = estimator._progress if incremental else None
        self.progress = before or Progress(estimator.solver, float(estimator.learning_rate_init))

    def _split(self, estimator: Any, data: list[Array]) -> tuple[list[Array], list[Array]]:
        """Hold a share of the rows out, as scikit-learn draws them."""
        from sklearn.model_selection import train_test_split

        rows = len(data[0])
        if rows < 2:
            raise DataError("early_stopping=True holds rows out for validation, and there is one row only, n_samples=1")
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
        e, solver = self.estimator, self.progress.solver
        update = "nesterov" if solver == "sgd" and e.nesterovs_momentum else solver
        key, stepper = take_stepper(e._design, update, self.batch_size, self.data, self.metrics is not None)
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
        self.begin()
        try:
            self.call("on_fit_begin", stepper.network.arrays)
            self._epochs(stepper)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        if not all(np.isfinite(array).all() for array in stepper.network.arrays):
            raise DataError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )
        best = e._best if self.early else stepper.network.arrays
        e._take([array.copy() for array in best])
        e._progress = stepper.progress(solver)
        give_back(key, stepper)
        self.end()

    def _epochs(self, stepper: Stepper) -> None:
        e, rows = self.estimator, len(self.data[0])
        order = np.arange(rows)
        for _ in range(e.max_iter):
            if e.shuffle:
                # In place: the rows of the order before, in the order that scikit-learn draws.
                self.draw.shuffle(order)
            self.call("on_epoch_begin", stepper.network.arrays)
            loss, seen = self._epoch(stepper, order)
            e.t_ += rows
            if self.note(loss / seen, self._batches(stepper, order[:seen]), stepper.evaluate):
                e._best = [array.copy() for array in stepper.network.arrays]
            if self.progress.solver == "sgd" and e.learning_rate == "invscaling":
                stepper.set_rate(e.learning_rate_init / (e.t_ + 1) ** e.power_t)
            self.call("on_epoch_end", stepper.network.arrays)
            if self._stops(stepper) or self.incremental or e.stop_:
                return
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({e.max_iter}) reached and the optimization hasn't converged "
            "yet.",
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
            self.call("on_batch_end", stepper.network.arrays)
            if self.estimator.stop_:
                break
        return loss, seen

    def _batches(self, stepper: Stepper, order: Array) -> Iterator[tuple[Array, Array]]:
        """What metrics look at, and targets, of each batch of an epoch."""
        for start in range(0, len(order), self.batch_size):
            place = slice(start, min(start + self.batch_size, len(order)))
            yield stepper.collected[place], self.data[1][order[place]]

    def _stops(self, stepper: Stepper) -> bool:
        """Whether training ends, after too many epochs without improvement."""
        e = self.estimator
        if e._no_improvement_count <= e.n_iter_no_change:
            return False
        what = "Validation score" if self.early else "Training loss"
        words = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        rate = stepper.rate
        ends = self.progress.solver != "sgd" or e.learning_rate != "adaptive" or rate <= _SMALLEST_RATE
        if not ends:
            stepper.set_rate(rate / 5)
            e._no_improvement_count = 0
        if e.verbose:
            small = "Learning rate too small. " if rate <= _SMALLEST_RATE and e.learning_rate == "adaptive" else ""
            then = f"{small}Stopping." if ends else f"Setting learning rate to {rate / 5:f}"
            print(f"{words} {then}")  # noqa: T201 (asked for by verbose)
        return ends
