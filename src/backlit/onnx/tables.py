"""Networks for tables as ONNX models: columns go in, predictions come out.

A network for numbers has one input, "input", (batch, features). One whose columns were encoded has an input for each
column, called as the column is, (batch, 1): float64 for numbers, NaN where one is missing; int64 for times, seconds
since 1970, or for times of day since midnight, the smallest int64 where one is missing; for categories texts, "" where
one is missing, or numbers.

A regression has the output "prediction", (batch,) or (batch, targets). A classification has "label", (batch,), and
"probabilities", (batch, classes); for several labels both are (batch, labels). An underscore follows a name that an
input has already.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backlit.core.tensor_base import Symbol
from backlit.data import StandardScaler
from backlit.data.tables import CategoryColumn, DateColumn, NumberColumn, TableEncoder
from backlit.errors import ArgumentTypeError, GraphError
from backlit.onnx.program import Labels, Program, Texts, scaled, unscaled
from backlit.ops import arange, cat, from_numpy, isnan, where
from backlit.train import Run
from backlit.train.served import Served, served_run

_NO_TIME = np.iinfo(np.int64).min
_DAY = 86_400


def served_by(model: Any) -> Served:
    """What an estimator, a pipeline or a search of scikit-learn or a run predicts with.

    Raises:
        ArgumentTypeError: It is none of these, or a step of the pipeline is not one that can be written.
        StateError: It is a run of another kind.
    """
    if isinstance(model, Run):
        return served_run(model)
    # What a search has found is what it predicts with.
    model = getattr(model, "best_estimator_", model)
    steps = [step for _, step in getattr(model, "steps", ())] or [model]
    *before, last = [step for step in steps if step not in (None, "passthrough")] or [model]
    if not hasattr(last, "served"):
        raise ArgumentTypeError(
            f"export: model is a {type(last).__name__}; expected a backlit.nn.Module, an estimator of backlit.sklearn "
            "or a run of `backlit train`"
        )
    served: Served = last.served()
    if not before:
        return served
    scaler = before[0]
    if len(before) > 1 or type(scaler).__name__ != "StandardScaler" or served.encoder is not None:
        names = ", ".join(type(step).__name__ for step in before)
        raise ArgumentTypeError(
            f"export: of a pipeline a StandardScaler before numbers can be written, and this has {names}; export the "
            "estimator alone, and do the steps before it by hand"
        )
    size = scaler.n_features_in_
    mean = scaler.mean_ if scaler.with_mean else np.zeros(size)
    scale = scaler.scale_ if scaler.with_std else np.ones(size)
    return replace(served, encoder=StandardScaler.from_dict({"mean": mean, "scale": scale}))


class TableProgram(Program):
    """A network between the columns of a table and its predictions.

    Args:
        served: What to write.

    Raises:
        GraphError: A column's categories are of several types, or of one for which ONNX has none.
    """

    def __init__(self, served: Served) -> None:
        self._served = served
        self._encoder = served.encoder if isinstance(served.encoder, TableEncoder) else None
        # Only a table of numbers as a whole has a scaler.
        scaler = served.encoder if isinstance(served.encoder, StandardScaler) else None
        example = from_numpy(np.empty((1, *served.row), served.dtype))
        super().__init__(served.module, example, scaler, served.target_scaler)
        self._dtype = from_numpy(np.empty(0, served.dtype)).dtype
        if self._encoder is not None:
            self.inputs = {}
            columns = {str(column.name) for column in self._encoder.columns}
            for column in self._encoder.columns:
                self._add(column, columns)
        taken = {*self.inputs, *(texts.name for texts in self.texts.values()), *self.names}
        self._outputs = [_free(name, taken) for name in ("prediction", "label", "number of label", "probabilities")]
        if served.classes:
            # Of several labels, each has a place for 0 and one for 1.
            self.labels[self._outputs[2]] = Labels(self._outputs[1], np.concatenate(served.classes))

    def output_names(self, count: int) -> list[str]:
        """The names of the outputs."""
        return self._outputs[:1] if count == 1 else self._outputs[2:]

    def _add(self, column: NumberColumn | DateColumn | CategoryColumn, columns: set[str]) -> None:
        """Add the input of a column, one of these."""
        name = str(column.name)
        if not isinstance(column, CategoryColumn):
            kind = np.int64 if isinstance(column, DateColumn) else np.float64
            self.inputs[name] = Symbol((1, 1), np.dtype(kind))
            return
        kinds = {type(value) for value in column.values}
        if kinds <= {str}:
            number = _free(f"number of {name}", columns)
            self.inputs[number] = Symbol((1, 1), np.dtype(np.int64))
            missing = {"": len(column.values)} if column.flagged else {}
            known = {value: place for place, value in enumerate(column.values)}
            self.texts[number] = Texts(name, missing | known, column.count)
            return
        dtype = np.array(column.values).dtype
        if len(kinds) > 1 or dtype.kind not in "biuf":
            words = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise GraphError(
                f"export: column {name!r} has categories of the types {words}; an ONNX model takes texts, numbers or "
                "truth values, one type in a column"
            )
        self.inputs[name] = Symbol((1, 1), np.dtype(bool if dtype.kind == "b" else f"{dtype.kind}8"))

    def __call__(self, *inputs: Any) -> Any:
        """The outputs, of tensors for the inputs."""
        if self.scaling:
            inputs = (scaled(inputs[0], self.scaling).to(self._dtype),)
        elif self._encoder is not None:
            inputs = (self._encoded(self._encoder, inputs),)
        return self._predictions(self.model(*inputs))

    def _encoded(self, encoder: TableEncoder, inputs: tuple[Any, ...]) -> Any:
        """The columns as the numbers that `TableEncoder.transform` makes of them, (batch, results)."""
        numbers, codes = [], []
        texts = {each.name for each in self.texts.values()}
        for column, values in zip(encoder.columns, inputs, strict=True):
            if isinstance(column, NumberColumn):
                gaps = isnan(values)
                numbers.append((where(gaps, column.fill, values) - column.mean) / column.scale)
            elif isinstance(column, DateColumn):
                gaps = values == _NO_TIME
                parts = _date_parts(where(gaps, column.fill, values), column.parts)
                each = zip(parts, column.means, column.scales, strict=True)
                numbers += [(part.double() - mean) / scale for part, mean, scale in each]
            else:
                codes.append(values if str(column.name) in texts else _code(column, values))
                continue
            if column.flagged:
                numbers.append(gaps)
        return cat([part.to(self._dtype) for part in (*numbers, *codes)], 1)

    def _predictions(self, outputs: Any) -> Any:
        kind, classes = self._served.kind, self._served.classes
        outputs = outputs[:, None] if outputs.ndim == 1 else outputs
        if kind == "regression":
            values = unscaled(outputs, self.target_scaling)
            return values[:, 0] if values.shape[1] == 1 else values
        if kind == "K classes":
            shares = outputs.softmax(1)[:, : len(classes[0])]
            return shares.argmax(1), shares
        shares = outputs.sigmoid()
        if kind == "two classes":
            return (shares[:, 0] > 0.5).long(), cat([1 - shares, shares], 1)
        return (shares > 0.5).long() + arange(len(classes)) * 2, shares


def _code(column: CategoryColumn, values: Any) -> Any:
    """The numbers of categories that are numbers themselves, as `CategoryColumn.codes` gives them."""
    found = values == from_numpy(np.array([column.values]))
    code = where(found.any(1, keepdim=True), found.long().argmax(1, keepdim=True), column.count)
    if column.flagged and values.dtype.is_floating_point:
        code = where(isnan(values), len(column.values), code)
    return code


def _date_parts(seconds: Any, parts: tuple[str, ...]) -> list[Any]:
    """Parts of times, as `DateColumn` has them; only what they need is written."""
    day = seconds // _DAY
    calendar = functools.cache(lambda: _calendar(day))
    share = functools.cache(lambda: (seconds - day * _DAY).double() / _DAY)
    found: dict[str, Callable[[], Any]] = {
        "days": lambda: seconds.double() / _DAY,
        "year": lambda: calendar()[0],
        "month": lambda: calendar()[1],
        "weekday": lambda: (day + 3) % 7,
        "hour": lambda: share() * 24,
        "sine": lambda: (share() * (2 * math.pi)).sin(),
        "cosine": lambda: (share() * (2 * math.pi)).cos(),
    }
    return [found[part]() for part in parts]


def _calendar(day: Any) -> tuple[Any, Any]:
    """Year and month of a day, counted from the first of 1970.

    H. Hinnant's "chrono-compatible low-level date algorithms" (2013): years begin in March.
    """
    shifted = day + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march = (5 * day_of_year + 2) // 153
    month = where(march < 10, march + 3, march - 9)
    return year_of_era + era * 400 + (month <= 2).long(), month


def _free(name: str, taken: set[str]) -> str:
    """`name`, with underscores after it where it is taken."""
    while name in taken:
        name += "_"
    return name
