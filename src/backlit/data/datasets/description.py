"""One description of a supervised problem, whatever it was read from."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backlit.data.datasets.table import Task
from backlit.data.preprocessing import split_rows
from backlit.errors import ArgumentError, DataError, ShapeError


@dataclass(frozen=True)
class ArrayData:
    """A supervised problem in arrays.

    Attributes:
        name: What to call it.
        X: Features, float32, (n_samples, n_features); images are flattened, with pixels from 0 to 1.
        y: Targets: class numbers, int64, (n_samples,), or values, float32, (n_samples,).
        feature_names: A name for each column of `X`.
        class_names: A name for each class number; empty for regression.
        target_name: What `y` is called.
        image_shape: The shape of a row of `X` as an image; empty if it is none.
        n_test: The last `n_test` rows are the test rows that the source itself sets apart; 0 if it sets none apart.
    """

    name: str
    X: NDArray[np.float32]
    y: NDArray[Any]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...] = ()
    target_name: str = "target"
    image_shape: tuple[int, ...] = ()
    n_test: int = 0

    def __post_init__(self) -> None:
        if self.X.ndim != 2 or self.y.shape != (len(self.X),):
            raise ShapeError(
                f"{self.name}: expected X (n_samples, n_features) and y (n_samples,), got "
                f"{self.X.shape} and {self.y.shape}"
            )
        if not self.X.size:
            raise DataError(f"{self.name}: expected at least one row and one feature, got X of shape {self.X.shape}")
        if len(self.feature_names) != self.n_features:
            raise ShapeError(f"{self.name}: {self.n_features} features have {len(self.feature_names)} names")

    @property
    def task(self) -> Task:
        """`"classification"` where there are classes, else `"regression"`."""
        return "classification" if self.class_names else "regression"

    @property
    def n_features(self) -> int:
        """The number of columns of `X`."""
        return self.X.shape[1]

    def rows(self, which: NDArray[np.int64] | slice) -> "ArrayData":
        """The same description with some of the rows; a slice shares memory."""
        return replace(self, X=self.X[which], y=self.y[which], n_test=0)

    def split(self, test: float | None = None, *, seed: int = 0) -> tuple["ArrayData", "ArrayData"]:
        """Splits into training and test rows.

        Args:
            test: Share of the rows for the test. None: the source's own split where it has one, else 0.2.
            seed: Seed of the choice; classes keep their shares.

        Raises:
            ArgumentError: `test` is not between 0 and 1.
            DataError: There are fewer than two rows.
        """
        if test is None and self.n_test:
            first = len(self.X) - self.n_test
            return self.rows(slice(None, first)), self.rows(slice(first, None))
        labels = self.y if self.class_names else None
        chosen = split_rows(len(self.X), 0.2 if test is None else test, labels=labels, seed=seed)
        return self.rows(chosen[0]), self.rows(chosen[1])


def image_features(
    images: ArrayLike, *, largest: float
) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[int, ...]]:
    """Flattens images (n_samples, height, width, …) of 0 to `largest` into features from 0 to 1.

    Returns:
        The features, their names, and the shape of one image.
    """
    pixels = np.asarray(images)
    if pixels.ndim < 3:
        raise ArgumentError(f"expected images (n_samples, height, width), got {pixels.shape}")
    shape = pixels.shape[1:]
    features = np.divide(pixels, np.float32(largest), dtype=np.float32).reshape(len(pixels), -1)
    return features, tuple("pixel_" + "_".join(map(str, at)) for at in np.ndindex(shape)), shape
