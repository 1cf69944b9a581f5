"""All parameters as one vector, and back."""

from collections.abc import Iterable

from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ShapeError
from backlit.ops import cat
from backlit.ops.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters in one row.

    Raises:
        ArgumentError: There are no parameters.
    """
    rows = [parameter.reshape(-1) for parameter in parameters]
    if not rows:
        raise ArgumentError("parameters_to_vector: there are no parameters")
    return cat(rows)


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of `vec` into the parameters, in their order.

    Raises:
        ShapeError: The number of elements differs; nothing has changed.
    """
    given = list(parameters)
    wanted = sum(parameter.numel() for parameter in given)
    if tuple(vec.shape) != (wanted,):
        raise ShapeError(f"vector_to_parameters: got shape {tuple(vec.shape)}; the parameters have {wanted} elements")
    place = 0
    with no_grad():
        for parameter in given:
            parameter.copy_(vec[place : place + parameter.numel()].reshape(parameter.shape))
            place += parameter.numel()
