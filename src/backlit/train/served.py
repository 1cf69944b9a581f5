"""`Served`: a trained network with all that another system needs to predict as it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.data import StandardScaler
from backlit.data.tables import TableEncoder
from backlit.errors import StateError
from backlit.nn import Module
from backlit.train.heads import Head, Kind
from backlit.train.run import Run

Encoder = TableEncoder | StandardScaler


@dataclass(frozen=True, eq=False)
class Served:
    """A network between the columns of a table and its predictions.

    Attributes:
        module: Numbers to outputs, (n, outputs) or, for a single one, (n,): values, or logits of classes.
        kind: What the outputs are.
        row: The shape of a row that the module takes.
        dtype: The type of the numbers that the module takes.
        classes: The label of each class number; of several labels, those of 0 and 1 of each.
        encoder: What makes numbers of a table's columns; None: they are numbers already.
        target_scaler: What standardised the values of a regression.
    """

    module: Module
    kind: Kind
    row: tuple[int, ...]
    dtype: np.dtype[Any]
    classes: tuple[NDArray[Any], ...] = ()
    encoder: Encoder | None = None
    target_scaler: StandardScaler | None = None


def served_run(run: Run) -> Served:
    """A run of `backlit train` with its preprocessing.

    Raises:
        StateError: The run was made in another way, and its configuration does not say what the network's columns are.
    """
    try:
        data, preprocessing = run.config["data"], run.config["preprocessing"]
        head = Head.of_config(data)
        features, target = preprocessing["features"], preprocessing["target"]
        row = (len(data["feature_names"]),)
    except (KeyError, TypeError) as error:
        raise StateError(
            f"this is not a run of `backlit train`, its configuration lacks {error}; export its model instead"
        ) from error
    labels = head.labels or ((head.class_names,) if head.class_names else ())
    return Served(
        run.model,
        head.kind,
        row,
        np.dtype(np.float32),
        tuple(np.array(each, object) for each in labels),
        encoder_of(features),
        None if target is None else StandardScaler.from_dict(target),
    )


def encoder_of(state: Any) -> Encoder | None:
    """The encoder or scaler of a run's features that `to_dict` described; None for none.

    Raises:
        StateError: `state` is no such description.
    """
    if state is None:
        return None
    is_table = isinstance(state, Mapping) and "columns" in state
    return TableEncoder.from_dict(state) if is_table else StandardScaler.from_dict(state)
