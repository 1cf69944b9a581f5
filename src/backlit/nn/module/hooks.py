"""Hooks: functions that a module calls before and after its forward and backward pass."""

from collections.abc import Callable
from typing import Any, NamedTuple

from backlit.core.primitive import primitive
from backlit.core.tensor_base import TensorBase
from backlit.errors import ShapeError
from backlit.ops.hooks import RemovableHandle


class Hook(NamedTuple):
    """A function to call, and how."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class Hooks:
    """The part of a module that keeps hooks, by kind and in the order of their calls, and calls them."""

    _hooks: dict[str, dict[int, Any]]
    forward: Callable[..., Any]

    def _edited(self) -> None:
        """Note an edit that makes compiled programs out of date."""
        raise NotImplementedError

    def _add_hook(self, kind: str, hook: Hook, prepend: bool = False) -> RemovableHandle:
        hooks = self._hooks.setdefault(kind, {})
        later = dict(hooks) if prepend else {}
        if prepend:
            hooks.clear()
        handle = RemovableHandle(hooks, hook, self._edited)  # type: ignore[arg-type]
        hooks.update(later)
        return handle

    def overhear(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> RemovableHandle:
        """As `register_forward_hook`, for one that is taken off again at once: no compiled program is out of date."""
        heard = Hook(hook, with_kwargs=with_kwargs)
        return RemovableHandle(self._hooks.setdefault("forward", {}), heard)  # type: ignore[arg-type]

    def overhear_input(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`overhear` before the pass, as `register_forward_pre_hook`: what the hook returns replaces the arguments."""
        return RemovableHandle(self._hooks.setdefault("forward_pre", {}), Hook(hook))  # type: ignore[arg-type]

    def hook_functions(self) -> list[Callable[..., Any]]:
        """The functions that are called before and after each pass."""
        return [hook.function for hooks in self._hooks.values() for hook in hooks.values()]

    def _hooks_of(self, kind: str) -> list[Hook]:
        return list(self._hooks.get(kind, {}).values())

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each `forward`; what it returns, unless None, replaces the arguments.

        With `with_kwargs` it is `hook(module, args, kwargs)` and returns None or the pair (args, kwargs).
        """
        return self._add_hook("forward_pre", Hook(hook, with_kwargs=with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after each `forward`; what it returns, unless None, replaces the output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`. With `always_call` it is called, with output
        None, even if `forward` raised.
        """
        return self._add_hook("forward", Hook(hook, with_kwargs=with_kwargs, always_call=always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when gradients of the outputs have arrived; it may return other ones."""
        return self._add_hook("backward_pre", Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when gradients of the inputs are known.

        Both are tuples with None where no gradient flows; a tuple that it returns replaces `grad_input`.
        """
        return self._add_hook("backward", Hook(hook), prepend)

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        called: list[Hook] = []
        try:
            for hook in self._hooks_of("forward_pre"):
                if hook.with_kwargs:
                    changed = hook.function(self, args, kwargs)
                    if changed is not None:
                        args, kwargs = changed
                else:
                    changed = hook.function(self, args)
                    if changed is not None:
                        args = changed if isinstance(changed, tuple) else (changed,)
            boundary = Boundary(self) if self._hooks_of("backward") or self._hooks_of("backward_pre") else None
            if boundary is not None:
                args = boundary.enter(args)
            output = self.forward(*args, **kwargs)
            for hook in self._hooks_of("forward"):
                called.append(hook)
                changed = self._call_forward_hook(hook, args, kwargs, output)
                if changed is not None:
                    output = changed
            return output if boundary is None else boundary.leave(output)
        except Exception:
            for hook in self._hooks_of("forward"):
                if hook.always_call and hook not in called:
                    self._call_forward_hook(hook, args, kwargs, None)
            raise

    def _call_forward_hook(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        if hook.with_kwargs:
            return hook.function(self, args, kwargs, output)
        return hook.function(self, args, output)


class Boundary:
    """The edge of one call of a module, where its backward hooks see the gradients that come in and go out."""

    def __init__(self, module: Hooks) -> None:
        self.module = module
        self.grad_output: tuple[Any, ...] = ()
        self.inputs = 0
        self.input_places: list[int] = []
        self.outputs = 0
        self.output_places: list[int] = []

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, on whose way back `on_inputs` is called."""
        self.inputs = len(args)
        self.input_places = _differentiable(args)
        return _passed(args, self.input_places, self.on_inputs)

    def leave(self, output: Any) -> Any:
        """The output, on whose way back `on_outputs` is called."""
        outputs = output if isinstance(output, tuple) else (output,)
        self.outputs = len(outputs)
        self.output_places = _differentiable(outputs)
        passed = _passed(outputs, self.output_places, self.on_outputs)
        return passed if isinstance(output, tuple) else passed[0]

    def on_outputs(self, arrived: tuple[Any, ...]) -> tuple[Any, ...]:
        """Gradients of the outputs have arrived."""
        grads = _spread(arrived, self.output_places, self.outputs)
        for hook in self.module._hooks_of("backward_pre"):
            grads = _replaced(grads, hook.function(self.module, grads), "grad_output")
        self.grad_output = grads
        if not self.input_places:
            self.call_hooks((None,) * self.inputs)
        return tuple(grads[place] for place in self.output_places)

    def on_inputs(self, arrived: tuple[Any, ...]) -> tuple[Any, ...]:
        """Gradients of the inputs have been computed."""
        grads = self.call_hooks(_spread(arrived, self.input_places, self.inputs))
        # Gradients with a history would keep themselves alive through this boundary.
        self.grad_output = ()
        return tuple(grads[place] for place in self.input_places)

    def call_hooks(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Let the module's backward hooks see, and maybe replace, the gradients of its inputs."""
        for hook in self.module._hooks_of("backward"):
            grads = _replaced(grads, hook.function(self.module, grads, self.grad_output), "grad_input")
        return grads


@primitive(role="passes on", notation="{xs}", promote=None, samples=lambda rng: [])
def _module_boundary(xp: Any, *xs: Any, on_gradients: Callable[..., Any]) -> Any:
    """Copies of `xs`; on the way back, `on_gradients` sees and may replace the tuple of all gradients."""
    return tuple(xp.array(x) for x in xs)


@_module_boundary.joint_gradient
def _at_boundary(g: Any, on_gradients: Callable[..., Any]) -> Any:
    return on_gradients(g if isinstance(g, tuple) else (g,))


def _differentiable(values: tuple[Any, ...]) -> list[int]:
    return [place for place, value in enumerate(values) if isinstance(value, TensorBase) and value.requires_grad]


def _passed(values: tuple[Any, ...], places: list[int], on_gradients: Callable[..., Any]) -> tuple[Any, ...]:
    if not places:
        return values
    passed = _module_boundary.bind(*(values[place] for place in places), on_gradients=on_gradients)
    result = list(values)
    for place, value in zip(places, passed if isinstance(passed, tuple) else (passed,), strict=True):
        result[place] = value
    return tuple(result)


def _spread(values: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
    result: list[Any] = [None] * count
    for place, value in zip(places, values, strict=True):
        result[place] = value
    return tuple(result)


def _replaced(before: tuple[Any, ...], changed: Any, what: str) -> tuple[Any, ...]:
    if changed is None:
        return before
    changed = changed if isinstance(changed, tuple) else (changed,)
    if len(changed) != len(before):
        raise ShapeError(f"a backward hook returned {len(changed)} values for {what}, expected {len(before)}")
    return changed
