"""L-BFGS: Newton steps with a Hessian put together from the latest changes of the gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backlit.core.modes import STATE, enable_grad
from backlit.core.tensor_base import Array, make, no_program
from backlit.core.writing import write_arrays
from backlit.errors import ArgumentError
from backlit.optim.checks import in_range, integer, number
from backlit.optim.line_search import Point, strong_wolfe
from backlit.optim.optimizer import Loss, Optimizer, Params


class LBFGS(Optimizer):
    """Limited-memory BFGS, with fixed steps or a line search.

    Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989; the conditions for ending a
    step are those of Schmidt's minFunc (2005), as in PyTorch. A step evaluates the model several times, so it wants a
    closure and cannot be traced. Memory: `2 * history_size` copies of the parameters.

    Args:
        params: Parameters, all in one group.
        lr: Length of a step, or of the line search's first trial.
        max_iter: Iterations per step.
        max_eval: Evaluations per step; `max_iter * 5 // 4` by default.
        tolerance_grad: End the step where no gradient is larger.
        tolerance_change: End the step where no parameter, or not the loss, changes by more.
        history_size: Number of changes that the Hessian is put together from.
        line_search_fn: None or `"strong_wolfe"`.

    Raises:
        ArgumentError: An option is out of range, there are several groups, or the parameters are not usable.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": integer(self.name, "max_iter", max_iter, 1) * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )

    def check_options(self, options: Any) -> None:
        """See `Optimizer.check_options`."""
        in_range(self.name, options, "lr", "tolerance_grad", "tolerance_change")
        for name in ("max_iter", "max_eval", "history_size"):
            integer(self.name, name, options[name], 1)
        if options["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(
                f"{self.name}: line_search_fn must be None or 'strong_wolfe', got {options['line_search_fn']!r}"
            )

    def add_param_group(self, param_group: Any) -> None:
        """Add the one group of parameters; see `Optimizer.add_param_group`."""
        if self.param_groups:
            raise ArgumentError(f"{self.name}: all parameters must be in one group")
        super().add_param_group(param_group)

    def _step(self, closure: Callable[[], Loss] | None) -> Loss | None:
        if closure is None:
            raise ArgumentError(f"{self.name}: step needs a closure that evaluates the model and returns the loss")
        if STATE.trace is not None:
            raise no_program(
                f"{self.name}: a step branches on losses, so it cannot be traced; call it eagerly, with a closure that "
                "is compiled"
            )
        group = self.param_groups[0]
        lr, line_search = group["lr"], group["line_search_fn"]
        # The state is one for all parameters; the first one keeps it.
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[Loss, float, Array]:
            with enable_grad():
                result = closure()
            state["func_evals"] += 1
            return result, number(self.name, "the closure's result", result), self._gradient()

        def solved() -> bool:
            return bool(np.abs(g).max() <= group["tolerance_grad"])

        first, loss, g = evaluate()
        if solved():
            return first
        evals = 1
        history = _History(state, group["history_size"])
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            history.see(g)
            d = history.direction(g)
            starting = state["n_iter"] == 1
            history.d, history.t = d, min(1.0, 1.0 / float(np.abs(g).sum())) * lr if starting else lr
            history.g, before = g, loss
            history.loss = loss
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            x = self._vector()
            if line_search is not None:

                def on_line(t: float, x: Array = x, d: Array = d) -> Point:
                    self._assign(x + t * d)
                    _, f, grad = evaluate()
                    return Point(t, f, grad, float(grad @ d))

                best, used = strong_wolfe(
                    on_line,
                    Point(0.0, loss, g, slope),
                    history.t,
                    float(np.abs(d).max()),
                    max_evals=group["max_eval"] - evals,
                )
                loss, g, history.t = best.f, best.g, best.t
                self._assign(x + history.t * d)
                evals += used
            else:
                self._assign(x + history.t * d)
                if iteration < group["max_iter"]:
                    _, loss, g = evaluate()
                    evals += 1
            if (
                evals >= group["max_eval"]
                or solved()
                or np.abs(d * history.t).max() <= group["tolerance_change"]
                or abs(loss - before) < group["tolerance_change"]
            ):
                break
        history.save(state)
        self._edits += 1
        return first

    def _vector(self) -> Array:
        return np.concatenate([p._array.reshape(-1) for p in self.param_groups[0]["params"]])

    def _gradient(self) -> Array:
        params = self.param_groups[0]["params"]
        return np.concatenate(
            [np.zeros(p._array.size, p._array.dtype) if p.grad is None else p.grad._array.reshape(-1) for p in params]
        )

    def _assign(self, values: Array) -> None:
        start = 0
        for p in self.param_groups[0]["params"]:
            end = start + p._array.size
            write_arrays(self.name, (p, values[start:end].reshape(p._array.shape)))
            start = end


class _History:
    """The latest changes of parameters (`stps`) and of gradients (`dirs`), and the step before this one."""

    def __init__(self, state: dict[str, Any], size: int) -> None:
        self.size = size
        self.dirs = [v._array for v in state.get("old_dirs", ())]
        self.stps = [v._array for v in state.get("old_stps", ())]
        self.ro = [number("LBFGS", "ro", v) for v in state.get("ro", ())]
        self.scale = number("LBFGS", "H_diag", state.get("H_diag", 1.0))
        self.d: Array | None = state["d"]._array if "d" in state else None
        self.g: Array | None = state["prev_flat_grad"]._array if "d" in state else None
        self.t = number("LBFGS", "t", state.get("t", 0.0))
        self.loss = state.get("prev_loss", 0.0)

    def see(self, g: Array) -> None:
        """Take in the gradient after the step before."""
        if self.d is None or self.g is None:
            return
        y, s = g - self.g, self.d * self.t
        ys = float(y @ s)
        if ys > 1e-10:
            self.dirs = [*self.dirs, y][-self.size :]
            self.stps = [*self.stps, s][-self.size :]
            self.ro = [*self.ro, 1.0 / ys][-self.size :]
            self.scale = ys / float(y @ y)

    def direction(self, g: Array) -> Array:
        """Minus the inverse Hessian times `g`: Nocedal and Wright, second edition, algorithm 7.4."""
        q = -g
        along = [0.0] * len(self.ro)
        for i in reversed(range(len(self.ro))):
            along[i] = float(self.stps[i] @ q) * self.ro[i]
            q -= along[i] * self.dirs[i]
        q *= self.scale
        for i, ro in enumerate(self.ro):
            q += (along[i] - float(self.dirs[i] @ q) * ro) * self.stps[i]
        return q

    def save(self, state: dict[str, Any]) -> None:
        """Put everything into an optimizer's state, under PyTorch's names."""
        state.update(
            d=make(self.d),
            t=self.t,
            old_dirs=[make(v) for v in self.dirs],
            old_stps=[make(v) for v in self.stps],
            ro=list(self.ro),
            H_diag=self.scale,
            prev_flat_grad=make(self.g),
            prev_loss=self.loss,
        )
