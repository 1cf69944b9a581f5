"""What is done to features and targets before a network of the command sees them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit import nn
from backlit.data import StandardScaler
from backlit.data.datasets import ArrayData
from backlit.data.tables import TableEncoder
from backlit.errors import StateError
from backlit.train.served import encoder_of


@dataclass(frozen=True)
class Preprocessing:
    """What is done to features and targets before the network sees them.

    Attributes:
        encoder: Makes the columns of a table file into numbers, or standardises columns of numbers; None for images,
            whose pixels lie from 0 to 1 already.
        target_scaler: Standardises the values of a regression; None for classes.
    """

    encoder: TableEncoder | StandardScaler | None
    target_scaler: StandardScaler | None

    @classmethod
    def fitted(cls, part: ArrayData) -> "Preprocessing":
        """Learnt from training rows alone."""
        scaler = None if part.image_shape else StandardScaler().fit(part.X)
        return cls(scaler, None if part.class_names else StandardScaler().fit(part.y[:, None]))

    def features(self, X: Any) -> NDArray[np.float32]:
        """Features for the network: of an array of numbers, or of a `Table`."""
        return X if self.encoder is None else self.encoder.transform(X)

    def scaled_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """Targets for the loss, (n,) or (n, targets)."""
        return y if self.target_scaler is None else self.target_scaler.transform(y.reshape(len(y), -1)).reshape(y.shape)

    def original_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """Predictions in the data's own units, (n,) or (n, targets), float64."""
        if self.target_scaler is None:
            return y
        return self.target_scaler.inverse_transform(y.reshape(len(y), -1)).reshape(y.shape)

    def first_layers(self) -> list[nn.Module]:
        """What a network begins with: where there are categories, the layer that makes vectors of their numbers."""
        if not isinstance(self.encoder, TableEncoder) or not self.encoder.categories:
            return []
        return [nn.TableInput(self.encoder.numbers, self.encoder.categories, self.encoder.sizes)]

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        parts = {"features": self.encoder, "target": self.target_scaler}
        return {name: None if part is None else part.to_dict() for name, part in parts.items()}

    @classmethod
    def from_dict(cls, saved: Any) -> "Preprocessing":
        """What `to_dict` described; raises `StateError` for anything else."""
        if not isinstance(saved, dict):
            raise StateError(f"the preprocessing is {saved!r}, expected that of features and target")
        features, target = (saved.get(name) for name in ("features", "target"))
        return cls(encoder_of(features), None if target is None else StandardScaler.from_dict(target))
