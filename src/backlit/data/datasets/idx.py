"""The IDX format of MNIST and its kin, plain or gzip-compressed.

Format: http://yann.lecun.com/exdb/mnist/ — two zero bytes, a type code, the number of dimensions, each dimension's size
as a big-endian 32-bit integer, then the elements in C order, big-endian.
"""

import gzip
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.errors import FileError, MissingFileError

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> NDArray[Any]:
    """Reads one IDX file, gzip-compressed or not, whatever its name.

    Returns:
        An array of the file's shape and type, in native byte order.

    Raises:
        MissingFileError: There is no such file.
        FileError: The file is not IDX, is damaged, cut off, or longer than its header says.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"read_idx: no file {path}")
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise FileError(f"{path}: the gzip file is damaged or cut off ({error}); fetch it again") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise FileError(
            f"{path}: not an IDX file: expected the bytes 00 00, a type of {sorted(_DTYPES)} and the number of "
            f"dimensions, got {content[:4].hex(' ') or 'an empty file'}"
        )
    dtype, ndim = np.dtype(_DTYPES[content[2]]), content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise FileError(f"{path}: cut off inside its header of {start} bytes, only {len(content)} are there")
    shape = struct.unpack(f">{ndim}I", content[4:start])
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if len(content) != expected:
        kind = "cut off" if len(content) < expected else "too long"
        raise FileError(
            f"{path}: {kind}: its header promises shape {shape}, {expected} bytes in all, got {len(content)}"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
