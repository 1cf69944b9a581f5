"""Tracing: running a program once on symbols, so that every binding becomes a node of a graph.

While a trace is active in a thread, `Primitive.bind` calls it instead of computing; see `graph.tracer`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backlit.core.modes import STATE
from backlit.core.tensor_base import Symbol, TensorBase, make
from backlit.core.writing import about_to_write, wrote
from backlit.errors import GraphError, ShapeError, user_line
from backlit.graph.graph import Type
from backlit.graph.interpreter import interpret
from backlit.graph.tracer import Trace


class Traced:
    """A program that was traced once, and the outside tensors that it reads and writes.

    Attributes:
        graph: The program.
        composites: For results that formulas of composites made, the node that would make them in one step; where one
            formula contains the other, the inner one first.
        states: The outside tensors, one for each of `graph.states`; stand-ins for those that schedulers set.
        schedule: The steps of schedulers, which Python takes before each run.
        used: The modules and optimizers on whose structure the program depends.
        several: Whether the function returns a tuple.
        found: (tensor, gradient or None) for each outside tensor of whose earlier gradient the program depends.
        grad_owners: For each of `graph.grads`, the outside tensor, or the position of the argument, that gets it.
        changes: (owner or position of an argument, name, value) for each attribute that is set after each run.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], names: Mapping[str, TensorBase]) -> None:
        trace = Trace({id(t): name for name, t in names.items()})
        leaves = [a for a in args if isinstance(a, TensorBase)]
        stand_ins: list[Any] = []
        before = STATE.trace
        if before is not None:
            raise GraphError(f"{user_line()}: a program is being traced already; traces do not nest")
        STATE.trace = trace
        try:
            inputs = iter([trace.argument(a, f"argument {i}") for i, a in enumerate(leaves)])
            given = [next(inputs) if isinstance(a, TensorBase) else a for a in args]
            stand_ins = [g for g in given if isinstance(g, TensorBase)]
            result = function(*given)
            trace.schedule.raise_error()
            if trace.refusal is not None:
                raise trace.refusal
            self.several = isinstance(result, (tuple, list))
            outputs = list(result) if self.several else [] if result is None else [result]
            if not all(isinstance(o, TensorBase) for o in outputs):
                raise GraphError("a traced function must return a tensor, a tuple of tensors, or None")
            self.graph, owners = trace.finish(stand_ins, outputs)
        finally:
            STATE.trace = before
            changed = trace.put_back()
        self.composites = trace.composites
        self.used = trace.used
        self.found = [(t, grad) for t, grad in trace.found.values() if not isinstance(t._array, Symbol)]
        self.schedule = trace.schedule
        # Asked at every call.
        self._scheduled = bool(self.schedule)
        self.states = [self.schedule.at_first(trace.captured[number]) for number in self.graph.states]
        position = {id(s): i for i, s in enumerate(stand_ins)}
        # Gradients that the program leaves on an argument go to the argument of the call.
        self.grad_owners = [position.get(id(o), o) for o in owners]
        self.changes = [
            (position.get(id(owner), owner), name, value)
            for owner, name, value in changed
            if id(owner) in position or not isinstance(getattr(owner, "_array", None), Symbol)
        ]
        self._adding = [position[id(t)] for t, _ in trace.found.values() if id(t) in position]

    def is_current(self) -> bool:
        """Whether the gradients that the program adds to, and what schedulers set, are those it was traced with."""
        return all(tensor._grad is grad for tensor, grad in self.found) and (
            not self._scheduled or self.schedule.is_current()
        )

    def check_arguments(self, tensors: Sequence[TensorBase]) -> None:
        """Raise `GraphError` if an argument has a gradient to which eager execution would add."""
        for position in self._adding:
            if tensors[position]._grad is not None:
                raise GraphError(
                    f"argument {position} has a gradient already, to which a traced program cannot add; set its .grad "
                    "to None before the call"
                )

    def change(self, tensors: Sequence[TensorBase]) -> None:
        """Set attributes of outside objects and of the arguments `tensors`, as the program does."""
        for owner, name, value in self.changes:
            setattr(tensors[owner] if isinstance(owner, int) else owner, name, value)

    def run(self, *args: Any) -> Any:
        """Run the graph on arguments of the traced types by the interpreter, and leave what it writes.

        Raises:
            ShapeError: An argument has another shape or type than the one traced.
            GraphError: See `check_arguments`, or outside tensors have other gradients than when the program was traced.
        """
        tensors = [a for a in args if isinstance(a, TensorBase)]
        self.check_arguments(tensors)
        if not self.is_current():
            raise GraphError(
                "gradients were set or removed since the program was traced, or a scheduler got another optimizer; "
                "trace it again"
            )
        put_back = self.schedule.take()
        try:
            return self._run(tensors)
        except BaseException:
            put_back()
            raise

    def _run(self, tensors: list[TensorBase]) -> Any:
        inputs = dict(zip(self.graph.states, (s._array for s in self.states), strict=True))
        for number, tensor in zip(self.graph.arguments, tensors, strict=True):
            if Type.of(tensor._array) != self.graph.nodes[number].results[0]:
                raise ShapeError(
                    f"{self.graph.nodes[number].name}: traced as {self.graph.nodes[number].results[0]}, "
                    f"got {Type.of(tensor._array)}"
                )
            inputs[number] = tensor._array
        values = interpret(self.graph, inputs)
        owners = dict(zip([*self.graph.states, *self.graph.arguments], [*self.states, *tensors], strict=True))
        # Copied first: a value may be another state's memory, which an earlier write would change.
        final = [(owners[number], values[ref].copy()) for number, ref in self.graph.writes]
        for tensor, array in final:
            about_to_write(tensor._storage)
            np.copyto(tensor._array, array)
            wrote(tensor._storage, "a traced program")
        for owner, (_, ref) in zip(self.grad_owners, self.graph.grads, strict=True):
            tensor = tensors[owner] if isinstance(owner, int) else owner
            tensor.grad = None if ref is None else make(values[ref].copy())
        self.change(tensors)
        results = [make(values[ref].copy()) for ref in self.graph.outputs]
        if not results:
            return None
        return tuple(results) if self.several else results[0]


def trace(function: Callable[..., Any], *args: Any, names: Mapping[str, TensorBase] | None = None) -> Traced:
    """Run `function` once on symbols and return the graph of what it does: forward, backward and update alike.

    Args:
        function: Any function over tensors, modules and optimizers. Tensors that it takes from outside become states.
        *args: Its arguments. Tensors stand for any values of their shape and type; all else is fixed.
        names: Names of outside tensors, for printing, such as `dict(model.named_parameters())`.

    Raises:
        GraphError: The program asks for a value (a branch, `.item()`), or for a shape that depends on values.
    """
    return Traced(function, args, names or {})
