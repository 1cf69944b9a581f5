"""Files that are written whole or not at all, and that are read without ever running code from them.

The format is safetensors: a JSON header, then the tensors' bytes. The tree of everything else stands in the header's
metadata as JSON, with a SHA-256 of the whole file, so a damaged or cut-off file is known as such.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import ArgumentTypeError, FileError, MissingFileError, StateError
from backlit.ops import Tensor, from_numpy
from backlit.serialization import write_whole

_NO_SUM = "0" * 64
_ENTRY = "backlit-state-1"


def as_path(value: Any, what: str) -> Path:
    """A path from text or a path object.

    Raises:
        ArgumentTypeError: `value` is neither; the message calls it `what`.
    """
    if not isinstance(value, str | os.PathLike):
        raise ArgumentTypeError(f"{what} must be a path, got {type(value).__name__} {value!r}")
    return Path(value)


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; raises what `write_whole` raises."""
    write_whole(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        MissingFileError: There is no such file.
        FileError: It is no JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise FileError(f"{path}: not readable as JSON: {error}") from error


def read_bytes(path: Path) -> bytes:
    """A file's content.

    Raises:
        MissingFileError: There is no such file.
        FileError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f"no file {path}") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror or error}") from error


def write_state(path: Path, state: Any) -> None:
    """Write a tree of dicts, lists, tuples, tensors, arrays, numbers, strings, truth values and None.

    Raises:
        StateError: The tree holds something else.
        FileError: See `write_whole`.
    """
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {}
    tree = _pack(state, "", tensors)
    # One entry: several would come in a random order, and equal states should give equal files.
    content = save(tensors, {_ENTRY: json.dumps({"sha256": _NO_SUM, "state": tree})})
    checksum = hashlib.sha256(content).hexdigest()
    write_whole(path, content.replace(_NO_SUM.encode(), checksum.encode(), 1))


def read_state(path: Path) -> Any:
    """Read what `write_state` wrote; arrays come back as tensors.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is damaged, cut off, or another kind of file.
    """
    content = read_bytes(path)
    try:
        metadata = _metadata(content)
        if _ENTRY not in metadata:
            raise FileError(f"{path}: not a checkpoint of backlit")
        entry = json.loads(metadata[_ENTRY])
        given = entry["sha256"].encode()
        if hashlib.sha256(content.replace(given, _NO_SUM.encode(), 1)).hexdigest().encode() != given:
            raise FileError(f"{path}: damaged: its content does not fit its checksum")
        from safetensors.numpy import load

        return _unpack(entry["state"], load(content))
    except FileError:
        raise
    except Exception as error:
        # Damaged bytes lead the parsers into errors of any kind.
        raise FileError(f"{path}: damaged or cut off: {error}") from error


def _metadata(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 + size:
        raise ValueError(f"its header should have {size} bytes, {max(len(content) - 8, 0)} are there")
    found: dict[str, str] = json.loads(content[8 : 8 + size])["__metadata__"]
    return found


def _pack(value: Any, place: str, tensors: dict[str, NDArray[Any]]) -> Any:
    if isinstance(value, Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise StateError(f"cannot save {place}: an array of {value.dtype}")
        # A state dict's tensors keep their names, for other readers of the format.
        name = place.removeprefix(".")
        while name in tensors:
            name += "'"
        tensors[name] = np.ascontiguousarray(value)
        return {"tensor": name, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    if isinstance(value, dict):
        return {
            "dict": [[_pack(part, f"{place}.{key}", tensors) for part in (key, item)] for key, item in value.items()]
        }
    if isinstance(value, list | tuple):
        items = [_pack(item, f"{place}.{number}", tensors) for number, item in enumerate(value)]
        return {"list" if isinstance(value, list) else "tuple": items}
    what = place.removeprefix(".") or "this"
    raise StateError(f"cannot save {what}: a {type(value).__name__}; expected numbers or tensors")


def _unpack(tree: Any, tensors: dict[str, NDArray[Any]]) -> Any:
    (kind, value), *_ = tree.items()
    if kind == "tensor":
        return from_numpy(tensors[value].reshape(tree["shape"]).copy())
    if kind == "dict":
        return {_unpack(k, tensors): _unpack(v, tensors) for k, v in value}
    if kind == "list":
        return [_unpack(item, tensors) for item in value]
    if kind == "tuple":
        return tuple(_unpack(item, tensors) for item in value)
    return value
