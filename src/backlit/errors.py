"""The errors that backlit raises, and the wording they share.

A message names the operation or layer, what came, what was expected and what to do about it. Every class is a
`BacklitError` and also the built-in error that PyTorch raises in that place, so a program that catches the latter
keeps working.
"""

import sys
from collections.abc import Iterable


class BacklitError(Exception):
    """Base of every error that backlit raises on purpose."""


class ShapeError(BacklitError, RuntimeError, ValueError):
    """Shapes or dimensions do not fit an operation or layer."""


class DtypeError(BacklitError, RuntimeError, TypeError):
    """An operation does not take these dtypes."""


class ArgumentError(BacklitError, ValueError):
    """An argument's value is outside what a function takes: a negative rate, an unknown option, an empty list."""


class ArgumentTypeError(BacklitError, TypeError):
    """An argument is of a kind that a function does not take."""


class DeviceError(BacklitError, RuntimeError):
    """A device is named on which backlit does not keep tensors."""


class IndexRangeError(BacklitError, IndexError):
    """An index, a dimension or a class label is out of range."""


class GradientError(BacklitError, RuntimeError):
    """A backward pass cannot run, or would give a wrong gradient."""


class NonFiniteError(BacklitError, RuntimeError):
    """A NaN or an infinity appeared where training needs a number."""


class StateError(BacklitError, RuntimeError):
    """A saved state does not fit the object that loads it, or an object is used out of turn."""


class FileError(BacklitError, ValueError):
    """A file is damaged, cut off, or not what its place says it is."""


class MissingFileError(BacklitError, FileNotFoundError):
    """A file or folder that was named, or that a data set needs, is not there."""


class DataError(BacklitError, ValueError):
    """Data cannot be used: empty, not numeric, not finite, of unequal lengths."""


class WorkerError(BacklitError, RuntimeError):
    """A worker process failed, took too long, or could not start."""


class GraphError(BacklitError, RuntimeError):
    """A graph is not well formed, or a program cannot be traced into one."""


class MissingNameError(BacklitError, AttributeError):
    """A name that PyTorch or a reader would expect does not exist."""


class MissingPackageError(BacklitError, ImportError):
    """An optional package is needed and not installed."""


def suggest(name: str, choices: Iterable[str]) -> str:
    """Words that end a message about an unknown name.

    Args:
        name: What came.
        choices: The names that exist.

    Returns:
        `"; did you mean 'relu'?"` where a choice is near, else `"; choose from 'relu', 'tanh'"`.
    """
    import difflib

    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; choose from {', '.join(map(repr, known))}" if known else ""


def user_line() -> str:
    """The line of the reader's program that is running, as `FILE:LINE`: the innermost one that is not the library's.

    NumPy's and Python's own lines are passed over too: `copy.deepcopy(tensor)` is a line of the program.
    """
    libraries = {"backlit", "numpy", *sys.stdlib_module_names}
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in libraries:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
