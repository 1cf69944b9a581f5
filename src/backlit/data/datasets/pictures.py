"""Picture files as numbers."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backlit.errors import FileError, MissingFileError, MissingPackageError

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def read_picture(path: str | Path, shape: tuple[int, ...] = ()) -> NDArray[np.float32]:
    """Reads a picture as grey values: 0 is black, 1 is white.

    Args:
        path: A PNG, JPEG, BMP, GIF or WebP file.
        shape: Height and width to scale it to; empty: its own.

    Returns:
        The matrix of grey values, float32, (height, width).

    Raises:
        MissingFileError: There is no such file.
        FileError: It is no picture, or damaged.
        MissingPackageError: pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackageError("reading pictures needs pillow: pip install 'backlit[data]'") from error
    if not Path(path).is_file():
        raise MissingFileError(f"no file {path}")
    try:
        with Image.open(path) as picture:
            grey = picture.convert("L")
            if shape:
                height, width = shape
                grey = grey.resize((width, height), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError) as error:  # pillow calls a broken PNG a syntax error
        raise FileError(f"{path}: not a readable picture: {error}") from error
    return np.asarray(grey, dtype=np.float32) / np.float32(255)
