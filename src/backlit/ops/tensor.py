"""The public `Tensor`: a value of which everything can be asked."""

from typing import Any

import numpy as np

from backlit.core.backward import run_backward, start_gradients
from backlit.core.tensor_base import Storage, TensorBase
from backlit.ops.methods.arithmetic import ArithmeticMethods
from backlit.ops.methods.comparison import ComparisonMethods
from backlit.ops.methods.indexing import IndexingMethods
from backlit.ops.methods.pointwise import PointwiseMethods
from backlit.ops.methods.product import ProductMethods
from backlit.ops.methods.reduction import ReductionMethods
from backlit.ops.methods.shape import ShapeMethods


class Tensor(
    ArithmeticMethods,
    PointwiseMethods,
    ComparisonMethods,
    ReductionMethods,
    ShapeMethods,
    IndexingMethods,
    ProductMethods,
):
    """An array of numbers that knows how it was made."""

    def __init__(self, data: Any) -> None:
        self._array = np.asarray(data)
        self._storage = Storage()

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    def numpy(self) -> Any:
        return self._array

    def backward(
        self, gradient: "Tensor | None" = None, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        grads = start_gradients([self], [gradient], "backward")
        run_backward(
            [self],
            grads,
            retain_graph=create_graph if retain_graph is None else retain_graph,
            create_graph=create_graph,
        )


TensorBase.public = Tensor
