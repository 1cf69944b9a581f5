"""Weights to and from other systems: PyTorch's state dicts and files, and safetensors files of any origin.

Layers have PyTorch's names and shapes, so weights go over by name. PyTorch is imported only where its own tensors are
made or its own files read.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backlit.core.tensor_base import values_of
from backlit.errors import ArgumentTypeError, DtypeError, FileError, MissingFileError, MissingPackageError
from backlit.nn.module import Module
from backlit.nn.module.state_dict import IncompatibleKeys
from backlit.ops import Tensor, from_numpy
from backlit.serialization import load, write_whole

_PYTORCH_FILES = (".pt", ".pth", ".bin")


def load_weights(
    model: Module,
    source: Any,
    *,
    rename: "Mapping[str, str] | Callable[[str], str] | None" = None,
    strict: bool = True,
) -> IncompatibleKeys:
    """Give a module the weights of another system's; if anything does not fit, nothing is changed.

    A prefix that all of the source's names share and the module's do not, such as the "module." of a wrapped model, is
    dropped.

    Args:
        model: The module.
        source: A state dict of PyTorch tensors, NumPy arrays or tensors; a PyTorch module; or the path of a safetensors
            file or of a PyTorch file (.pt, .pth, .bin; needs PyTorch, and is read without running code from it).
        rename: For names that differ: a dictionary from the source's names to the module's, or a function.
        strict: Whether missing and unexpected names are errors.

    Returns:
        The missing and the unexpected names.

    Raises:
        StateError: Names are missing or unexpected (`strict`), or shapes differ; all of them are listed.
        ArgumentTypeError: The source is none of these.
        DtypeError: A weight's type has no counterpart here.
        MissingFileError: There is no such file.
        FileError: The file is damaged, or not of its format.
        MissingPackageError: A PyTorch file is given and PyTorch is not installed.
    """
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"load_weights: model is a {type(model).__name__}; expected a backlit.nn.Module")
    given = _without_prefix({name: _as_tensor(name, value) for name, value in _entries(source).items()}, model)
    if rename is not None:
        change = rename if callable(rename) else lambda name: rename.get(name, name)
        renamed = [change(name) for name in given]
        twice = sorted({name for name in renamed if renamed.count(name) > 1})
        if twice:
            raise ArgumentTypeError(f"load_weights: rename gives several weights the name {', '.join(twice)}")
        given = dict(zip(renamed, given.values(), strict=True))
    return model.load_state_dict(given, strict=strict)


def save_weights(model: Module, path: "str | os.PathLike[str]") -> None:
    """Write a module's state dict as a safetensors file that PyTorch's tools read.

    Args:
        model: The module.
        path: Where to write; the file appears whole or not at all.

    Raises:
        ArgumentTypeError: `model` is no module.
        MissingFileError: There is no such folder.
    """
    from safetensors.numpy import save

    arrays = {name: np.array(value, order="C") for name, value in _arrays_of(model, "save_weights").items()}
    target = Path(path)
    if not target.parent.is_dir():
        raise MissingFileError(f"save_weights: there is no folder {target.parent}")
    write_whole(target, save(arrays, {"format": "pt"}))


def to_torch(model: Module) -> dict[str, Any]:
    """A module's state dict as PyTorch tensors of their own memory, for `load_state_dict` of a PyTorch module.

    Raises:
        ArgumentTypeError: `model` is no module.
        MissingPackageError: PyTorch is not installed.
    """
    torch = _pytorch()
    return {name: torch.from_numpy(value.copy()) for name, value in _arrays_of(model, "to_torch").items()}


def _arrays_of(model: Any, function: str) -> dict[str, Any]:
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"{function}: model is a {type(model).__name__}; expected a backlit.nn.Module")
    return {name: values_of(value) for name, value in model.state_dict().items()}


def _pytorch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingPackageError("PyTorch's tensors and files need PyTorch: pip install torch") from error
    return torch


def _entries(source: Any) -> Mapping[str, Any]:
    """Names and values of a source of weights."""
    if isinstance(source, (str, os.PathLike)):
        source = _read(Path(source))
    elif not isinstance(source, Mapping) and callable(getattr(source, "state_dict", None)):
        source = source.state_dict()
    if not isinstance(source, Mapping):
        raise ArgumentTypeError(
            f"load_weights: the source is a {type(source).__name__}; expected a state dict, a module or a path"
        )
    return source


def _read(path: Path) -> Any:
    if path.suffix not in _PYTORCH_FILES:
        return load(path)
    if not path.is_file():
        raise MissingFileError(f"load_weights: there is no file {path}")
    torch = _pytorch()
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # What PyTorch raises depends on how the file is damaged, and is not documented.
    except Exception as error:
        raise FileError(f"load_weights: {path} is damaged or holds more than weights: {error}") from error


def _as_tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if hasattr(value, "detach"):  # PyTorch's
        value = value.detach().cpu()
        # NumPy has no bfloat16; float32 holds all of its values.
        value = (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    array = np.asarray(value)
    try:
        return from_numpy(array.copy())
    except (TypeError, ValueError) as error:
        raise DtypeError(f"load_weights: {name!r} has elements of type {array.dtype}, which are not kept") from error


def _without_prefix(given: dict[str, Tensor], model: Module) -> dict[str, Tensor]:
    """The names without the dotted parts that all of them begin with, if only then they are the module's."""
    known = model.state_dict().keys()
    if not given or known & given.keys():
        return given
    first = next(iter(given))
    for end in (place + 1 for place, letter in enumerate(first) if letter == "."):
        shorter = {name[end:]: value for name, value in given.items() if name.startswith(first[:end])}
        if len(shorter) == len(given) and known & shorter.keys():
            return shorter
    return given
