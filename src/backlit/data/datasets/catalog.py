"""Every data set by name or path, in one description."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.datasets import generated
from backlit.data.datasets.description import ArrayData, image_features
from backlit.data.datasets.idx import read_idx
from backlit.data.datasets.images import MNIST, FashionMNIST
from backlit.data.datasets.pictures import PICTURE_SUFFIXES, read_picture
from backlit.data.datasets.table import Columns, Target, Task, load_archive, read_columns
from backlit.errors import ArgumentError, DataError, MissingFileError, ShapeError, suggest

_DIGITS = Path(__file__).with_name("files") / "digits.npz"
# The names under which `.npz` files keep features and targets.
_FEATURE_KEYS = ("X", "x", "data", "images", "features")
_TARGET_KEYS = ("y", "Y", "target", "targets", "labels", "label")
# The columns that are taken for the target when none is named.
_TARGET_COLUMNS = ("target", "label", "class", "y")


def digits() -> ArrayData:
    """1,797 handwritten digits of 8 x 8 pixels, part of the package (UCI, CC BY 4.0; see `files/README.md`)."""
    with np.load(_DIGITS) as file:
        images, labels = file["images"], file["labels"]
    features, names, shape = image_features(images, largest=16)
    return ArrayData("digits", features, labels.astype(np.int64), names, tuple("0123456789"), "digit", shape)


def mnist(root: str | Path | None = None) -> ArrayData:
    """MNIST: 60,000 training and 10,000 test images of digits; see `MNIST` for where files are looked for.

    Args:
        root: The folder of the files. None: the user's cache folder, downloaded into if need be.

    Raises:
        MissingFileError: `root` lacks a file.
        FileError: A file is damaged, or a download failed.
    """
    return _idx_images(MNIST, root, tuple("0123456789"))


def fashion_mnist(root: str | Path | None = None) -> ArrayData:
    """Fashion-MNIST: 60,000 training and 10,000 test images of clothes; arguments and errors as `mnist`."""
    return _idx_images(FashionMNIST, root, tuple(FashionMNIST.classes))


def load(name_or_path: str | Path, target: str | int | None = None, *, task: Task | None = None) -> ArrayData:
    """Loads a supervised problem.

    Args:
        name_or_path: A name: `"digits"`, `"fashion-mnist"`, `"mnist"`, `"two-moons"`, `"spirals"`, `"circles"`,
            `"xor"`. Or a file: a table (see `read_columns`) or an `.npz` archive with features `X` and targets `y`. Or
            a folder with the four IDX files of MNIST or its kin.
        target: The column with the targets, by name or number. None: one that is called so (`target`, `label`, `class`,
            `y`), else the last.
        task: What to learn; None: text, truth values and at most 20 distinct whole numbers are classes.

    Raises:
        ArgumentError: An unknown name, column or task.
        MissingFileError: There is no such file.
        FileError: A file is damaged.
        DataError: Cells that cannot be used, named by row and column.
        MissingPackageError: A package that reads this kind of file is missing.
    """
    name = str(name_or_path).lower().replace("_", "-")
    if name in _KNOWN:
        if target is not None:
            raise ArgumentError(f"{name}: its target is given; leave out target={target!r}")
        return _KNOWN[name]()
    path = Path(name_or_path)
    if path.is_dir():
        return _load_folder(path)
    if not path.exists():
        raise _unknown(str(name_or_path), path)
    if path.suffix == ".npz":
        return _load_npz(path, target, task)
    columns = read_columns(path)
    where = columns.index(guess_target(columns.names) if target is None else target)
    features = [column for number, column in enumerate(columns.names) if number != where]
    if not features:
        raise DataError(f"{path}: expected a target and at least one more column, got {columns.names}")
    found = columns.target(where, task)
    X = columns.features(features)
    return ArrayData(path.name, X, found.y, tuple(features), found.class_names, columns.names[where])


def load_features(
    name_or_path: str | Path, feature_names: Sequence[str], image_shape: tuple[int, ...] = ()
) -> NDArray[np.float32]:
    """Loads features alone, float32, (n_samples, n_features): for predictions, where targets may be missing.

    Args:
        name_or_path: As for `load`; or a picture file, which becomes one row.
        feature_names: The columns that are wanted, in order; others are ignored.
        image_shape: The shape of a row as an image, to which a picture is scaled.

    Raises:
        ArgumentError: A column is missing, or there is another number of features.
        MissingFileError, FileError, DataError, MissingPackageError: As for `load`.
    """
    path = Path(name_or_path)
    if path.suffix.lower() in PICTURE_SUFFIXES:
        X = read_picture(path, image_shape).reshape(1, -1)
    elif not path.is_file():
        X = load(name_or_path).X
    elif path.suffix == ".npz":
        X = _flat_features(path, _member(path, _FEATURE_KEYS)[1])[0]
    else:
        columns = read_columns(path)
        # A `.npy` file has no names of its own: its first columns are the features.
        return columns.features(feature_names)
    if X.shape[1] != len(feature_names):
        raise ArgumentError(f"{name_or_path}: expected {len(feature_names)} features, got {X.shape[1]}")
    return X


def _generated(name: str, make: Callable[[], tuple[NDArray[np.float32], NDArray[np.int64]]]) -> ArrayData:
    X, y = make()
    return ArrayData(name, X, y, ("x0", "x1"), tuple(map(str, range(int(y.max()) + 1))), "class")


_KNOWN: dict[str, Callable[[], ArrayData]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "two-moons": lambda: _generated("two-moons", generated.two_moons),
    "spirals": lambda: _generated("spirals", generated.spirals),
    "circles": lambda: _generated("circles", generated.circles),
    "xor": lambda: _generated("xor", generated.xor),
}


def _idx_images(kind: type[MNIST], root: str | Path | None, class_names: tuple[str, ...]) -> ArrayData:
    where = None if root is None else Path(root)
    parts = [kind.read(where, train=train, download=where is None) for train in (True, False)]
    return _join_images(kind.name, parts, class_names)


def _join_images(name: str, parts: list[tuple[Any, Any]], class_names: tuple[str, ...]) -> ArrayData:
    features, names, shape = image_features(np.concatenate([images for images, _ in parts]), largest=255)
    labels = np.concatenate([labels for _, labels in parts])
    return ArrayData(name, features, labels, names, class_names, "label", shape, n_test=len(parts[1][0]))


def _load_folder(path: Path) -> ArrayData:
    found = {}
    for part in ("train", "t10k"):
        for kind in ("images", "labels"):
            matches = sorted(path.glob(f"{part}-{kind}*ubyte*"))
            if not matches:
                raise MissingFileError(
                    f"{path}: no file {part}-{kind}-idx…-ubyte; expected MNIST's four IDX files, plain or .gz"
                )
            found[part, kind] = read_idx(matches[0])
    parts = [(found[part, "images"], found[part, "labels"]) for part in ("train", "t10k")]
    for images, labels in parts:
        if images.ndim < 3 or labels.shape != images.shape[:1] or images.shape[1:] != parts[0][0].shape[1:]:
            raise ShapeError(f"{path}: images of shape {images.shape} do not fit labels of shape {labels.shape}")
    n_classes = max(int(labels.max(initial=0)) for _, labels in parts) + 1
    return _join_images(path.name, [(x, y.astype(np.int64)) for x, y in parts], tuple(map(str, range(n_classes))))


def _load_npz(path: Path, target: str | int | None, task: Task | None) -> ArrayData:
    X = _member(path, _FEATURE_KEYS)[1]
    key, values = _member(path, _TARGET_KEYS if target is None else (str(target),))
    if values.ndim != 1 or X.ndim < 1 or len(values) != len(X):
        raise ShapeError(f"{path}: features of shape {X.shape} do not fit targets {key!r} of shape {values.shape}")
    found: Target = Columns(str(path), (key,), (values,)).target(0, task)
    features, names, shape = _flat_features(path, X)
    return ArrayData(path.name, features, found.y, names, found.class_names, key, shape)


def _flat_features(path: Path, X: NDArray[Any]) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[int, ...]]:
    if X.dtype.kind not in "biuf" or X.ndim < 1:
        raise DataError(f"{path}: features must be an array of numbers, got {X.dtype} of shape {X.shape}")
    if X.ndim >= 3:
        largest = 255.0 if X.dtype == np.uint8 else 1.0
        features, names, shape = image_features(X, largest=largest)
    else:
        features = X.reshape(len(X), -1).astype(np.float32)
        names, shape = tuple(f"x{number}" for number in range(features.shape[1])), ()
    if not np.isfinite(features).all():
        row, column = np.argwhere(~np.isfinite(features))[0]
        raise DataError(f"{path}: row {row + 1}, column {names[column]!r}: {features[row, column]} is no finite number")
    return features, names, shape


def _member(path: Path, keys: Sequence[str]) -> tuple[str, NDArray[Any]]:
    arrays = load_archive(path)
    for key in keys:
        if key in arrays:
            return key, arrays[key]
    raise ArgumentError(f"{path}: no array called {' or '.join(keys)}; it has {', '.join(arrays) or 'none'}")


def guess_target(names: Sequence[str]) -> str:
    """The column that is taken for the target where none is named: one called so, else the last."""
    lowered = {name.lower(): name for name in names}
    return next((lowered[name] for name in _TARGET_COLUMNS if name in lowered), names[-1])


def is_table(name_or_path: str | Path) -> bool:
    """Whether `load` would read a table file, with named columns: a file, and neither a data set nor an archive."""
    path = Path(name_or_path)
    if str(name_or_path).lower().replace("_", "-") in _KNOWN or not path.is_file():
        return False
    return path.suffix != ".npz" and path.suffix.lower() not in PICTURE_SUFFIXES


def _unknown(name: str, path: Path) -> Exception:
    if path.suffix or len(path.parts) > 1:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        return MissingFileError(
            f"no file or folder {name}" + (f"; did you mean {path.parent / near[0]}?" if near else "")
        )
    return ArgumentError(f"unknown data set {name!r}, and no file of that name{suggest(name.lower(), _KNOWN)}")
