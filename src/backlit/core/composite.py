"""Composites: operations whose definition is a formula in other operations, with optional array kernels for speed.

The formula is the definition. A trace and a gradient of a gradient run the formula; eager execution runs the kernels,
which the common test compares with it.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backlit.core.backward import Helpers, run_backward
from backlit.core.modes import QUIET, STATE, Tracer, no_grad
from backlit.core.primitive import Primitive
from backlit.core.recording import Value, record
from backlit.core.rules import Rule
from backlit.core.tape import Binding
from backlit.core.tensor_base import TensorBase, make
from backlit.core.writing import about_to_write, check_writable, write, wrote
from backlit.errors import BacklitError


class Composite(Primitive):
    """A formula with an eager kernel and gradient kernel.

    The kernel is `kernel(xp, *arrays, **settings)` and returns the result followed by whatever arrays its gradient
    kernel wants to see, which count as hidden results. The gradient kernel is a rule (see `core.rules`) on arrays: it
    returns the gradients of all inputs as arrays, with None for those not needed.
    """

    def __init__(
        self, formula: Callable[..., Any], kernel: Callable[..., Any], gradient: Callable[..., Any], **facts: Any
    ) -> None:
        super().__init__(kernel, name=formula.__name__.strip("_"), **facts)
        self.formula = formula
        self.__doc__ = formula.__doc__
        self._kernel_rule = Rule(gradient, self.inputs, self.variadic)
        self.differentiable = True

    def _traced(self, trace: Tracer, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """A trace records the formula in place of the composite, and notes which composite that was."""
        return trace.note(self, args, settings, self.formula(*args, **settings))

    def kept(self, needs: tuple[bool, ...]) -> tuple[Sequence[int] | None, bool]:
        """All inputs, which the formula needs for gradients of gradients, and the result if the kernel asks for it."""
        return None, self._kernel_rule.needs_ans

    def gradients(self, binding: Binding, g: Any, create_graph: bool) -> Sequence[Any]:
        """The gradient kernel's arrays, or the formula's gradients when they must be differentiable themselves."""
        arrived = g[0] if isinstance(g, tuple) else g
        if create_graph or STATE.trace is not None:
            return self._formula_gradients(binding, arrived, binding.kept()[0])
        arrays, results = binding.kept_arrays()
        grads = QUIET.copy().run(self._kernel_rule, binding, arrived._array, results, arrays)
        return [grad if grad is None else make(grad) for grad in grads]

    def _formula_gradients(self, binding: Binding, g: Any, saved: tuple[Any, ...]) -> Sequence[Any]:
        wanted = [i for i, needed in enumerate(binding.needs) if needed]
        before, STATE.grad_enabled = STATE.grad_enabled, True
        try:
            # Copies, because one input may have been computed from another, whose gradient is not ours to give.
            inputs = list(saved)
            for i in wanted:
                inputs[i] = Helpers.copy(saved[i])
            result = self.formula(*inputs, **binding.settings)
        finally:
            STATE.grad_enabled = before
        found = run_backward([result], [g], inputs=[inputs[i] for i in wanted], retain_graph=True, create_graph=True)
        grads: list[Any] = [None] * len(saved)
        for i, grad in zip(wanted, found or (), strict=True):
            grads[i] = grad
        return grads


def composite(
    *, kernel: Callable[..., Any], gradient: Callable[..., Any], **facts: Any
) -> Callable[[Callable[..., Any]], Composite]:
    """Decorator that makes a formula in operations a composite with these kernels; facts as in `Primitive`."""
    return lambda formula: Composite(formula, kernel, gradient, **facts)


class Update:
    """An update rule: new values for some of its arguments, written into them in place.

    Attributes:
        formula: `formula(*tensors, **settings)` in operations; returns the new values of the first `writes` arguments.
        kernel: The same on arrays, writing into the first `writes` of them itself; used in eager execution.
        writes: How many arguments, counted from the first, are written; None among them are skipped.
        options: Names of the settings that it asks for.
    """

    def __init__(self, formula: Callable[..., Any], kernel: Callable[..., None], writes: int) -> None:
        self.name = formula.__name__.strip("_")
        self.formula = formula
        self.kernel = kernel
        self.writes = writes
        parameters = inspect.signature(formula).parameters.values()
        self.options = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        self.__doc__ = formula.__doc__

    def __call__(self, *args: Any, **settings: Any) -> None:
        """Update the written arguments in place.

        Args:
            *args: Tensors or None.
            **settings: Python numbers, or 0-d tensors for rates that change from step to step.
        """
        self.each([args], **settings)

    def each(self, rows: Sequence[Sequence[Any]], **settings: Any) -> None:
        """Update the written arguments of each row, as a call with these arguments would."""
        if STATE.grad_enabled:
            for row in rows:
                for target in row[: self.writes]:
                    if target is not None:
                        check_writable(target, self.name)
        if STATE.trace is not None:
            for row in rows:
                self.by_formula(*row, **settings)
            return
        if STATE.recording is not None:
            for row in rows:
                STATE.recording.later(self._operations(row, settings))
        values = {k: v._array.item() if isinstance(v, TensorBase) else v for k, v in settings.items()}
        QUIET.copy().run(self._by_kernel, rows, values)

    def _by_kernel(self, rows: Sequence[Sequence[Any]], values: dict[str, Any]) -> None:
        for row in rows:
            targets = [a._storage for a in row[: self.writes] if a is not None]
            for storage in targets:
                if storage.watchers:
                    about_to_write(storage)
            arrays = [a._array if isinstance(a, TensorBase) else a for a in row]
            try:
                self.kernel(*arrays, **values)
            except (ValueError, TypeError) as error:
                raise BacklitError(f"{self.name}: {error}; shapes {[np.shape(a) for a in arrays]}") from error
            finally:
                for storage in targets:
                    wrote(storage, self.name)

    def _operations(self, row: Sequence[Any], settings: dict[str, Any]) -> Callable[[], list[Binding]]:
        """What shows a recording one row's update: the formula on the values as they are now, run when it is asked."""
        held = [Value(a._array, a._storage) if isinstance(a, TensorBase) else a for a in (*row, *settings.values())]

        def operations() -> list[Binding]:
            # Copies, because the formula's results are written into them.
            given = [make(v.array.copy()) if isinstance(v, Value) else v for v in held]
            with no_grad(), record() as recording:
                self.by_formula(*given[: len(row)], **dict(zip(settings, given[len(row) :], strict=True)))
            return recording.bindings

        return operations

    def by_formula(self, *args: Any, **settings: Any) -> None:
        """Update through the formula, operation by operation, as a trace wants to see it."""
        before, STATE.phase = STATE.phase, "update"
        try:
            self._by_formula(*args, **settings)
        finally:
            STATE.phase = before

    def _by_formula(self, *args: Any, **settings: Any) -> None:
        results = self.formula(*args, **settings)
        for target, value in zip(args, results if isinstance(results, tuple) else (results,), strict=False):
            if target is not None:
                write(target, value, self.name)


def update(*, kernel: Callable[..., None], writes: int) -> Callable[[Callable[..., Any]], Update]:
    """Decorator that makes a formula in operations an update rule with this kernel."""
    return lambda formula: Update(formula, kernel, writes)
