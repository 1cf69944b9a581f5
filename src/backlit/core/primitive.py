"""Operations. A `Primitive` says everything about one operation; `bind` is the one way into any computation."""

import inspect
import reprlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from backlit.core.dtypes import get_default_dtype, result_dtype
from backlit.core.modes import QUIET, STATE, Tracer
from backlit.core.namespace import NUMPY
from backlit.core.recording import Record
from backlit.core.rules import Rule
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array, Storage, Symbol, TensorBase, make, refresh_view
from backlit.errors import ArgumentTypeError, BacklitError, DtypeError, IndexRangeError, NonFiniteError, ShapeError

Samples = Callable[["np.random.Generator"], list[tuple[tuple[Any, ...], dict[str, Any]]]]
_NUMBERS = (int, float, bool)


class Primitive:
    """One operation: what it computes, how its gradient flows, and what readers need to know about it.

    Attributes:
        name: The operation's name, as users call it.
        forward: The forward rule, `forward(xp, *arrays, **settings)`.
        role: The part it plays in a backward pass, in a few words ("swaps and scales").
        notation: How it is written in mathematics, with the inputs' names in braces.
        elementwise: Whether each element of the result depends on the matching elements of broadcast inputs only.
        promote: "same" brings all inputs to their common type first, "number" does so and refuses bool, "float" does so
            and makes bool and integers floats, None leaves the types alone.
        unpromoted: Names of inputs that keep their type (conditions, indices).
        view: Whether the result may share the memory of the first input.
        hidden: Number of results, counted from the end, that only the gradient rules see.
        dynamic: Whether the result's shape depends on values.
        differentiable: Whether any gradient rule is given.
        kinks: Where the operation has no derivative: `kinks(*arrays, **settings)` gives the distance of each element
            to the nearest such point. Finite differences keep away from them.
        domain: Bounds of the inputs for which the result is finite.
        samples: Makes arguments and settings on which the common tests try the operation.
    """

    registry: ClassVar[dict[str, "Primitive"]] = {}

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        name: str = "",
        role: str = "",
        notation: str = "",
        elementwise: bool = False,
        promote: str | None = "same",
        unpromoted: Iterable[str] = (),
        view: bool = False,
        hidden: int = 0,
        dynamic: bool = False,
        kinks: Callable[..., Any] | None = None,
        domain: tuple[float, float] = (-np.inf, np.inf),
        samples: Samples | None = None,
    ) -> None:
        self.name = name or forward.__name__.strip("_")
        self.forward = forward
        self.role = role
        self.notation = notation
        self.elementwise = elementwise
        self.promote = promote
        self.view = view
        self.hidden = hidden
        self.dynamic = dynamic
        self.kinks = kinks
        self.domain = domain
        self.samples = samples
        self.__doc__ = forward.__doc__
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.inputs = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self._unpromoted = {self.inputs.index(u) for u in unpromoted}
        self._rules: dict[int, Rule] = {}
        self._joint_rule: Rule | None = None
        self._shape_rule: Callable[..., Any] | None = None
        self._kept: dict[tuple[bool, ...], tuple[Sequence[int] | None, bool]] = {}
        self.differentiable = False
        if self.name in Primitive.registry:
            raise BacklitError(f"there are two operations of the name {self.name!r}")
        Primitive.registry[self.name] = self

    def __repr__(self) -> str:
        return f"<operation {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_by_name, (self.name,))

    # -- what a block of an operation adds ---------------------------------------------------------------------------

    def gradient(self, **rules: Callable[..., Any]) -> None:
        """Give one gradient rule an input, by the input's name; see `core.rules` for what a rule may ask for."""
        for name, rule in rules.items():
            self._rules[self.inputs.index(name)] = Rule(rule, self.inputs, self.variadic)
        self._kept.clear()
        self.differentiable = True

    def joint_gradient(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Give one rule that returns the gradients of all inputs, with None for those not needed."""
        self._joint_rule = Rule(rule, self.inputs, self.variadic)
        self._kept.clear()
        self.differentiable = True
        return rule

    def shape(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Give the shape rule, `rule(*arrays, **settings)` on arrays of which only shape and type may be used.

        It returns (shape, type) or a tuple of such pairs. An operation without one has its forward rule run on
        zeros instead, which is right but takes time for large products.
        """
        self._shape_rule = rule
        return rule

    # -- running -----------------------------------------------------------------------------------------------------

    def bind(self, *args: Any, **settings: Any) -> Any:
        """Apply the operation to tensors, Python numbers or None.

        Returns:
            A tensor, or a tuple of tensors if the operation has several visible results.

        Raises:
            ShapeError: The inputs' shapes do not fit; nothing has changed.
            IndexRangeError: An index or a dimension is out of range; nothing has changed.
        """
        state = STATE
        if state.trace is not None:
            return self._traced(state.trace, args, settings)
        arrays, needed = self._prepare(args)
        try:
            out = QUIET.copy().run(self.forward, NUMPY, *arrays, **settings)
        except BacklitError:
            raise
        except (ValueError, TypeError, IndexError, OverflowError, MemoryError, AttributeError, KeyError) as error:
            raise self.failure(error, arrays, settings) from error
        taped = needed and state.grad_enabled and self.differentiable
        recorded = state.recording is not None
        if not isinstance(out, tuple):
            if not isinstance(out, np.ndarray):
                out = np.asarray(out)
            result = make(out)
            if self.view:
                _join(self, settings, result, args[0])
            if taped or recorded:
                storage = result._storage
                binding = Binding(self, args, settings, ((out, storage),))
                if taped and out.dtype.kind == "f":
                    result._node = binding
                    if storage.rebased:
                        result._seen = storage.rebased
                if recorded:
                    keep_record(binding, args, ((out, storage),))
            if state.anomaly:
                check_finite(self, arrays, (out,), state.path)
            return result
        outs = [o if isinstance(o, np.ndarray) else np.asarray(o) for o in out]
        visible = outs[: len(outs) - self.hidden]
        results = tuple([make(o) for o in visible])
        if self.view:
            for result in results:
                _join(self, settings, result, args[0])
        if taped or recorded:
            storages = [r._storage for r in results] + [Storage() for _ in range(self.hidden)]
            pairs = tuple(zip(outs, storages, strict=True))
            binding = Binding(self, args, settings, pairs)
            if taped:
                for index, result in enumerate(results):
                    if result._array.dtype.kind == "f":
                        result._node, result._index = binding, index
                        result._seen = result._storage.rebased
            if recorded:
                keep_record(binding, args, pairs[: len(visible)])
        if state.anomaly:
            check_finite(self, arrays, visible, state.path)
        return results[0] if len(results) == 1 else results

    def _traced(self, trace: Tracer, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Let a trace record the operation in place of running it."""
        return trace.bind(self, args, settings)

    def _prepare(self, args: tuple[Any, ...]) -> tuple[list[Any], bool]:
        """The arrays of the arguments, brought to one type where the operation asks for it; is a gradient wanted?"""
        arrays: list[Any] = []
        first: Any = None
        needed = plain = False
        uniform = True
        for a in args:
            if isinstance(a, TensorBase):
                if a._base is not None and a._seen != a._storage.rebased:
                    refresh_view(a)
                if a._node is not None or a._requires_grad:
                    needed = True
                array = a._array
                if first is None:
                    first = array.dtype
                elif array.dtype is not first and array.dtype != first:
                    uniform = False
                arrays.append(array)
            else:
                plain = plain or a is not None
                arrays.append(a if a is None or type(a) in _NUMBERS else self._plain(a))
        if self.promote is None or first is None:
            return arrays, needed
        if (uniform and (first.kind == "f" or not (plain or self.promote != "same"))) and not self._unpromoted:
            return arrays, needed
        target = self.common_dtype(arrays)
        for position, array in enumerate(arrays):
            if position not in self._unpromoted and isinstance(array, np.ndarray) and array.dtype != target:
                arrays[position] = array.astype(target)
        return arrays, needed

    def _plain(self, a: Any) -> Any:
        """An argument that is neither a tensor nor a Python number nor None, if there is a meaning to it."""
        if isinstance(a, np.generic):
            # NumPy would let its own numbers widen a float32 array, unlike Python's.
            return a.item()
        if isinstance(a, np.ndarray | int | float):
            return a
        raise ArgumentTypeError(
            f"{self.name}: expected tensors, got {type(a).__name__} {reprlib.repr(a)}; use backlit.tensor(...)"
        )

    def common_dtype(self, operands: Sequence[Any]) -> np.dtype[Any]:
        """The type to which the operation brings its inputs (arrays or symbols, numbers, None)."""
        left_out = self._unpromoted
        target = result_dtype([o for p, o in enumerate(operands) if p not in left_out] if left_out else operands)
        if self.promote == "float" and target.kind != "f":
            target = get_default_dtype().numpy
        if self.promote == "number" and target.kind == "b":
            raise DtypeError(f"{self.name}: bool tensors do not take part; convert them with .int() or .float()")
        return target

    def keeps_dtype(self, position: int) -> bool:
        """Whether the input at `position` is left out of type promotion."""
        return self.promote is None or position in self._unpromoted

    # -- what readers ask --------------------------------------------------------------------------------------------

    def kept(self, needs: tuple[bool, ...]) -> tuple[Sequence[int] | None, bool]:
        """Positions of inputs (None: all) that the gradients in question need, and whether they need the result."""
        found = self._kept.get(needs)
        if found is None:
            rules = [self._joint_rule] if self._joint_rule is not None else self._wanted(needs)
            positions = None
            if all(rule.inputs is not None for rule in rules):
                positions = sorted({p for rule in rules for p in rule.inputs or () if p < len(needs)})
            found = self._kept[needs] = positions, any(rule.needs_ans for rule in rules)
        return found

    def _wanted(self, needs: tuple[bool, ...]) -> list[Rule]:
        return [rule for position, rule in self._rules.items() if position < len(needs) and needs[position]]

    def gradients(self, binding: Binding, g: Any, create_graph: bool) -> Sequence[Any]:
        """Apply the gradient rules of one binding: a gradient or None for each input."""
        saved, ans = binding.kept()
        if self._joint_rule is not None:
            return self._joint_rule(binding, g, ans, saved)
        return [
            self._rules[position](binding, g, ans, saved) if wanted and position in self._rules else None
            for position, wanted in enumerate(binding.needs)
        ]

    def infer(self, *operands: Any, **settings: Any) -> tuple[Symbol, ...]:
        """Shapes and types of all results, hidden ones included, for operands of which only those are known."""
        if self._shape_rule is not None:
            found = self._shape_rule(*operands, **settings)
            pairs = (found,) if isinstance(found[1], np.dtype) else found
            return tuple(Symbol(tuple(shape), kind) for shape, kind in pairs)
        stand_ins = [self._stand_in(o) if isinstance(o, (Symbol, np.ndarray)) else o for o in operands]
        out = QUIET.copy().run(self.forward, NUMPY, *stand_ins, **settings)
        outs = [np.asarray(o) for o in (out if isinstance(out, tuple) else (out,))]
        if self.elementwise:
            try:
                shape = np.broadcast_shapes(*{o.shape for o in operands if isinstance(o, (Symbol, np.ndarray))})
            except ValueError as error:
                raise self.failure(error, list(operands), settings) from None
            return tuple(Symbol(shape, o.dtype) for o in outs)
        return tuple(Symbol(o.shape, o.dtype) for o in outs)

    def _stand_in(self, operand: Any) -> Array:
        """Zeros of an operand's type, in one number's memory; of an elementwise operation one number is enough."""
        zero: Array = np.zeros((), operand.dtype)
        return zero if self.elementwise else np.broadcast_to(zero, operand.shape)

    def failure(self, error: Exception, operands: Sequence[Any], settings: dict[str, Any]) -> BacklitError:
        """The error for people when a forward rule fails: operation, place, shapes, settings."""
        shapes = [
            f"{np.dtype(o.dtype).name}{list(o.shape)}" if isinstance(o, (np.ndarray, Symbol)) else repr(o)
            for o in operands
        ]
        where = f" (in {STATE.path})" if STATE.path else ""
        given = "".join(f", {k}={v!r}" for k, v in settings.items())
        reason = str(error)
        if self.elementwise and "broadcast" in reason:
            reason = "the shapes do not broadcast: counted from the right, sizes must be equal, or one of them 1"
        kind: type[BacklitError] = IndexRangeError if isinstance(error, IndexError) else ShapeError
        if isinstance(error, (AttributeError, KeyError)):
            # The rule met something that has no shape or type, or a setting that it does not know.
            kind = ArgumentTypeError
            reason = "it cannot take arguments of these types; pass tensors, and numbers where numbers are meant"
        return kind(f"{self.name}{where}: got {', '.join(shapes)}{given}; {reason}")


def primitive(**facts: Any) -> Callable[[Callable[..., Any]], Primitive]:
    """Decorator that makes a forward rule `rule(xp, *arrays, **settings)` an operation; facts as in `Primitive`."""
    return lambda forward: Primitive(forward, **facts)


def _by_name(name: str) -> Primitive:
    return Primitive.registry[name]


def _join(operation: Primitive, settings: dict[str, Any], result: TensorBase, source: TensorBase) -> None:
    """Make `result` a view of `source` if it shows the same memory (a reshape may have had to copy)."""
    array, origin = result._array, source._array
    root = origin if origin.base is None else origin.base
    if array is origin or array.base is root or array.base is origin:
        result._storage = source._storage
        result._base = source if source._base is None else source._base
        result._chain = (*source._chain, (operation, settings))
        result._seen = source._storage.rebased


def keep_record(binding: Binding, args: tuple[Any, ...], outputs: tuple[tuple[Array, Storage], ...]) -> None:
    """Note a binding and its values in the thread's recording."""
    recording = STATE.recording
    if recording is not None:
        binding.record = Record(args, outputs)
        recording.keep(binding)


def check_finite(operation: Primitive, arrays: Sequence[Any], outputs: Sequence[Array], path: str) -> None:
    """Raise if a result has a NaN or an infinity although all inputs were finite."""
    if all(_finite(a) for a in arrays):
        for out in outputs:
            if not _finite(out):
                kind = "a NaN" if np.isnan(out).any() else "an infinity"
                where = f" in {path}" if path else ""
                raise NonFiniteError(
                    f"forward: {operation.name}{where} made {kind} from finite inputs of shapes "
                    f"{[np.shape(a) for a in arrays if a is not None]}"
                )


def _finite(a: Any) -> bool:
    if isinstance(a, (np.ndarray, float)):
        return np.asarray(a).dtype.kind != "f" or bool(np.isfinite(a).all())
    return True
