"""Transforms of images, as torchvision has them.

Each is defined once, for many images at a time; a single image is a batch of one. So a loader can transform whole
batches and gives the same numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data.pairs import in_step
from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.ops import Tensor, from_numpy

Many = Callable[[NDArray[Any]], NDArray[Any]]


def batched(transform: Callable[[Any], Any]) -> Many | None:
    """What `transform` does, for many images along the first axis of an array; None where it takes one at a time."""
    if isinstance(transform, Compose) and in_step(type(transform), "__call__", "many"):
        parts = [batched(part) for part in transform.transforms]
        return None if None in parts else transform.many
    return (
        transform.many if isinstance(transform, _Transform) and in_step(type(transform), "__call__", "many") else None
    )


class _Transform:
    """A transform written as `many(images)`, arrays with images along the first axis."""

    def many(self, images: NDArray[Any]) -> NDArray[Any]:
        """Transforms many images."""
        raise NotImplementedError

    def __call__(self, image: Any) -> Tensor:
        pixels = image.numpy() if isinstance(image, Tensor) else np.asarray(image)
        return from_numpy(self.many(pixels[None])[0])


class Compose:
    """Transforms, one after the other."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:
        """Transforms one image."""
        for transform in self.transforms:
            image = transform(image)
        return image

    def many(self, images: NDArray[Any]) -> NDArray[Any]:
        """Transforms many images; each part must be able to."""
        for transform in self.transforms:
            images = transform.many(images)  # type: ignore[attr-defined]
        return images

    def __repr__(self) -> str:
        return "\n    ".join([f"{type(self).__name__}(", *map(repr, self.transforms)]) + "\n)"


class ToTensor(_Transform):
    """A PIL image or array (height, width) or (height, width, channels) becomes a tensor (channels, height, width).

    Bytes of 0 to 255 become float32 from 0 to 1, and black-and-white images 0 or 1; other types keep their values.

    Raises:
        ShapeError: The image has neither two nor three dimensions.
    """

    def many(self, images: NDArray[Any]) -> NDArray[Any]:
        """Many images, (n, height, width) or (n, height, width, channels)."""
        if images.ndim not in (3, 4):
            raise ShapeError(f"ToTensor: expected (height, width) or (height, width, channels), got {images.shape[1:]}")
        planes = images[:, None] if images.ndim == 3 else np.ascontiguousarray(np.moveaxis(images, 3, 1))
        if planes.dtype == np.uint8:
            return np.divide(planes, np.float32(255), dtype=np.float32)
        return planes.astype(np.float32) if planes.dtype == np.bool_ else planes

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize(_Transform):
    """Subtracts each channel's mean and divides by its standard deviation.

    Args:
        mean: A mean for each channel.
        std: A standard deviation for each channel, not 0.

    Raises:
        ArgumentError: A standard deviation is 0.
        DtypeError: The image is not floating-point.
        ShapeError: The image is not (channels, height, width) with as many channels.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = mean, std
        if not np.all(np.asarray(std)):
            raise ArgumentError(f"Normalize: a standard deviation of 0 leads to a division by zero, got std={std}")

    def many(self, images: NDArray[Any]) -> NDArray[Any]:
        """Many images, (n, channels, height, width)."""
        if images.dtype.kind != "f":
            raise DtypeError(f"Normalize: expected floating-point images, got {images.dtype}; put ToTensor() before it")
        mean, std = (np.asarray(value, images.dtype).reshape(-1, 1, 1) for value in (self.mean, self.std))
        channels = images.shape[1] if images.ndim == 4 else None
        if channels is None or any(len(value) not in (1, channels) for value in (mean, std)):
            raise ShapeError(
                f"Normalize: {len(mean)} means and {len(std)} standard deviations do not fit an image "
                f"{images.shape[1:]}"
            )
        normal: NDArray[Any] = (images - mean) / std
        return normal

    def __repr__(self) -> str:
        return f"Normalize(mean={self.mean}, std={self.std})"


class Flatten(_Transform):
    """An image becomes a row of numbers."""

    def many(self, images: NDArray[Any]) -> NDArray[Any]:
        """Many images, (n, …), become (n, n_pixels)."""
        return images.reshape(len(images), int(np.prod(images.shape[1:])))

    def __repr__(self) -> str:
        return "Flatten()"


class Lambda:
    """Any function of one image, as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        self.lambd = lambd

    def __call__(self, image: Any) -> Any:
        """Transforms one image."""
        return self.lambd(image)

    def __repr__(self) -> str:
        return "Lambda()"
