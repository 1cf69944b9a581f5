"""MNIST and Fashion-MNIST, as torchvision has them.

Sources: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998; H. Xiao, K. Rasul,
R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017 (MIT licence).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from backlit.data.dataset import Dataset, Rows
from backlit.data.datasets.download import cache_folder, fetch
from backlit.data.datasets.idx import read_idx
from backlit.data.transforms import batched
from backlit.errors import FileError, MissingFileError
from backlit.ops import Tensor, from_numpy

# Debian's package dataset-fashion-mnist installs here.
_SYSTEM_FOLDER = Path("/usr/share/datasets")


class MNIST(Dataset[tuple[Any, Any]]):
    """70,000 grey images of handwritten digits, 28 x 28: 60,000 for training, 10,000 for the test.

    The four IDX files, gzip-compressed or not, are looked for in `root/MNIST/raw`, `root/MNIST` and `root`, then in
    the system's folder of data sets.

    Args:
        root: The folder that holds, or with `download` receives, the files.
        train: The training images, or the test images.
        transform: Called with each image: a PIL image where pillow is installed, else a uint8 array (28, 28).
        target_transform: Called with each label, an int.
        download: Download what is not found, into `root/MNIST/raw`.

    Attributes:
        data: The images, uint8, (n_samples, 28, 28).
        targets: The labels, int64, (n_samples,).
        classes: The classes' names.

    Raises:
        MissingFileError: A file is not there and `download` is false.
        FileError: A file is damaged, or images and labels differ in number.
    """

    name: ClassVar[str] = "mnist"
    mirrors: ClassVar[tuple[str, ...]] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    md5: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    }
    classes: ClassVar[list[str]] = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ) -> None:
        self.root, self.train = Path(root), train
        self.transform, self.target_transform = transform, target_transform
        images, labels = self.read(self.root, train=train, download=download)
        self.data: Tensor = from_numpy(images)
        self.targets: Tensor = from_numpy(labels)

    @classmethod
    def read(
        cls, root: Path | None = None, *, train: bool, download: bool = False
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Reads images (n_samples, 28, 28) and labels (n_samples,). No `root`: the user's cache folder."""
        part = "train" if train else "t10k"
        images, labels = (
            read_idx(cls._find(f"{part}-{file}", root, download)) for file in ("images-idx3-ubyte", "labels-idx1-ubyte")
        )
        cls._check(images, labels)
        return images, labels.astype(np.int64)

    @classmethod
    def _check(cls, images: NDArray[Any], labels: NDArray[Any]) -> None:
        if images.dtype != np.uint8 or images.ndim != 3:
            raise FileError(
                f"{cls.__name__}: expected bytes (n_samples, height, width), got {images.dtype}{images.shape}"
            )
        if labels.shape != images.shape[:1]:
            raise FileError(f"{cls.__name__}: {len(images)} images have labels of shape {labels.shape}")
        if labels.size and not 0 <= labels.min() <= labels.max() < len(cls.classes):
            raise FileError(f"{cls.__name__}: labels run from {labels.min()} to {labels.max()}, expected 0 to 9")

    @classmethod
    def _find(cls, file: str, root: Path | None, download: bool) -> Path:
        kept = Path(cls.__name__, "raw")
        folders = [_SYSTEM_FOLDER / cls.name]
        if root is not None:
            folders = [root / kept, root / cls.__name__, root, *folders]
        if (found := _first(folders, file)) is not None:
            return found
        if root is None:
            root = cache_folder()
            if (found := _first([root / kept], file)) is not None:
                return found
        if download:
            return fetch(f"{file}.gz", folder=root / kept, mirrors=cls.mirrors, md5=cls.md5[file])
        raise MissingFileError(
            f"{cls.__name__}: no file {file} or {file}.gz in {', '.join(map(str, folders))}; "
            "use download=True to fetch it"
        )

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, label = self.data.numpy()[index], int(self.targets.numpy()[index])
        shown = _image(image) if self.transform is None else self.transform(_image(image))
        return shown, label if self.target_transform is None else self.target_transform(label)

    def __rows__(self) -> Rows | None:
        """Whole batches at once, where every transform can work on many images."""
        many = None if self.transform is None else batched(self.transform)
        if many is None or self.target_transform is not None:
            return None
        return Rows((self.data.numpy(), self.targets.numpy()), lambda image, label: [many(image), label])

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class's name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __repr__(self) -> str:
        split = "Train" if self.train else "Test"
        lines = [f"Number of datapoints: {len(self)}", f"Root location: {self.root}", f"Split: {split}"]
        return "\n    ".join([f"Dataset {type(self).__name__}", *lines])


class FashionMNIST(MNIST):
    """70,000 grey images of clothes in ten classes, 28 x 28, in MNIST's format: see `MNIST` for the arguments."""

    name: ClassVar[str] = "fashion-mnist"
    mirrors: ClassVar[tuple[str, ...]] = (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    )
    md5: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    }
    classes: ClassVar[list[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


def _first(folders: list[Path], file: str) -> Path | None:
    paths = (folder / name for folder in folders for name in (file, f"{file}.gz"))
    return next((path for path in paths if path.is_file()), None)


def _image(pixels: NDArray[np.uint8]) -> Any:
    try:
        from PIL import Image
    except ImportError:
        return pixels
    return Image.fromarray(pixels)
