"""The public `Tensor`: a value of which everything can be asked."""

from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.dtypes import get_default_dtype
from backlit.core.entrance import answer_for
from backlit.core.missing import missing_name
from backlit.core.tensor_base import Storage, TensorBase
from backlit.errors import DtypeError
from backlit.ops.creation import shape_of
from backlit.ops.methods.arithmetic import ArithmeticMethods
from backlit.ops.methods.autograd import AutogradMethods
from backlit.ops.methods.comparison import ComparisonMethods
from backlit.ops.methods.conversion import ConversionMethods
from backlit.ops.methods.creation import CreationMethods
from backlit.ops.methods.display import DisplayMethods
from backlit.ops.methods.indexing import IndexingMethods
from backlit.ops.methods.pointwise import PointwiseMethods
from backlit.ops.methods.product import ProductMethods
from backlit.ops.methods.random import RandomMethods
from backlit.ops.methods.reduction import ReductionMethods
from backlit.ops.methods.shape import ShapeMethods

__all__ = ["Tensor"]


class Tensor(
    ConversionMethods,
    AutogradMethods,
    CreationMethods,
    RandomMethods,
    ArithmeticMethods,
    PointwiseMethods,
    ComparisonMethods,
    ReductionMethods,
    ShapeMethods,
    IndexingMethods,
    ProductMethods,
    DisplayMethods,
):
    """An array of numbers that knows how it was made.

    `Tensor(2, 3)` makes an uninitialised tensor of that shape, `Tensor(values)` one of these values, both of the
    default type; `backlit.tensor` is the better way, since it takes the values' own type.
    """

    def __init__(self, *data: Any) -> None:
        kind = get_default_dtype().numpy
        if data and not isinstance(data[0], int):
            values = data[0]._array if isinstance(data[0], TensorBase) else data[0]
            try:
                self._array = np.array(values, kind)
            except (TypeError, ValueError) as error:
                raise DtypeError(f"Tensor: cannot make numbers of {type(values).__name__}: {error}") from None
        else:
            self._array = np.empty(shape_of(data or (0,), "Tensor"), kind)
        self._storage = Storage()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Called for names that do not exist; hidden from type checkers, which would take it for a yes.
            if name.startswith("_"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            raise missing_name("Tensor", name, (n for n in dir(type(self)) if not n.startswith("_")))


answer_for(Tensor)
TensorBase.public = Tensor
