"""Targets as a network learns them, and what it says about them as labels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from backlit.errors import ArgumentError, DataError
from backlit.sklearn.refusing import refuse_target
from backlit.sklearn.tables import one_column

Array = NDArray[Any]
# Integers of fewer values between the first and the last are looked up in a table of all of these.
_CLOSE = 1 << 16


def values(y: Any, dtype: str) -> Array:
    """Targets of a regression, (n,) or (n, n_outputs).

    Raises:
        DataError: One is not a number; its row is named.
    """
    y = one_column(y)
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(y, dtype)
    except ValueError as error:
        refuse_target(y, error, numeric=True)
        raise
    with np.errstate(all="ignore"):
        # scikit-learn makes NaN of None only after its own look.
        if not np.isfinite(found.sum()):
            refuse_target(found, ValueError(f"targets must be finite numbers of {found.dtype}"), numeric=True)
    return found


class Classes:
    """The classes of a classification.

    Args:
        labels: Labels, (n,), or for several at once a matrix of zeros and ones, (n, n_labels).

    Attributes:
        kind: "binary", "multiclass" or "multilabel-indicator".
        names: The classes in order; for several labels their numbers.

    Raises:
        ValueError: The labels are not classes.
    """

    def __init__(self, labels: Any) -> None:
        try:
            self.kind, self.names = _kind_and_names(labels)
        except TypeError as error:
            words = "labels must be all text or all numbers, and none missing"
            refuse_target(labels, TypeError(words), numeric=False)
            raise DataError(f"y: {words}") from error

    @property
    def n_outputs(self) -> int:
        """Outputs of a network for these classes: one tells two classes apart."""
        return 1 if self.kind == "binary" else len(self.names)

    def find(self, labels: Array) -> NDArray[np.intp]:
        """The number of each label's class.

        Raises:
            ValueError: A label is of no class.
        """
        found = self._looked_up(labels)
        if found is None:
            found = np.minimum(np.searchsorted(self.names, labels), len(self.names) - 1)
        wrong = self.names[found] != labels
        if wrong.any():
            raise DataError(
                f"`y` has classes not in `self.classes_`: {np.unique(labels[wrong])[:5].tolist()}; `self.classes_` has "
                f"{self.names[:10].tolist()}"
            )
        return found

    def _looked_up(self, labels: Array) -> NDArray[np.intp] | None:
        """The number of each label's class, of any class for a strange label; None where they are no close integers."""
        if not (_are_integers(labels) and _are_integers(self.names)):
            return None
        first, last = map(int, self.names[[0, -1]])
        if last - first >= _CLOSE:
            return None
        numbers = np.zeros(last - first + 1, np.intp)
        numbers[_above(first, self.names)] = np.arange(len(self.names))
        return numbers[np.clip(_above(first, labels), 0, last - first)]

    def encode(self, labels: Array, dtype: str) -> Array:
        """What a network learns: class numbers (n,), or zeros and ones (n, outputs).

        Raises:
            ValueError: A label is of no class, or the number of labels is another.
        """
        if self.kind == "multilabel-indicator":
            if labels.ndim != 2 or labels.shape[1] != len(self.names):
                raise DataError(f"y has shape {labels.shape}, expected (n_samples, {len(self.names)}) as before")
            return np.ascontiguousarray(labels, dtype)
        if labels.ndim != 1:
            raise DataError(f"y has shape {labels.shape}, expected one label for each row, (n_samples,), as before")
        numbers = self.find(labels)
        return numbers.astype(np.int64) if self.kind == "multiclass" else numbers.astype(dtype)[:, None]

    def decode(self, outputs: Array) -> Array:
        """The labels that a network's outputs stand for."""
        if self.kind == "multilabel-indicator":
            return (outputs > 0.5).astype(int)
        if self.kind == "multiclass":
            return self.names[outputs.argmax(1)]
        if len(self.names) == 1:
            return np.repeat(self.names, len(outputs))
        return self.names[(outputs[:, 0] > 0.5).astype(np.intp)]

    def probabilities(self, outputs: Array) -> Array:
        """The probability of each class, (n, n_classes); of a single class, 1."""
        if self.kind != "binary":
            return outputs
        if len(self.names) == 1:
            return np.ones_like(outputs)
        return np.concatenate([1 - outputs, outputs], axis=1)


def several_labels(count: int) -> tuple[Array, ...]:
    """What 0 and 1 of so many labels stand for: themselves."""
    return (np.arange(2),) * count


def _kind_and_names(labels: Any) -> tuple[str, Array]:
    if type(labels) is np.ndarray and labels.ndim == 1 and labels.dtype.kind in "biu" and len(labels) > 0:
        # scikit-learn's checks, which find the classes twice more, have nothing to say of these.
        names = _different(labels)
        if 2 * len(names) <= len(labels):
            return "multiclass" if len(names) > 2 else "binary", names
    check_classification_targets(labels)
    kind: str = type_of_target(labels, input_name="y", raise_unknown=True)
    if kind == "multiclass-multioutput":
        raise DataError("y holds several targets of more than two classes each; give one, or zeros and ones")
    if kind == "multilabel-indicator":
        return kind, np.arange(np.shape(labels)[1])
    names = np.unique(np.asarray(labels))
    if all(isinstance(name, str) for name in names.tolist()):
        # Also where labels are objects, as scikit-learn's.
        names = names.astype(str)
    return "multiclass" if len(names) > 2 else "binary", names


def _different(labels: Array) -> Array:
    """The different ones of integers, in order."""
    first, last = int(labels.min()), int(labels.max())
    if not _are_integers(labels) or last - first >= _CLOSE:
        return np.unique(labels)
    return (np.flatnonzero(np.bincount(_above(first, labels))) + first).astype(labels.dtype)


def _are_integers(labels: Array) -> bool:
    """Whether labels are integers, or truth values, that an int64 holds."""
    return labels.dtype.kind in "biu" and np.can_cast(labels.dtype, np.int64)


def _above(first: int, labels: Array) -> NDArray[np.int64]:
    return np.subtract(labels, first, dtype=np.int64)


def first_classes(y: Any, classes: Any) -> Classes:
    """The classes that the first call of `partial_fit` names.

    Raises:
        ArgumentError: It names none.
    """
    if classes is None:
        raise ArgumentError("classes must be passed on the first call to partial_fit.")
    return Classes(y if np.ndim(y) == 2 and np.shape(y)[1] > 1 else classes)


def same_classes(known: Array, classes: Any) -> None:
    """Raise `ArgumentError` where a later call of `partial_fit` names other classes."""
    if classes is not None and not np.array_equal(known, np.unique(classes)):
        raise ArgumentError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}")


def by_class(class_weight: Any, weight: Array | None, y: Array, dtype: Any) -> Array | None:
    """Weights of rows times those of their classes."""
    if class_weight is None:
        return weight
    found = compute_sample_weight(class_weight, one_column(y)).astype(dtype)
    return found if weight is None else weight * found
