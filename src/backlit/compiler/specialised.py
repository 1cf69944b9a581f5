"""A function compiled for arguments of certain types: its trace, its machine code, and the run of one call."""

import ctypes
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from backlit.compiler.failures import can_fail, error_of
from backlit.compiler.family import Tracing
from backlit.compiler.surroundings import Surroundings
from backlit.core.tensor_base import TensorBase, make
from backlit.core.writing import about_to_write, wrote
from backlit.errors import GraphError, ShapeError

# Results of calls with that many different numbers of rows are found at once.
_MOST_VIEWS = 64


class Specialised:
    """A function compiled for arguments of certain types, for any number of rows where that is possible.

    Args:
        function: What to compile: called with tensors, returns tensors, or None.
        args: Arguments of the types in question.
        keep_grads: Whether gradients of tensors that the program updates are left on them.
        guards: How many of the results, counted from the first, must be finite before anything outside is written.
        facts: What else two functions must have in common to share machine code.
        exact: Whether to compile for the arguments' own number of rows without trying others.
        surroundings: Looks at what the function's names lead to now; None: they may lead anywhere, and do not change.

    Attributes:
        tracing: How the function is traced.
        traced: The program, at the first sample number of rows if it is for any.
        executable: The machine code, with memory of its own.
        uniform: Whether the code serves any number of rows.
        rows: The number of rows of the first call.

    Raises:
        GraphError: The function cannot be traced.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: Sequence[Any],
        keep_grads: bool,
        guards: int = 0,
        facts: Callable[[], Any] = lambda: None,
        exact: bool = False,
        surroundings: Callable[[], Surroundings] | None = None,
    ) -> None:
        before = None if surroundings is None else surroundings()
        self.tracing = Tracing(function, args, keep_grads, guards, facts, before)
        self.rows = self.tracing.rows
        with _no_collections():
            check_host()
            from backlit.compiler.executable import Executable

            self.traced, self._family = self.tracing.compiled(exact)
            if guards and self.traced.schedule:
                raise GraphError(
                    f"{self.traced.schedule} is called inside the model or the loss, and would count steps that a bad "
                    "loss undoes; give the scheduler to Trainer"
                )
            frozen = [owner for owner, _, _ in self.traced.changes if isinstance(owner, TensorBase)]
            if guards and frozen:
                raise GraphError(
                    f"requires_grad of a tensor of shape {tuple(frozen[0]._array.shape)} is left another way by the "
                    "model or the loss; set it outside, before the fit"
                )
            counted = None if before is None else before.counted()
            if counted is not None:
                raise GraphError(
                    f"{counted} is set by the function that is compiled, or while that is traced, and would be set "
                    "only then; keep it in a tensor that the function writes with copy_(), or outside"
                )
            self.executable = Executable(self._family.code)
        self.uniform = self._family.graphs is not None
        self._checked = {self.rows}
        # Anew: what Python does besides while it is traced, such as adding to a list, is no later change.
        self._surroundings = None if surroundings is None else surroundings()
        self.used = list(self.traced.used)
        if self._surroundings is not None:
            self.used += [owner for owner in self._surroundings.owners if owner not in self.used]
        self.versions = [owner.structure_version for owner in self.used]
        self.states = self.traced.states
        self._needs = [t._requires_grad for t in self.states]
        self._hooks = {n: hooks for n, t in enumerate(self.states) if (hooks := _hooks_of(t))}
        self._prepare()

    # -- whether it still fits ---------------------------------------------------------------------------------------

    def is_current(self) -> bool:
        """Whether all that the function uses is still as it was when it was traced."""
        for owner, version in zip(self.used, self.versions, strict=True):
            if owner.structure_version != version:
                return False
        for position, tensor in enumerate(self.states):
            if tensor._array is not self._arrays[position]:
                before = self._arrays[position]
                if tensor._array.shape != before.shape or tensor._array.dtype != before.dtype:
                    return False
                others = (t._array for t in self.states if t is not tensor)
                if any(np.may_share_memory(tensor._array, other) for other in others):
                    return False
            if tensor._requires_grad is not self._needs[position]:
                return False
            if (tensor._hooks or tensor._accumulated_hooks or self._hooks) and _hooks_of(tensor) != self._hooks.get(
                position, ()
            ):
                return False
        return self.traced.is_current() and not (self._surroundings and self._surroundings.changed())

    def number_that_changed(self) -> str | None:
        """The name of a number or word that the function finds outside and that is another one now."""
        return None if self._surroundings is None else self._surroundings.counted()

    def serves(self, rows: int | None) -> bool:
        """Whether the code is right for so many rows."""
        if not self.uniform:
            return rows == self.rows
        if rows is None or rows in self._checked:
            return True
        if not self.tracing.serves(self._family, rows):
            return False
        self._checked.add(rows)
        return True

    def sample_arguments(self, rows: int) -> list[Any]:
        """Arrays to try the program on: normally distributed numbers, and zeros where whole numbers are wanted."""
        rng = np.random.default_rng(0)
        found = []
        for tensor, by_row in zip(self.tracing.likes, self.tracing.by_row, strict=True):
            shape, dtype = tensor._array.shape, tensor._array.dtype
            shape = (rows, *shape[1:]) if by_row else shape
            found.append(rng.standard_normal(shape).astype(dtype) if dtype.kind == "f" else np.zeros(shape, dtype))
        return found

    # -- running -----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Work out what each call needs to know."""
        graph, code = self.traced.graph, self.executable.code
        count = self._count = len(self.tracing.likes)
        self._slots = [code.places.get(("input", n)) for n in range(count + len(self.states))]
        self._arrays = [tensor._array for tensor in self.states]
        self._schedule = self.traced.schedule or None
        self._loose: dict[int, Any] = {}
        written = {number for number, _ in graph.writes}
        self._writes = [n in written for n in (*graph.arguments, *graph.states)]
        self._written = [t for t, w in zip(self.states, self._writes[count:], strict=True) if w]
        self._written_storages = {id(t._storage) for t in self._written}
        self._changes_arguments = any(self._writes[:count])
        self._grads = self.tracing.kept(self.traced)[0]
        self._outputs = code.plan.program.outputs
        self._direct = all(code.plan.memory[o][0] == "arena" for o in self._outputs)
        steps = code.plan.program.steps
        self._can_fail = bool(written) and any(can_fail(steps[n]) for n in code.plan.program.alive())
        self._views: dict[int, list[Any]] = {}
        self._capacity = (-1, 1)
        for position in range(len(self.states)):
            self._place(position)

    def _place(self, position: int) -> None:
        """Tell the machine code where a state's array is."""
        array = self._arrays[position]
        self._loose.pop(position, None)
        if not (array.flags.c_contiguous and array.flags.aligned):
            array = self._loose[position] = np.array(array, order="C")
        self.executable.put(("input", self._count + position), array.ctypes.data)

    def about_to_run(self) -> None:
        """Find where the states are, and copy recorded values that the program will overwrite.

        Raises:
            ShapeError: A state that the program writes is read-only.
        """
        for position, tensor in enumerate(self.states):
            if tensor._array is not self._arrays[position]:
                self._arrays[position] = tensor._array
                self._place(position)
        for position, buffer in self._loose.items():
            np.copyto(buffer, self._arrays[position])
        for tensor in self._written:
            if tensor._storage.watchers:
                about_to_write(tensor._storage)
            if not tensor._array.flags.writeable:
                raise _read_only("a captured tensor", tensor)

    def has_run(self) -> None:
        """Note the writes.

        Raises:
            IndexRangeError: An index was out of range.
            NonFiniteError: An integer was divided by zero.
        """
        count = self._count
        for position, buffer in self._loose.items():
            if self._writes[count + position]:
                np.copyto(self._arrays[position], buffer)
        for tensor in self._written:
            wrote(tensor._storage, "a compiled program")
        if self.executable.status[0]:
            raise error_of(self.executable.status[0])

    def take_over(self, before: "Specialised") -> None:
        """Get ready to run after another program of the same states, of whose writes nobody was told yet."""
        # Programs that work on the states' own arrays see each other's writes as they are.
        if self._loose or before._loose:
            before.has_run()
            self.about_to_run()

    def run(self, tensors: Sequence[TensorBase], rows: int | None) -> list[Any]:
        """Run on arguments of the types compiled for; the results.

        Raises:
            GraphError: An argument shares memory with something that the program changes, or has a gradient already.
            ShapeError: The program changes an argument that is read-only.
            IndexRangeError: An index is out of range; nothing has changed.
            NonFiniteError: An integer is divided by zero; nothing has changed.
            Outdated: A scheduler's step changed what the program was made for; nothing has changed.
        """
        rows = rows or 1
        executable, slots = self.executable, self._slots
        table, arrays = executable.table, []
        self.traced.check_arguments(tensors)
        for position, tensor in enumerate(tensors):
            array = tensor._array
            flags = array.flags
            if not (flags.c_contiguous and flags.aligned):
                array = np.array(array, order="C")
            slot = slots[position]
            if slot is not None:
                table[slot] = _address(array)
            arrays.append(array)
        if self._changes_arguments or self._written:
            self._check_shared(tensors)
        if self.states:
            self.about_to_run()
        executable.prepare(rows)
        put_back = None if self._schedule is None else self._schedule.take()
        try:
            if self._can_fail:
                self._run_or_restore(rows, arrays)
            else:
                executable.step(rows)
            self.has_run()
        except BaseException:
            if put_back is not None:
                put_back()
            raise
        if self._changes_arguments:
            for tensor, array, written in zip(tensors, arrays, self._writes, strict=False):
                if written:
                    if array is not tensor._array:
                        np.copyto(tensor._array, array)
                    wrote(tensor._storage, "a compiled program")
        results = self._results(rows)
        if self._grads:
            left = iter(results[len(self.traced.graph.outputs) :])
            for owner, kept in self._grads:
                target = tensors[owner] if isinstance(owner, int) else owner
                target._grad = next(left) if kept else None
        if self.traced.changes:
            self.traced.change(tensors)
        return results

    def _run_or_restore(self, rows: int, arrays: list[Any]) -> None:
        """Run a program that may fail on the way; then everything is as it was."""
        inputs = [*arrays, *(self._loose.get(n, a) for n, a in enumerate(self._arrays))]
        kept = [(array, array.copy()) for array, written in zip(inputs, self._writes, strict=True) if written]
        try:
            self.executable.step(rows)
            failed = bool(self.executable.status[0])
        except BaseException:
            failed = True
            raise
        finally:
            if failed:
                for array, copy in kept:
                    np.copyto(array, copy)

    def _check_shared(self, tensors: Sequence[TensorBase]) -> None:
        for position, tensor in enumerate(tensors):
            storage = tensor._storage
            if id(storage) in self._written_storages:
                raise GraphError(
                    f"argument {position} shares memory with a tensor that the compiled function changes; pass a "
                    ".clone()"
                )
            if self._writes[position]:
                if not tensor._array.flags.writeable:
                    raise _read_only(f"argument {position}", tensor)
                others = [*tensors[:position], *tensors[position + 1 :], *self.states]
                if any(np.may_share_memory(tensor._array, other._array) for other in others):
                    raise GraphError(
                        f"argument {position} is changed by the compiled function and shares memory with another "
                        "tensor that it uses; pass a .clone()"
                    )
                about_to_write(storage)

    def _results(self, rows: int) -> list[Any]:
        executable = self.executable
        if not self._direct:
            return [make(executable.result(o, rows)) for o in self._outputs]
        if executable.capacity != self._capacity or len(self._views) > _MOST_VIEWS:
            self._views.clear()
            self._capacity = executable.capacity
        views = self._views.get(rows)
        if views is None:
            views = self._views[rows] = [executable.view(o, rows) for o in self._outputs]
        return [make(view.copy()) for view in views]


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keeps Python from looking for garbage in what is about to be made, nearly all of which stays.

    That would take a third of the time in which a program comes from the cache.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def check_host() -> None:
    """Raise `GraphError` unless machine code can be made for this computer."""
    try:
        from backlit.compiler import llvm

        llvm.target_machine()
    except (ImportError, OSError, RuntimeError) as error:
        raise GraphError(
            f"LLVM, which makes the machine code, cannot be used on this computer ({error}); install llvmlite anew "
            "with `pip install --force-reinstall llvmlite`, or run the function as it is, without compile"
        ) from error


def _hooks_of(tensor: TensorBase) -> tuple[int, ...]:
    """The numbers of the hooks that hang on a tensor."""
    return *(tensor._hooks or ()), *(tensor._accumulated_hooks or ())


def _address(array: Any) -> int:
    """Where an array without gaps begins; several times as fast as `array.ctypes.data` where NumPy allows it."""
    if array.size and array.flags.writeable:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))
    return int(array.ctypes.data)


def _read_only(what: str, tensor: TensorBase) -> ShapeError:
    return ShapeError(
        f"a compiled function changes {what} of shape {tuple(tensor._array.shape)}, whose memory cannot be written: "
        "its elements share places, or the array was read-only; use .clone() first"
    )
