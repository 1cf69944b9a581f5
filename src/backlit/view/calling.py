"""How views call a model: with one input or with several, and with words where it takes another number of them."""

import inspect
from typing import Any

from backlit.errors import ArgumentError, ArgumentTypeError
from backlit.nn import Embedding, Linear, Module, MultiheadAttention
from backlit.ops import Tensor, from_numpy
from backlit.train.feed import as_tensor
from backlit.train.prediction import float_dtype

_ONE = "draw a module around it that takes one tensor and splits it"


def tensors_for(model: Any, inputs: Any, caller: str) -> tuple[Tensor, ...]:
    """The tensors that a model is called with.

    Numbers that are no tensors get the type of its parameters; whole ones stay what they are where the model has an
    embedding, which looks them up.

    Args:
        model: What is called.
        inputs: A tensor or an array; a tuple of them for several arguments.
        caller: Who asks, for messages.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: It takes another number of inputs.
        DataError: They hold no numbers.
    """
    check_model(model, caller)
    dtype = float_dtype(model)
    several = isinstance(inputs, tuple) and any(getattr(part, "ndim", 0) or isinstance(part, list) for part in inputs)
    parts = inputs if several else (inputs,)
    check_inputs(model, len(parts), caller, "give several as a tuple, (a, b)")
    found = [as_tensor(part, f"{caller}: input", dtype) for part in parts]
    if dtype is None or any(isinstance(module, Embedding) for module in model.modules()):
        return tuple(found)
    return tuple(
        tensor
        if isinstance(part, Tensor) or tensor.dtype.is_floating_point
        else from_numpy(tensor.numpy().astype(dtype))
        for part, tensor in zip(parts, found, strict=True)
    )


def check_model(model: Any, caller: str) -> None:
    """Raise `ArgumentTypeError` unless this is a module."""
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"{caller}: model must be an nn.Module, got {type(model).__name__}")


def check_inputs(model: Module, count: int, caller: str, mend: str = _ONE) -> None:
    """Raise `ArgumentError` unless the model can be called with so many inputs; `mend` says what to do."""
    signature = inspect.signature(model.forward)
    try:
        signature.bind(*(None,) * count)
    except TypeError:
        wanted = ", ".join(signature.parameters)
        raise ArgumentError(
            f"{caller}: the model takes the inputs ({wanted}), got {count} input{'s' * (count != 1)}; {mend}"
        ) from None


def no_linear(path: str, module: Module) -> str:
    """Words for a layer that mixes values by weights and is not fully connected; "" for any other.

    A class of the reader's own may do so with a matrix of its own, and is taken for a fully connected layer.
    """
    kind = type(module)
    mixes = any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))
    if not mixes or isinstance(module, Linear) or not kind.__module__.startswith("backlit."):
        return ""
    mend = "view.graph draws the values of any network, view.summary lists its layers"
    if "Conv" in kind.__name__:
        mend = "view.kernels draws what it looks for, view.feature_maps what each layer makes of an image"
    elif isinstance(module, MultiheadAttention):
        mend = "view.attention draws where it looks, view.graph the values of any network"
    return f"{kind.__name__}{f' ({path})' if path else ''} is not fully connected; {mend}"
