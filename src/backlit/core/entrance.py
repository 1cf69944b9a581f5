"""The entrance of public functions: what came from outside and fits nowhere is answered in words.

Operations read shapes and types of what they are given without asking first what it is, because inner code calls them
with tensors. At the entrance a failure of that kind becomes an error that says what came and what was expected.
"""

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable
from typing import Any

from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, BacklitError

_WRONG_TYPE = (AttributeError, TypeError, KeyError)
_WRONG_VALUE = (ValueError, IndexError, OverflowError)
_CALLING_BACK = {"backward", "register_hook", "register_post_accumulate_grad_hook"}
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
            if trace is None or trace.tb_next is None:
                # Python's own word on a call that does not fit the signature.
                raise
            kind = ArgumentTypeError if isinstance(error, _WRONG_TYPE) else ArgumentError
            came = [_described(value) for value in args] + [f"{k}={_described(v)}" for k, v in settings.items()]
            raise kind(
                f"{function.__name__}: cannot take ({', '.join(came)}); "
                f"expected {function.__name__}{inspect.signature(function)}"
            ) from error

    # Pickle finds a function by its module and name.
    entrance.__module__ = module
    entrance.__dict__[_MARK] = True
    return entrance


def answer_at(namespace: dict[str, Any], names: Iterable[str]) -> None:
    """Put the entrance before all functions that a module offers under `names`."""
    for name in names:
        offered = namespace[name]
        if inspect.isfunction(offered) and _MARK not in vars(offered):
            namespace[name] = answering(offered, namespace["__name__"])


def answer_for(cls: type) -> None:
    """Put the entrance before the methods of a class that take arguments, but for those that call the reader's code."""
    for name in dir(cls):
        method = inspect.getattr_static(cls, name)
        if name.startswith("_") or not inspect.isfunction(method) or _MARK in vars(method):
            continue
        if name not in _CALLING_BACK and len(inspect.signature(method).parameters) > 1:
            setattr(cls, name, answering(method, method.__module__))


def _described(value: Any) -> str:
    if isinstance(value, TensorBase):
        return f"tensor of {value._array.dtype}{list(value._array.shape)}"
    return f"{type(value).__name__} {reprlib.repr(value)}"
