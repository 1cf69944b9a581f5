"""`backlit.compile`: a function over tensors, modules and optimizers, traced once and run as machine code."""

import functools
import os
import threading
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any, overload

from backlit.compiler.family import kinds_of, rows_of
from backlit.compiler.specialised import Specialised, check_host
from backlit.compiler.surroundings import Surroundings, valueless
from backlit.compiler.tree import TENSOR, constants, flatten, outline, unflatten
from backlit.core.dtypes import get_default_dtype
from backlit.core.modes import STATE
from backlit.core.tensor_base import Symbol, TensorBase
from backlit.errors import ArgumentTypeError, GraphError
from backlit.graph.schedule import Outdated

__all__ = ["Compiled", "Specialised", "compile"]

# Programs kept for arguments of one kind: for training and evaluation mode, with and without gradients to add to.
_MOST_ALIKE = 8
# Kinds of arguments.
_MOST_KINDS = 64
# Programs that differ in numbers alone, from which on each new one is a waste to be told of.
_MANY = 8


class _Variant:
    """One program of a compiled function: the machine code, and how its results are put together."""

    def __init__(
        self, function: Callable[..., Any], skeleton: Any, tensors: Sequence[Any], keep_grads: bool, exact: bool
    ) -> None:
        self._function, self._skeleton = function, skeleton
        self.code = Specialised(
            self._flat,
            tensors,
            keep_grads,
            facts=lambda: self.shape[:2],
            exact=exact,
            surroundings=lambda: Surroundings(function, constants(skeleton)),
        )
        if self.code.uniform and not self.code.tracing.reads_sizes:
            # A single row is looked at now, so that it costs nothing when it first comes.
            self.code.serves(1)
        # Another trace, which looks at another number of rows, may note another shape.
        self.returned = self.shape
        self.single = self.shape == (TENSOR, ("result",), [])

    def _flat(self, *tensors: Any) -> Any:
        """The function on tensors alone; notes how its results are made of the tensors that it returns."""
        if self._skeleton is None:
            result = self._function(*tensors)
        else:
            args, kwargs = unflatten(self._skeleton, iter(tensors))
            result = self._function(*args, **kwargs)
            left, skeleton = flatten((args, kwargs), "the arguments of a compiled function", once=True)
            if skeleton != self._skeleton or any(a is not b for a, b in zip(left, tensors, strict=True)):
                raise GraphError(
                    "the function changes a list, a dict or an object among its arguments, which would be changed only "
                    "while it is traced; leave that as it is, and return what is new"
                )
        leaves, skeleton = flatten(result, "the result of a compiled function")
        for constant in constants(skeleton):
            if valueless(getattr(constant, "__dict__", None)):
                raise GraphError(
                    f"a compiled function returns an object of {type(constant).__name__} that holds tensors; return "
                    "the tensors themselves, in a tuple, a dict or a dataclass"
                )
        places: list[Any] = []
        outside, computed = [], []
        own = {id(t): position for position, t in enumerate(tensors)}
        for leaf in leaves:
            if id(leaf) in own:
                places.append(own[id(leaf)])
            elif isinstance(leaf._array, Symbol):
                places.append("result")
                computed.append(leaf)
            else:
                # A tensor of the outside is returned itself, as the function does.
                places.append("outside")
                outside.append(leaf)
        self.shape = skeleton, tuple(places), outside
        return computed

    def run(self, tensors: Sequence[TensorBase], rows: int | None) -> Any:
        """Run on arguments of the types compiled for."""
        results = self.code.run(tensors, rows)
        if self.single:
            return results[0]
        skeleton, places, outside = self.returned
        made, others = iter(results), iter(outside)
        leaves = (
            next(made) if place == "result" else next(others) if place == "outside" else tensors[place]
            for place in places
        )
        return unflatten(skeleton, leaves)


class Compiled:
    """A compiled function; see `compile`."""

    def __init__(self, function: Callable[..., Any], keep_grads: bool) -> None:
        functools.update_wrapper(self, function, updated=())
        self._function = function
        self._keep_grads = keep_grads
        self._known: dict[Any, list[_Variant]] = {}
        self._last: tuple[Specialised, int | None] | None = None
        self._made: Counter[Any] = Counter()
        self._lock = threading.RLock()
        _all.add(self)

    def __repr__(self) -> str:
        return f"<compiled {self._function!r}>"

    def __getattr__(self, name: str) -> Any:
        # A compiled module is still asked for its parameters and its mode.
        if name == "_function" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._function, name)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        binds = instance is not None and isinstance(self._function, FunctionType)
        return MethodType(self, instance) if binds else self

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy compiles anew: what it uses has been copied as well.
        return Compiled, (self._function, self._keep_grads)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function natively, after compiling it if the arguments' types or what it uses are new.

        Inside another compiled function it becomes part of that one. While values are recorded or anomalies looked for,
        and for a batch of no rows, the function itself runs.
        """
        if STATE.trace is not None or STATE.recording is not None or STATE.anomaly:
            return self._function(*args, **kwargs)
        tensors, skeleton = _flat(args, kwargs)
        rows = rows_of(tensors)
        if rows == 0:
            return self._function(*args, **kwargs)
        with self._lock:
            try:
                return self._variant(tensors, skeleton, rows).run(tensors, rows)
            except Outdated:
                # A scheduler's step asks for another program. It was undone, and the function is traced again.
                return self._variant(tensors, skeleton, rows).run(tensors, rows)

    def specialised(self, *args: Any, **kwargs: Any) -> Specialised:
        """The program and machine code for arguments like these; without any, those of the last call.

        Raises:
            GraphError: The function was never called, or cannot be traced.
        """
        return self._found(args, kwargs)[0]

    def _found(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Specialised, int | None]:
        """The program for arguments like these, or that of the last call, and the number of rows."""
        with self._lock:
            if args or kwargs:
                tensors, skeleton = _flat(args, kwargs)
                rows = rows_of(tensors)
                return self._variant(tensors, skeleton, rows).code, rows
            if self._last is None:
                raise GraphError(f"{self!r} was not called yet; give arguments like those of a call")
            return self._last

    def explain(self, *args: Any, **kwargs: Any) -> Any:
        """What became of the function: graph, kernels, memory, and each kernel's share of the time.

        Args:
            *args: Arguments like those of a call; none: those of the last call.
            **kwargs: Likewise.

        Returns:
            An `Explanation`, whose text is the report. Nothing outside is changed by measuring.
        """
        from backlit.compiler.explain import Explanation

        return Explanation(*self._found(args, kwargs))

    def record(self, *args: Any, **kwargs: Any) -> Any:
        """Every value and gradient of one call, which leaves nothing changed.

        The function itself runs, on copies of the arguments and under `backlit.record()`: the program that was traced
        is what it does. Afterwards parameters, buffers, optimizer state, schedulers, generators and gradients are put
        back bit for bit, also when it raises.

        Args:
            *args: The arguments of a call.
            **kwargs: Likewise.

        Returns:
            A `Recording`.
        """
        from backlit.compiler.recording import record_call

        return record_call(self._function, self.specialised(*args, **kwargs), args, kwargs)

    def llvm(self, *args: Any, **kwargs: Any) -> str:
        """The LLVM code for arguments like these; without any, for those of the last call."""
        return "\n".join(map(str, self.specialised(*args, **kwargs).executable.code.modules()))

    def assembly(self, *args: Any, **kwargs: Any) -> str:
        """The host's assembly code for arguments like these; without any, for those of the last call."""
        from backlit.compiler.llvm import target_machine

        modules = self.specialised(*args, **kwargs).executable.code.modules()
        return "\n".join(map(target_machine().emit_assembly, modules))

    def _variant(self, tensors: Sequence[Any], skeleton: Any, rows: int | None) -> _Variant:
        key = skeleton, STATE.grad_enabled, STATE.inference, get_default_dtype(), *kinds_of(tensors, rows)
        variants = self._known.get(key)
        if variants is None:
            if len(self._known) >= _MOST_KINDS:
                del self._known[next(iter(self._known))]
            variants = self._known[key] = []
        for position, variant in enumerate(variants):
            if variant.code.is_current() and variant.code.serves(rows):
                if position:
                    variants.insert(0, variants.pop(position))
                break
        else:
            # A function that was not the same for other numbers of rows may have a branch on it.
            self._mind_numbers((outline(skeleton), *key[1:]), variants)
            exact = bool(variants) and not any(v.code.uniform for v in variants)
            variant = _Variant(self._function, skeleton, tensors, self._keep_grads, exact)
            variants.insert(0, variant)
            del variants[_MOST_ALIKE:]
        self._last = variant.code, rows
        return variant

    def _mind_numbers(self, kind: Any, variants: Sequence[_Variant]) -> None:
        """Say so once where one number after the other asks for a program of its own."""
        names = [variant.code.number_that_changed() for variant in variants]
        if None in names:
            # What made them out of date is something else.
            return
        self._made[kind] += 1
        if self._made[kind] != _MANY:
            return
        # Programs for other arguments are kept elsewhere.
        what, mend = (
            (names[0], "keep it in a tensor, written with fill_()")
            if names
            else (
                "a number or object among its arguments",
                "pass it as a tensor, such as backlit.tensor(0.5), or a dataclass",
            )
        )
        warnings.warn(
            f"{self!r} was compiled {_MANY} times, as {what} is another one each time and a constant of the program: "
            f"{mend}, and its values may change freely",
            stacklevel=4,
        )


_all: "weakref.WeakSet[Compiled]" = weakref.WeakSet()


def _after_fork() -> None:
    # A child process must not wait for a thread that only its parent has.
    for compiled in _all:
        compiled._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _flat(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Sequence[Any], Any]:
    """The tensors of a call's arguments, and the skeleton of the others; None if there are only tensors."""
    # One tensor in two places is one, to which gradients from both flow.
    if not kwargs and (len(args) < 2 or len(set(map(id, args))) == len(args)):
        for a in args:
            if not isinstance(a, TensorBase):
                break
        else:
            return args, None
    return flatten((args, kwargs), "the arguments of a compiled function", once=True)


@overload
def compile(function: Callable[..., Any], *, keep_grads: bool = False) -> Compiled: ...
@overload
def compile(function: None = None, *, keep_grads: bool = False) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(function: Callable[..., Any] | None = None, *, keep_grads: bool = False, **others: Any) -> Any:
    """Compile a function over tensors, modules and optimizers, such as a whole training step.

    It is traced when it is first called with arguments of new types, and again when something that it uses has
    changed: a module or an optimizer was edited or put into another mode, a captured tensor or number was replaced.
    Values may change freely, rates of optimizers and the number of rows, the first size of the first tensor, among
    them. Parameters, buffers, optimizer state, generators and captured tensors are updated in place. Steps of
    schedulers inside the function are taken by Python before the program runs, which finds the rates in a table.

    What Python does besides, such as printing, happens while the function is traced (up to four times) and not in
    later calls; a function that sets numbers which it finds outside, or draws random ones elsewhere, is refused.
    Results have no history: `backward()` belongs inside the function.

    Args:
        function: What to compile, such as a function or a module; without it, a decorator is returned. Its arguments
            and results are tensors in nested tuples, lists, dicts and dataclasses, which it leaves as they are; what
            else is in there must be hashable and is a constant of the program.
        keep_grads: Leave gradients on the parameters that the function updates; otherwise they are None afterwards,
            unless the next call would add to them.
        **others: None; those that PyTorch's `compile` has are refused in words.

    Raises:
        ArgumentTypeError: `function` cannot be called, or a setting is given that only PyTorch's `compile` has.
        GraphError: There is no machine code for this computer; when called: the function asks for a value while it is
            traced, or is another one each time. The message names the line or the name.
    """
    if others:
        given = ", ".join(f"{name}=" for name in others)
        raise ArgumentTypeError(
            f"compile: there is no {given} here; leave it out: a function is always compiled whole (PyTorch's "
            "fullgraph=True), in one way and for any number of rows; the only setting is keep_grads="
        )
    if function is None:
        return functools.partial(compile, keep_grads=keep_grads)
    if not callable(function):
        raise ArgumentTypeError(f"compile: expected a function or a module, got {type(function).__name__}")
    check_host()
    return Compiled(function, keep_grads)
