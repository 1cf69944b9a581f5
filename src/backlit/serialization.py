"""Saving and loading: safetensors inside, never pickle, so that loading a file never runs code from it.

A file holds nested dictionaries, lists, tuples, numbers, strings and None with tensors at the leaves, which covers the
state of models and optimizers. The tensors are ordinary safetensors entries, named by their path; the rest is JSON in
the file's metadata. A dictionary of tensors alone is thus a file that any safetensors reader understands.
"""

import contextlib
import math
import os
import struct
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from backlit.core.entrance import answer_at
from backlit.core.tensor_base import Array, TensorBase, values_of
from backlit.errors import ArgumentTypeError, FileError, MissingFileError
from backlit.ops.creation import from_numpy
from backlit.ops.devices import Device, check_device

if TYPE_CHECKING:
    from pathlib import Path

# Paths and JSON are loaded with the first file: they are a tenth of what `import backlit` takes.
_STRUCTURE = "backlit"


def save(obj: Any, f: "str | os.PathLike[str] | IO[bytes]") -> None:
    """Write tensors in nested dictionaries, lists and tuples, with numbers, strings, bools and None, to a file.

    The file appears whole or not at all: it is written beside its place, flushed to the disk and renamed.

    Args:
        obj: What to save; of a module or an optimizer its `state_dict()` is kept, with a warning.
        f: A path, or a binary file open for writing.

    Raises:
        ArgumentTypeError: `obj` holds something else, or a dictionary has a key that is no string or number.
        FileError: The file cannot be written; an older one is unchanged.
    """
    import json
    from pathlib import Path

    from safetensors.numpy import save as to_bytes

    tensors: dict[str, Array] = {}
    kept: list[str] = []
    structure = _describe(obj, "", tensors, kept)
    for what in kept:
        warnings.warn(
            f"save: of the {what} only its state_dict() is kept, which load() gives back as a dictionary for "
            "load_state_dict(); save that to say so",
            UserWarning,
            stacklevel=3,
        )
    data = to_bytes(tensors, {_STRUCTURE: json.dumps(structure)})
    if not isinstance(f, (str, os.PathLike)):
        f.write(data)
        return
    write_whole(Path(f), data)


def load(f: "str | os.PathLike[str] | IO[bytes]", map_location: Device = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote; a safetensors file of another program gives a dictionary of tensors.

    Args:
        f: A path, or a binary file open for reading.
        map_location: None or the processor.
        weights_only: Accepted for PyTorch's programs; nothing but data is ever loaded.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is damaged, cut off, or not of this format.
    """
    from pathlib import Path

    check_device(map_location)
    if isinstance(f, (str, os.PathLike)):
        name = os.fspath(f)
        try:
            data = Path(f).read_bytes()
        except FileNotFoundError:
            raise MissingFileError(f"load: there is no file {name}") from None
        except OSError as error:
            raise FileError(f"load: {name} cannot be read: {error.strerror or error}") from error
    else:
        name, data = getattr(f, "name", "the open file"), f.read()
    return from_bytes(data, str(name))


def write_whole(path: "Path", content: bytes) -> None:
    """Write a file so that at every moment `path` holds either the old or the new content, whole.

    Raises:
        FileError: The folder is missing or cannot be written, or the disk is full; the old file is untouched.
    """
    fresh = path.with_name(path.name + ".tmp")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise FileError(f"cannot write {path}: {error.strerror or error}; an older file is unchanged") from error
    _sync_folder(path.parent)


def _sync_folder(folder: "Path") -> None:
    """Let the new name survive a loss of power, where the system can be asked to."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def from_bytes(data: bytes, name: str) -> Any:
    """What `save` wrote, from the bytes of its file; `name` is for messages."""
    import json

    from safetensors import SafetensorError
    from safetensors.numpy import load as tensors_of

    try:
        # Copied, because these arrays show the file's bytes, which cannot be written.
        tensors = {key: array.copy() for key, array in tensors_of(data).items()}
        (length,) = struct.unpack("<Q", data[:8])
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        if _STRUCTURE not in metadata:
            return {key: from_numpy(array) for key, array in tensors.items()}
        return _rebuild(json.loads(metadata[_STRUCTURE]), tensors)
    except (SafetensorError, ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise FileError(f"load: {name} is damaged, cut off, or no file that save wrote: {error}") from error


def _describe(obj: Any, path: str, tensors: dict[str, Array], kept: list[str]) -> Any:
    """A JSON description of `obj`, whose tensors go to `tensors`, and to `kept` what is known by its state alone.

    Null, bools, strings and integers describe themselves; anything else is an object with one entry for its kind.
    """
    if obj is None or isinstance(obj, (bool, str)):
        return obj
    if isinstance(obj, (TensorBase, np.ndarray)):
        array = values_of(obj) if isinstance(obj, TensorBase) else obj
        key = path or "tensor"
        while key in tensors:
            key += "'"
        # A contiguous array of the same shape; NumPy's own function for it gives 0-d arrays a dimension.
        tensors[key] = array.copy(order="C")
        return {"array" if isinstance(obj, np.ndarray) else "tensor": key}
    if isinstance(obj, np.bool_):
        return bool(obj)
    if isinstance(obj, (int, np.integer)):
        return int(obj)
    if isinstance(obj, (float, np.floating)):
        # JSON has no word for NaN and infinity.
        return {"float": float(obj) if math.isfinite(obj) else str(float(obj))}
    if isinstance(obj, (list, tuple)):
        kind = "list" if isinstance(obj, list) else "tuple"
        return {kind: [_describe(one, _join(path, i), tensors, kept) for i, one in enumerate(obj)]}
    if isinstance(obj, Mapping):
        entries = []
        for key, value in obj.items():
            if type(key) not in (str, int):
                raise ArgumentTypeError(f"save: at {path or 'the top'}: keys are strings or integers, got {key!r}")
            entries.append([key, _describe(value, _join(path, key), tensors, kept)])
        return {"ordered" if isinstance(obj, OrderedDict) else "dict": entries}
    if callable(getattr(obj, "state_dict", None)):
        kept.append(f"{type(obj).__name__}{f' at {path}' if path else ''}")
        return _describe(obj.state_dict(), path, tensors, kept)
    raise ArgumentTypeError(
        f"save: at {path or 'the top'}: cannot save a {type(obj).__name__}; save dictionaries, lists and tuples of "
        "tensors, numbers, strings and None, such as a state_dict()"
    )


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _rebuild(described: Any, tensors: dict[str, Array]) -> Any:
    if not isinstance(described, dict):
        return described
    ((kind, content),) = described.items()
    if kind == "tensor":
        return from_numpy(tensors[content])
    if kind == "array":
        return tensors[content]
    if kind == "float":
        return float(content)
    if kind in ("list", "tuple"):
        parts = [_rebuild(part, tensors) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind in ("dict", "ordered"):
        pairs = [(key, _rebuild(part, tensors)) for key, part in content]
        return dict(pairs) if kind == "dict" else OrderedDict(pairs)
    raise ValueError(f"unknown kind {kind!r}")


answer_at(globals(), ("load", "save"))
