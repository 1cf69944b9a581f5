"""What holds for a thread at the moment: gradient mode, tracing, recording, anomaly detection, module path."""

import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from backlit.core.primitive import Primitive
    from backlit.core.recording import Recording
    from backlit.core.stateful import Stateful
    from backlit.core.stepped import Stepped
    from backlit.core.tape import Binding
    from backlit.core.tensor_base import TensorBase
    from backlit.errors import GraphError


class Tracer(Protocol):
    """What a trace takes over from eager execution while it is active in a thread.

    Attributes:
        stepping: Whether a step is being taken that the trace was handed; see `core.stepped`.
    """

    stepping: bool

    def bind(self, primitive: "Primitive", args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Record one application of `primitive` and return its symbolic result."""

    def note(self, composite: "Primitive", args: tuple[Any, ...], settings: dict[str, Any], result: Any) -> Any:
        """Note that `result` is what the formula of `composite` has just made; the same, in memory of its own."""

    def write(self, target: "TensorBase", source: "TensorBase", operation: str) -> None:
        """Record that `target` now holds the values of `source`."""

    def tape(self, tensor: "TensorBase") -> tuple[Any, int]:
        """The binding that made `tensor`, as seen inside the trace, and the number of the result."""

    def writes(self, tensor: "TensorBase") -> tuple[int, str]:
        """Number of writes to the memory of `tensor` inside the trace, and the operation of the last."""

    def forget(self, tensor: "TensorBase") -> None:
        """Record that `tensor` has no history from here on."""

    def about_to_set(self, owner: Any, name: str) -> None:
        """Note an attribute before it is set inside the trace: undone at its end, and done after each run."""

    def refuse(self, error: "GraphError") -> "GraphError":
        """Note why there can be no program, should the traced function go on; the error."""

    def check_own(self, binding: "Binding") -> None:
        """Raise unless `binding` was made inside the trace."""

    def use(self, owner: "Stateful") -> None:
        """Note that the program depends on the structure of a module or an optimizer."""

    def take_step(
        self, stepped: "Stepped", step: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Take a scheduler's step, `step(stepped, *args, **kwargs)`, and have it taken before each run of the program.

        Args:
            stepped: The scheduler.
            step: The method that was called.
            args: Its arguments.
            kwargs: Likewise.
        """

    def get_grad(self, tensor: "TensorBase") -> "TensorBase | None":
        """The gradient of `tensor`, as seen inside the trace."""

    def set_grad(self, tensor: "TensorBase", grad: "TensorBase | None") -> None:
        """Replace the gradient of `tensor` inside the trace alone."""


class _State(threading.local):
    def __init__(self) -> None:
        self.grad_enabled = True
        self.inference = False
        self.trace: Tracer | None = None
        self.recording: Recording | None = None
        self.anomaly = False
        self.path = ""
        self.phase = "forward"


STATE = _State()

# NumPy's floating-point warnings are off in this context: `QUIET.copy().run(function, ...)` does what `np.errstate`
# does in a fraction of its time. A copy, because a context cannot be entered twice at a time, as it would be when a
# signal's handler computes something in the middle of an operation.
QUIET = Context()
QUIET.run(np.seterr, all="ignore")


class _Mode(ContextDecorator):
    """Sets fields of the thread's state on entry and restores them on exit; also a decorator, and re-entrant."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields
        self._before: list[dict[str, Any]] = []

    def _recreate_cm(self) -> "_Mode":
        """A mode for one call of a decorated function, which several threads may call at once."""
        twin = object.__new__(type(self))
        twin._fields, twin._before = self._fields, []
        return twin

    def __enter__(self) -> None:
        self._before.append({name: getattr(STATE, name) for name in self._fields})
        for name, value in self._fields.items():
            setattr(STATE, name, value)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, value in self._before.pop().items():
            setattr(STATE, name, value)


class _BareMode(_Mode):
    """A mode that decorates a function with or without parentheses."""

    def __new__(cls, orig_func: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if orig_func is None else cls()(orig_func)


class no_grad(_BareMode):
    """Inside, operations are not taped: results need no gradient. A context manager and a decorator."""

    def __init__(self) -> None:
        super().__init__(grad_enabled=False)


class enable_grad(_BareMode):
    """Inside, operations are taped again, also within `no_grad`."""

    def __init__(self) -> None:
        super().__init__(grad_enabled=True)


class _Switch(_Mode):
    """A mode that holds from the call on; as a context manager until the end of the block, as a decorator inside."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        super().__enter__()

    def __enter__(self) -> None:
        if not self._before:
            super().__enter__()

    def __call__(self, func: Any) -> Any:
        self.__exit__(None, None, None)
        return super().__call__(func)


class set_grad_enabled(_Switch):
    """Switch taping on or off: at once when called, and back on leaving when used as a context manager."""

    def __init__(self, mode: bool) -> None:
        super().__init__(grad_enabled=mode)


class inference_mode(_Mode):
    """Like `no_grad`, and the results can never take part in a gradient later."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__(grad_enabled=not mode, inference=mode)


class detect_anomaly(_Mode):
    """Inside, the first operation that makes a NaN or an infinity, forward or backward, raises `NonFiniteError`.

    An operation *makes* one when its inputs were finite and a result is not.
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(anomaly=check_nan)


class set_detect_anomaly(_Switch):
    """Switch anomaly detection on or off: at once when called, and back on leaving when used as a context manager."""

    def __init__(self, mode: bool) -> None:
        super().__init__(anomaly=mode)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are taped at the moment."""
    return STATE.grad_enabled


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return STATE.inference
