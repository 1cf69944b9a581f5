"""Neural networks you can see through, at close to the speed of the machine."""

from importlib import import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING, Any

from backlit import accelerator, autograd, backends, cuda, errors, ops, random, testing
from backlit.core.dtypes import bool_ as bool
from backlit.core.dtypes import float16 as half
from backlit.core.dtypes import float32 as float
from backlit.core.dtypes import float64 as double
from backlit.core.dtypes import int16 as short
from backlit.core.dtypes import int32 as int
from backlit.core.dtypes import int64 as long
from backlit.core.missing import missing_name
from backlit.core.threads import get_num_threads, set_num_threads
from backlit.ops import *  # noqa: F403
from backlit.serialization import load, save

newaxis = None
__version__ = "0.1.0"
__all__ = [
    *ops.__all__,
    "accelerator",
    "autograd",
    "backends",
    "bool",
    "compile",
    "cuda",
    "double",
    "e",
    "errors",
    "float",
    "get_num_threads",
    "half",
    "inf",
    "int",
    "load",
    "long",
    "nan",
    "newaxis",
    "pi",
    "random",
    "save",
    "set_num_threads",
    "short",
    "testing",
]


if TYPE_CHECKING:
    from backlit.compiler.compiled import compile
else:

    def __getattr__(name: str) -> Any:
        if name == "compile":
            return import_module("backlit.compiler.compiled").compile
        from importlib import util

        # Packages that `import backlit` does not load are loaded when first asked for, as in `backlit.nn.Linear`.
        if not name.startswith("_") and util.find_spec(f"backlit.{name}") is not None:
            return import_module(f"backlit.{name}")
        raise missing_name("", name, __all__)
