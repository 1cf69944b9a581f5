"""`backlit.compile`: a function over tensors, modules and optimizers, traced once and run as machine code."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backlit.compiler.executable import Executable, code_for
from backlit.compiler.lowering import lower
from backlit.compiler.rows import SAMPLES, NotUniform, uniform
from backlit.core.modes import STATE
from backlit.core.tensor_base import Symbol, TensorBase, make
from backlit.core.writing import about_to_write, wrote
from backlit.errors import IndexRangeError
from backlit.graph.trace import Traced


class Specialised:
    """A function compiled for arguments of certain types, for any number of rows where that is possible.

    Args:
        function: What to compile.
        args: Arguments of the types in question.
        keep_grads: Whether gradients of tensors that the program updates are left on them.
        guards: How many of the results, counted from the first, must be finite before anything outside is written.

    Attributes:
        traced: The program at the first sample number of rows.
        executable: The machine code.
        uniform: Whether the code serves any number of rows.
        rows: The number of rows of the first call.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], keep_grads: bool, guards: int = 0) -> None:
        rows = self.rows = rows_of(args)
        self.traced: Traced
        try:
            if rows is None:
                raise NotUniform
            traces = [Traced(function, _with_rows(args, rows, sample), {}) for sample in SAMPLES]
            self.traced = traces[0]
            program = uniform(*(self._lowered(t, keep_grads) for t in traces))
            self.uniform = True
        except NotUniform:
            self.traced = Traced(function, _symbols(args), {})
            program = self._lowered(self.traced, keep_grads)
            self.uniform = False
        self.versions = [owner.structure_version for owner in self.traced.used]
        self.executable = Executable(
            code_for(program, rows=rows or 1, guards=guards, arguments=len(self.traced.graph.arguments))
        )
        written = {number for number, _ in self.traced.graph.writes}
        self._written = [t for n, t in zip(self.traced.graph.states, self.traced.states, strict=True) if n in written]

    def _lowered(self, traced: Traced, keep_grads: bool) -> Any:
        graph = traced.graph
        written = {number for number, _ in graph.writes}
        self._grads = [
            (owner, ref is not None and (keep_grads or number not in written))
            for owner, (number, ref) in zip(traced.grad_owners, graph.grads, strict=True)
        ]
        return lower(graph, [ref for (_, kept), (_, ref) in zip(self._grads, graph.grads, strict=True) if kept and ref])

    def is_current(self) -> bool:
        """Whether modules, optimizers and gradients are still as they were when the program was traced."""
        return self.traced.is_current() and all(
            owner.structure_version == version for owner, version in zip(self.traced.used, self.versions, strict=True)
        )

    def about_to_run(self) -> None:
        """Copy recorded values that the program will overwrite."""
        for tensor in self._written:
            about_to_write(tensor._storage)

    def has_run(self) -> None:
        """Note the writes."""
        for tensor in self._written:
            wrote(tensor._storage, "a compiled program")
        if self.executable.status[0]:
            raise IndexRangeError("a compiled program was given an index that is out of range: a label or a row number")

    def run(self, args: tuple[Any, ...]) -> Any:
        """Run on arguments of the types compiled for."""
        tensors = [a for a in args if isinstance(a, TensorBase)]
        self.traced.check_arguments(tensors)
        rows = (rows_of(args) if self.uniform else None) or 1
        arrays = [np.ascontiguousarray(t._array) for t in tensors]
        self.about_to_run()
        self.executable.run([*arrays, *(s._array for s in self.traced.states)], rows)
        self.has_run()
        for tensor, array in zip(tensors, arrays, strict=True):
            if array is not tensor._array and array.ctypes.data != tensor._array.ctypes.data:
                np.copyto(tensor._array, array)
        outputs = self.executable.code.plan.program.outputs
        count = len(self.traced.graph.outputs)
        left = iter(outputs[count:])
        for owner, kept in self._grads:
            tensor = tensors[owner] if isinstance(owner, int) else owner
            tensor.grad = make(self.executable.result(next(left), rows)) if kept else None
        results = [make(self.executable.result(o, rows)) for o in outputs[:count]]
        if not results:
            return None
        return tuple(results) if self.traced.several else results[0]


class Compiled:
    """A compiled function; see `compile`."""

    def __init__(self, function: Callable[..., Any], keep_grads: bool) -> None:
        self._function = function
        self._keep_grads = keep_grads
        self._known: dict[Any, Specialised] = {}

    def __call__(self, *args: Any) -> Any:
        """Run the function natively on `args`, after compiling it if their types or the structure are new."""
        if STATE.trace is not None:
            return self._function(*args)
        return self.specialised(args).run(args)

    def specialised(self, args: tuple[Any, ...]) -> Specialised:
        """The machine code for arguments like these."""
        key = (STATE.grad_enabled, *map(_signature, args))
        found = self._known.get(key)
        if found is None or not found.is_current() or not (found.uniform or rows_of(args) == found.rows):
            found = self._known[key] = Specialised(self._function, args, self._keep_grads)
        return found


def compile(function: Callable[..., Any], *, keep_grads: bool = False) -> Compiled:
    """Compile a function over tensors, modules and optimizers, such as a whole training step.

    The function is traced when it is first called with arguments of new types, and again when a module or an optimizer
    that it uses has changed; the number of rows, the first size of its tensor arguments, may change freely.
    Parameters, buffers, optimizer state and random generators are updated in place.

    Args:
        function: What to compile. Arguments that are no tensors must be hashable; they are constants.
        keep_grads: Leave gradients on the parameters that the function updates; they are None otherwise.

    Raises:
        GraphError: (when called) The function asks for a value while it is traced.
    """
    return Compiled(function, keep_grads)


def rows_of(args: tuple[Any, ...]) -> int | None:
    """The number of rows of the first tensor argument that has dimensions."""
    for a in args:
        if isinstance(a, TensorBase) and a._array.ndim:
            return int(a._array.shape[0])
    return None


def _signature(argument: Any) -> Any:
    if isinstance(argument, TensorBase):
        array = argument._array
        return ("tensor", array.ndim, array.shape[1:], array.dtype.str, argument._requires_grad)
    if isinstance(argument, bool | int | float | tuple):
        # 1, 1.0 and True are equal, as are 0.0 and -0.0, but they do not make the same program.
        return argument, repr(argument)
    return argument


def _symbols(args: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_stand_in(a, a._array.shape) if isinstance(a, TensorBase) else a for a in args)


def _with_rows(args: tuple[Any, ...], rows: int, sample: int) -> tuple[Any, ...]:
    """The arguments as symbols, with another number of rows."""
    return tuple(
        _stand_in(a, (sample, *a._array.shape[1:]) if a._array.ndim and a._array.shape[0] == rows else a._array.shape)
        if isinstance(a, TensorBase)
        else a
        for a in args
    )


def _stand_in(tensor: TensorBase, shape: tuple[int, ...]) -> Any:
    result = make(Symbol(shape, tensor._array.dtype))
    result._requires_grad = tensor._requires_grad
    return result
