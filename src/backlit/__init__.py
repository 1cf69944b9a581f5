"""Neural networks you can see through, at close to the speed of the machine."""

from backlit import ops
from backlit.core.dtypes import bool_ as bool
from backlit.core.dtypes import float16 as half
from backlit.core.dtypes import float32 as float
from backlit.core.dtypes import float64 as double
from backlit.core.dtypes import int8 as char
from backlit.core.dtypes import int16 as short
from backlit.core.dtypes import int32 as int
from backlit.core.dtypes import int64 as long
from backlit.core.dtypes import uint8 as byte
from backlit.ops import *  # noqa: F403

__all__ = [*ops.__all__, "bool", "byte", "char", "double", "float", "half", "int", "long", "short"]
