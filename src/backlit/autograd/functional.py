"""Jacobians, Hessians, and their products with vectors, of functions of tensors.

`func` takes and returns a tensor or several; `inputs` is a tensor or a tuple of tensors. A result has one level of
tuples for each place where several tensors were given or returned. With `create_graph` results are differentiable.
With `strict` an output that does not depend on an input is an error; otherwise its derivative is zeros.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backlit.core.modes import enable_grad
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError, ShapeError
from backlit.ops import casting, gradients
from backlit.ops.creation import zeros, zeros_like
from backlit.ops.joining import stack

if TYPE_CHECKING:
    pass

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(value: Any, what: str) -> tuple[Any, ...]:
    found = (value,) if isinstance(value, TensorBase) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if not found or not all(isinstance(one, TensorBase) for one in found):
        raise ArgumentTypeError(f"{what} must be a tensor or a tuple of tensors, got {type(value).__name__}")
    return found


def _like(found: Any, several: object) -> Any:
    """`found` as a tuple where several tensors were given, else its one element."""
    return found[0] if isinstance(several, TensorBase) else tuple(found)


def _fresh(inputs: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    """Inputs at which this module may differentiate without touching anything of the caller's."""
    return tuple(
        casting.clone.bind(one) if create_graph and one.requires_grad else one.detach().requires_grad_()
        for one in inputs
    )


def _run(func: Callable[..., Any], inputs: tuple[Any, ...], caller: str) -> tuple[Any, tuple[Any, ...]]:
    if not callable(func):
        raise ArgumentTypeError(f"{caller}: expected a function of tensors, got {type(func).__name__}")
    out = func(*inputs)
    return out, _tuple(out, f"{caller}: what the function returns")


def _derivative(
    outs: tuple[Any, ...], ins: tuple[Any, ...], arriving: Any, create_graph: bool, strict: bool, caller: str
) -> tuple[Any, ...]:
    """Gradients of `outs` for `ins`, zeros (or an error) where nothing flows."""
    pairs = [(o, a) for o, a in zip(outs, arriving, strict=True) if o.requires_grad]
    found: tuple[Any, ...] = (None,) * len(ins)
    if pairs:
        found = gradients.grad([o for o, _ in pairs], ins, [a for _, a in pairs], True, create_graph, allow_unused=True)
    if strict and any(one is None for one in found):
        position = next(i for i, one in enumerate(found) if one is None)
        raise GradientError(f"{caller}: with strict=True, but no output depends on input {position}")
    return tuple(zeros_like(i) if one is None else one for one, i in zip(found, ins, strict=True))


def _vector(v: Any, like: tuple[Any, ...], what: str, caller: str) -> tuple[Any, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise ArgumentError(f"{caller}: v may be left out only where {what} is a single number")
        return (like[0].detach() * 0 + 1,)
    found = _tuple(v, f"{caller}: v")
    shapes, expected = [tuple(one.shape) for one in found], [tuple(one.shape) for one in like]
    if shapes != expected:
        raise ShapeError(f"{caller}: v has shapes {shapes}, {what} has {expected}")
    return found


def _done(found: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    return found if create_graph else tuple(one.detach() for one in found)


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    """The derivative of each element of the output for each element of the input.

    Args:
        func: The function.
        inputs: Where.
        create_graph: Make the result differentiable.
        strict: Raise where an output does not depend on an input.
        vectorize: Accepted for PyTorch's programs, where it asks for speed; the result is the same.

    Returns:
        For an output and an input, (*output shape, *input shape).

    Raises:
        GradientError: See `strict`.
    """
    given = _tuple(inputs, "jacobian: inputs")
    with enable_grad():
        ins = _fresh(given, create_graph)
        out, outs = _run(func, ins, "jacobian")
        blocks: list[tuple[Any, ...]] = []
        for one in outs:
            rows = [
                _derivative((element,), ins, (None,), create_graph, strict, "jacobian") for element in one.reshape(-1)
            ]
            blocks.append(
                tuple(
                    stack([row[i] for row in rows]).reshape(*one.shape, *x.shape)
                    if rows
                    else zeros(*one.shape, *x.shape, dtype=x.dtype)
                    for i, x in enumerate(ins)
                )
            )
        return _like([_like(_done(block, create_graph), inputs) for block in blocks], out)


def _scalar(outs: tuple[Any, ...], caller: str) -> Any:
    if len(outs) != 1 or outs[0].numel() != 1:
        shapes = [tuple(one.shape) for one in outs]
        raise ShapeError(f"{caller}: the function must return a single number, it returned shapes {shapes}")
    return outs[0].reshape(())


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    """The second derivatives of a function that returns a single number; arguments as in `jacobian`.

    Returns:
        For two inputs, (*shape of the first, *shape of the second).

    Raises:
        ShapeError: The function does not return a single number.
        GradientError: See `strict`.
    """

    def slope(*ins: Any) -> tuple[Any, ...]:
        value = _scalar(_run(func, ins, "hessian")[1], "hessian")
        return _derivative((value,), ins, (None,), True, strict, "hessian")

    found = jacobian(slope, _tuple(inputs, "hessian: inputs"), create_graph, strict)
    return _like([_like(block, inputs) for block in found], inputs)


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value, and v' J: the gradient of its output weighted by `v`, which has the output's shape.

    Raises:
        ShapeError: `v` has another shape.
        ArgumentError: `v` is left out and the output is not a single number.
    """
    given = _tuple(inputs, "vjp: inputs")
    with enable_grad():
        ins = _fresh(given, create_graph)
        out, outs = _run(func, ins, "vjp")
        weights = _vector(v, outs, "the output", "vjp")
        found = _derivative(outs, ins, weights, create_graph, strict, "vjp")
    return _like(_done(outs, create_graph), out), _like(_done(found, create_graph), inputs)


def _forward_product(
    outs: tuple[Any, ...], ins: tuple[Any, ...], v: tuple[Any, ...], create_graph: bool, strict: bool, caller: str
) -> tuple[Any, ...]:
    """J v by two backward passes: the gradient for u of v' (J' u)."""
    us = tuple(zeros_like(one).requires_grad_() for one in outs)
    inner = _derivative(outs, ins, us, True, strict, caller)
    return _derivative(inner, us, v, create_graph, False, caller)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The function's value, and J v: how its output changes when the input moves along `v`, of the input's shape.

    Raises:
        ShapeError: `v` has another shape.
        ArgumentError: `v` is left out and the input is not a single number.
    """
    given = _tuple(inputs, "jvp: inputs")
    with enable_grad():
        direction = _vector(v, given, "the input", "jvp")
        ins = _fresh(given, create_graph)
        out, outs = _run(func, ins, "jvp")
        found = _forward_product(outs, ins, direction, create_graph, strict, "jvp")
    return _like(_done(outs, create_graph), out), _like(_done(found, create_graph), out)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function that returns a single number, and v' H with its Hessian H; `v` has the input's shape.

    Raises:
        ShapeError: `v` has another shape, or the function does not return a single number.
    """
    given = _tuple(inputs, "vhp: inputs")
    with enable_grad():
        direction = _vector(v, given, "the input", "vhp")
        ins = _fresh(given, create_graph)
        out, outs = _run(func, ins, "vhp")
        slope = _derivative((_scalar(outs, "vhp"),), ins, (None,), True, strict, "vhp")
        found = _derivative(slope, ins, direction, create_graph, strict, "vhp")
    return _like(_done(outs, create_graph), out), _like(_done(found, create_graph), inputs)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function that returns a single number, and H v with its Hessian H; `v` has the input's shape.

    Raises:
        ShapeError: `v` has another shape, or the function does not return a single number.
    """
    given = _tuple(inputs, "hvp: inputs")
    with enable_grad():
        direction = _vector(v, given, "the input", "hvp")
        ins = _fresh(given, create_graph)
        out, outs = _run(func, ins, "hvp")
        slope = _derivative((_scalar(outs, "hvp"),), ins, (None,), True, strict, "hvp")
        found = _forward_product(slope, ins, direction, create_graph, strict, "hvp")
    return _like(_done(outs, create_graph), out), _like(_done(found, create_graph), inputs)
