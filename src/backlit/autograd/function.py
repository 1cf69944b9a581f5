"""Operations of one's own: a forward and a backward, written by the user.

Unlike a primitive, a function's forward may be any program on tensors. It is one place on the tape; what runs inside
is not taped.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from backlit.core.modes import STATE, no_grad
from backlit.core.primitive import Primitive, keep_record
from backlit.core.rules import needs_gradient
from backlit.core.tape import Binding
from backlit.core.tensor_base import TensorBase, make
from backlit.core.writing import check_writable
from backlit.errors import ArgumentTypeError, GradientError, ShapeError
from backlit.ops import casting
from backlit.ops.creation import zeros


class FunctionCtx:
    """What a function's forward hands to its backward; any attribute may be set on it.

    Attributes:
        needs_input_grad: For each input, whether a gradient is wanted.
        saved_tensors: In backward, what forward gave to `save_for_backward`.
    """

    needs_input_grad: tuple[bool, ...] = ()
    saved_tensors: tuple[Any, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._plain: tuple[Any, ...] = ()
        self._dirty: tuple[Any, ...] = ()
        self._materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep inputs, results or other tensors (or None) for backward, guarded against changes in place."""
        for one in tensors:
            if one is not None and not isinstance(one, TensorBase):
                raise ArgumentTypeError(
                    f"save_for_backward: takes tensors and None, got {type(one).__name__}; set other values as "
                    "attributes of ctx"
                )
        self._to_save = tensors

    def mark_non_differentiable(self, *results: Any) -> None:
        """Say that no gradient flows to these results."""
        self._plain = results

    def mark_dirty(self, *inputs: Any) -> None:
        """Say that forward changed these inputs in place, and returns them."""
        self._dirty = inputs

    def set_materialize_grads(self, value: bool) -> None:
        """Choose whether backward gets zeros (the default) or None where no gradient arrived."""
        self._materialize = value


class _Step(Primitive):
    """One application of a function, in the place of the primitive of a binding; not in the registry."""

    def __init__(self, function: "type[Function]", ctx: FunctionCtx, inputs: int) -> None:
        self.name = function.__name__
        self.function = function
        self.ctx = ctx
        self.role, self.notation = "a function of the user's", f"{self.name}(…)"
        self.inputs, self.variadic = [f"input {position}" for position in range(inputs)], None
        self.elementwise = self.view = self.dynamic = False
        self.hidden, self.promote, self.kinks, self.samples = 0, None, None, None
        self.differentiable = True
        # For each saved tensor, its place among the results that the binding keeps, or None.
        self.among_results: list[int | None] = []

    def kept(self, needs: tuple[bool, ...]) -> tuple[Sequence[int] | None, bool]:
        """Nothing: the function says itself what to keep."""
        return (), False

    def gradients(self, binding: Binding, g: Any, create_graph: bool) -> Sequence[Any]:
        """Call the function's backward."""
        saved, ans = binding.kept()
        results = () if ans is None else ans if isinstance(ans, tuple) else (ans,)
        arrived = list(g) if isinstance(g, tuple) else [g]
        if self.ctx._materialize:
            for index, (shape, kind) in enumerate(binding.outputs):
                if arrived[index] is None:
                    arrived[index] = zeros(shape, dtype=kind)
        self.ctx.saved_tensors = tuple(
            one if place is None else results[place] for one, place in zip(saved, self.among_results, strict=True)
        )
        try:
            found = self.function.backward(self.ctx, *arrived)
        finally:
            self.ctx.saved_tensors = ()
        return self._checked(binding, found if isinstance(found, tuple) else (found,), create_graph)

    def _checked(self, binding: Binding, grads: tuple[Any, ...], create_graph: bool) -> list[Any]:
        count = len(binding.edges)
        if len(grads) < count or any(one is not None for one in grads[count:]):
            raise GradientError(f"{self.name}.backward returned {len(grads)} gradients for {count} inputs of forward")
        kept: list[Any] = []
        for position, (one, shape) in enumerate(zip(grads[:count], binding.shapes, strict=True)):
            if one is None or not binding.needs[position]:
                kept.append(None)
                continue
            if not isinstance(one, TensorBase):
                raise ArgumentTypeError(
                    f"{self.name}.backward: the gradient of input {position} must be a tensor or None, got "
                    f"{type(one).__name__}"
                )
            if one._array.shape != shape:
                raise ShapeError(
                    f"{self.name}.backward: the gradient of input {position} has shape {one._array.shape}, the input "
                    f"has {shape}"
                )
            # A user may hold on to this memory, so no leaf may add to it: a view says so.
            shared = create_graph or STATE.trace is not None
            kept.append(one if shared else make(one._array.view(), one._storage))
        return kept


class Function:
    """Base of a differentiable operation of one's own.

    A subclass defines `forward(ctx, *inputs)` and `backward(ctx, *grads)` as static methods, or PyTorch's newer form
    `forward(*inputs)` with `setup_context(ctx, inputs, output)`. `backward` gets the gradient of each result and
    returns one gradient, or None, for each input of `forward`. The function is run by `apply`.

        class Square(Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * 2 * x

        y = Square.apply(x)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """What the operation computes; defined by the subclass."""
        raise NotImplementedError("a Function must define forward")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Fill `ctx` after a `forward` that does not take it."""
        raise NotImplementedError("this Function has no setup_context")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """The gradients of the inputs; defined by the subclass."""
        raise NotImplementedError("a Function that is differentiated must define backward")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run the function on `args`, tensors or not, and note it on the tape."""
        ctx = FunctionCtx()
        needs = tuple(needs_gradient(a) for a in args)
        taped = any(needs) and STATE.grad_enabled
        ctx.needs_input_grad = needs if taped else (False,) * len(args)
        recording, STATE.recording = STATE.recording, None
        try:
            with no_grad():
                if cls.setup_context is Function.setup_context:
                    out = cls.forward(ctx, *args)
                else:
                    out = cls.forward(*args)
                    cls.setup_context(ctx, args, out)
        finally:
            STATE.recording = recording
        outs = out if isinstance(out, tuple) else (out,)
        for one in outs:
            if not isinstance(one, TensorBase):
                raise ArgumentTypeError(f"{cls.__name__}.forward must return tensors, got {type(one).__name__}")
        for one in ctx._dirty:
            check_writable(one, cls.__name__)
        results = [cls._result(one, args, ctx) for one in outs]
        if taped or recording is not None:
            cls._tape(ctx, args, outs, results, taped)
        return tuple(results) if isinstance(out, tuple) else results[0]

    @staticmethod
    def _result(out: Any, args: tuple[Any, ...], ctx: FunctionCtx) -> Any:
        """A result that may carry a history of its own: no input that was passed through, no view."""
        if any(out is one for one in ctx._dirty):
            return out
        if out._base is not None or any(out is a for a in args):
            with no_grad():
                out = casting.clone.bind(out)
        return make(out._array, out._storage)

    @classmethod
    def _tape(
        cls, ctx: FunctionCtx, args: tuple[Any, ...], outs: tuple[Any, ...], results: list[Any], taped: bool
    ) -> None:
        step = _Step(cls, ctx, len(args))
        pairs = tuple((r._array, r._storage) for r in results)
        binding = Binding(step, args, {}, pairs)
        if STATE.recording is not None:
            keep_record(binding, args, pairs)
        if not taped:
            return
        step.among_results = [next((i for i, out in enumerate(outs) if one is out), None) for one in ctx._to_save]
        values = [one if place is None else None for one, place in zip(ctx._to_save, step.among_results, strict=True)]
        binding.keep(values, () if all(place is None for place in step.among_results) else pairs)
        ctx._to_save = ()
        for index, (out, result) in enumerate(zip(outs, results, strict=True)):
            if result._array.dtype.kind == "f" and not any(out is one for one in ctx._plain):
                result._node, result._index = binding, index
        ctx._plain = ctx._dirty = ()


class _Once(Function):
    """Passes gradients on that must not be differentiated themselves."""

    @staticmethod
    def forward(ctx: Any, value: Any, *origins: Any) -> Any:
        """The value."""
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Not allowed."""
        raise GradientError(
            "a gradient of a gradient was asked for through a backward that is marked with once_differentiable"
        )


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a backward that is not written in differentiable operations: a gradient of it is an error."""

    @functools.wraps(fn)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = fn(ctx, *grads)
        if not STATE.grad_enabled or not any(needs_gradient(g) for g in (*grads, *ctx.saved_tensors)):
            return found
        several = found if isinstance(found, tuple) else (found,)
        origins = (*grads, *ctx.saved_tensors)
        return tuple(one if one is None else _Once.apply(one, *origins) for one in several)

    return wrapped
