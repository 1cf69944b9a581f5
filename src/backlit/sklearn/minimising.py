"""The solver "lbfgs": SciPy's L-BFGS-B on the compiled loss and gradient of all rows.

R. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained optimization", SIAM Journal on
Scientific Computing, 1995.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.course import Course
from backlit.sklearn.engine import Objective

Array = NDArray[Any]


class Minimisation(Course):
    """One fit by L-BFGS-B, whose iterations count as epochs, of which callbacks see the ends.

    Args:
        estimator: Whose attributes are set.
        data: Inputs, targets, and weights of rows if there are any.
        held: A validation set that was given, or None.

    Raises:
        ArgumentError: There is dropout, with which the loss has no fixed value.
    """

    def __init__(self, estimator: Any, data: list[Array], held: list[Array] | None) -> None:
        if estimator._design.dropout:
            raise ArgumentError('dropout needs solver="adam" or "sgd": "lbfgs" minimises a loss that stays the same')
        super().__init__(estimator, data, held, early=False)
        self.objective = Objective(estimator._design, data, estimator.alpha)

    def run(self) -> None:
        """Minimise, and set the estimator's attributes."""
        from scipy.optimize import minimize

        e, objective = self.estimator, self.objective
        start = np.concatenate([array.ravel() for array in e._arrays[: len(e._design.shapes)]])
        self.reached = start.astype(np.float64)
        self.begin()
        self.call("on_fit_begin", e._arrays)
        try:
            found = minimize(
                objective,
                self.reached,
                method="L-BFGS-B",
                jac=True,
                callback=self._iterated,
                options={"maxfun": e.max_fun, "maxiter": e.max_iter, "gtol": e.tol},
            )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        else:
            self.reached = found.x
            if found.status and not e.stop_:
                warnings.warn(
                    f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}):\n"
                    f"{found.message}\nIncrease max_iter, or scale the data, for example by StandardScaler.",
                    ConvergenceWarning,
                    stacklevel=5,
                )
        objective.look(self.reached)
        if not (np.isfinite(self.reached).all() and np.isfinite(objective.shown)):
            raise DataError(
                "Solver produced non-finite parameter weights or loss. The input data may contain large values and "
                "need to be preprocessed."
            )
        e.loss_ = objective.shown
        e._take([array.copy() for array in objective.network.arrays])
        self.end()

    def _iterated(self, intermediate_result: Any) -> None:
        """Called by SciPy, which goes by the name of the argument, after each iteration."""
        e, objective = self.estimator, self.objective
        self.reached = intermediate_result.x.copy()
        objective.look(self.reached)
        measured = [] if self.metrics is None else [(objective.evaluate(self.data)[1], self.data[1])]
        self.note(objective.shown, measured, objective.evaluate)
        self.call("on_epoch_end", objective.network.arrays)
        if e.stop_:
            raise StopIteration
