"""The entrance of public functions: what came from outside and fits nowhere is answered in words.

Operations read shapes and types of what they are given without asking first what it is, because inner code calls them
with tensors. At the entrance a failure of that kind becomes an error that says what came and what was expected.
"""

import functools
import inspect
import reprlib
import sys
from collections.abc import Callable, Iterable
from types import FunctionType, TracebackType
from typing import Any

from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, BacklitError

_WRONG_TYPE = (AttributeError, TypeError, KeyError)
_WRONG_VALUE = (ValueError, IndexError, OverflowError)
_LIBRARIES = {"backlit", "numpy", *sys.stdlib_module_names}
# As in PyTorch, NumPy's words for a setting are taken too.
_OF_NUMPY = {"axis": "dim", "keepdims": "keepdim"}
_CONSTRUCTOR = "__init__"
_MARK = "answering"


def answering(function: Callable[..., Any], module: str) -> Callable[..., Any]:
    """`function` as `module` offers it: misplaced arguments are answered with a `BacklitError`."""

    @functools.wraps(function)
    def entrance(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except BacklitError:
            raise
        except (*_WRONG_TYPE, *_WRONG_VALUE) as error:
            trace = error.__traceback__
            if trace is not None and trace.tb_next is None and not settings.keys().isdisjoint(_OF_NUMPY):
                renamed = {_OF_NUMPY.get(name, name): value for name, value in settings.items()}
                if len(renamed) == len(settings) and renamed.keys() <= _parameters(function):
                    return entrance(*args, **renamed)
            if trace is None or trace.tb_next is None or not _is_ours(trace.tb_next):
                # Python's own word on a call that does not fit the signature, or the reader's code, called back.
                raise
            name = type(args[0]).__name__ if function.__name__ == _CONSTRUCTOR else function.__name__
            kind = ArgumentTypeError if isinstance(error, _WRONG_TYPE) else ArgumentError
            given = args[1:] if function.__name__ == _CONSTRUCTOR else args
            came = [_described(value) for value in given] + [f"{k}={_described(v)}" for k, v in settings.items()]
            # What is wrong with a value is worth saying; what a wrong type could not do is not.
            reason = f", {error}" if kind is ArgumentError else ""
            raise kind(
                f"{name}: cannot take ({', '.join(came)}){reason}; expected {name}{inspect.signature(function)}"
            ) from error

    # Pickle finds a function by its module and name.
    entrance.__module__ = module
    entrance.__dict__[_MARK] = True
    return entrance


def _parameters(function: Any) -> set[str]:
    """The names of a function's parameters, by hand: `inspect.signature` would take as long as the call."""
    code = inspect.unwrap(function).__code__
    return {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}


def answer_at(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Put the entrance before all functions and constructors of classes that a module offers under `names`."""
    for name in names:
        offered = namespace[name]
        if inspect.isfunction(offered) and _MARK not in vars(offered):
            namespace[name] = answering(offered, namespace["__name__"])
        elif inspect.isclass(offered) and _takes_arguments(vars(offered).get(_CONSTRUCTOR)):
            setattr(offered, _CONSTRUCTOR, answering(vars(offered)[_CONSTRUCTOR], offered.__module__))


def answer_for(cls: type) -> None:
    """Put the entrance before the methods of a class that take arguments."""
    # By hand: `inspect` would take a tenth of the time of `import backlit`.
    methods: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        methods |= vars(base)
    for name, method in methods.items():
        if not name.startswith("_") and _takes_arguments(method):
            setattr(cls, name, answering(method, method.__module__))


def _takes_arguments(method: Any) -> bool:
    if not isinstance(method, FunctionType) or _MARK in vars(method):
        return False
    code = method.__code__
    several = bool(code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS))
    return several or code.co_argcount + code.co_kwonlyargcount > 1


def _is_ours(trace: TracebackType | None) -> bool:
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in _LIBRARIES:
            return False
        trace = trace.tb_next
    return True


def _described(value: Any) -> str:
    if isinstance(value, TensorBase):
        return f"tensor of {value._array.dtype}{list(value._array.shape)}"
    return f"{type(value).__name__} {reprlib.repr(value)}"
