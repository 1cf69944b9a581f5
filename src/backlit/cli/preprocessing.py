"""What is done to features and targets before a network of the command sees them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data import StandardScaler
from backlit.data.datasets import ArrayData
from backlit.errors import StateError


@dataclass(frozen=True)
class Preprocessing:
    """What is done to features and targets before the network sees them.

    Attributes:
        scaler: Standardises the columns of a table; None for images, whose pixels lie from 0 to 1 already.
        target_scaler: Standardises the values of a regression; None for classes.
    """

    scaler: StandardScaler | None
    target_scaler: StandardScaler | None

    @classmethod
    def fitted(cls, part: ArrayData) -> "Preprocessing":
        """Learnt from training rows alone."""
        scaler = None if part.image_shape else StandardScaler().fit(part.X)
        return cls(scaler, None if part.class_names else StandardScaler().fit(part.y[:, None]))

    def features(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features for the network."""
        return X if self.scaler is None else self.scaler.transform(X)

    def scaled_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """Targets for the loss."""
        return y if self.target_scaler is None else self.target_scaler.transform(y[:, None]).reshape(-1)

    def original_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """Predictions in the data's own units."""
        return y if self.target_scaler is None else self.target_scaler.inverse_transform(y[:, None]).reshape(-1)

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        parts = {"features": self.scaler, "target": self.target_scaler}
        return {name: None if scaler is None else scaler.to_dict() for name, scaler in parts.items()}

    @classmethod
    def from_dict(cls, saved: Any) -> "Preprocessing":
        """What `to_dict` described; raises `StateError` for anything else."""
        if not isinstance(saved, dict):
            raise StateError(f"the preprocessing is {saved!r}, expected that of features and target")
        parts = [saved.get(name) for name in ("features", "target")]
        return cls(*(None if part is None else StandardScaler.from_dict(part) for part in parts))
