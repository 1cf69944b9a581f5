"""A run judged by rows that it did not learn from, beside a guess that ignores the inputs and a linear model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.cli.columns import ColumnsFound
from backlit.cli.nearby import Nearby
from backlit.cli.preprocessing import Preprocessing
from backlit.data.datasets import ArrayData
from backlit.ops import Tensor
from backlit.train import Head, Run
from backlit.train.baselines import LinearModel, constant_guess
from backlit.train.evaluation import (
    class_scores,
    difference,
    found_classes,
    log_losses,
    permutation_importances,
    value_scores,
)
from backlit.view.theme import amount

NETWORK, LINEAR = "network", "linear model"
# Named in words up to so many.
_MOST_NAMED = 5
# Predictions that importances may cost: rows of all shuffles of all columns.
_MOST_SHUFFLED = 1_000_000
# Outputs that are in memory at once, where there are thousands of classes.
_OUTPUTS_AT_ONCE = 4_000_000
# Of more columns, those whose first shuffle of so many rows costs most are looked at.
MANY_COLUMNS, MOST_RANKED, _FEW_ROWS = 100, 40, 100


@dataclass(frozen=True)
class Problem:
    """What a run has learnt from, and the rows held out, which it is judged by.

    Attributes:
        name: What to call the data.
        head: What is predicted.
        target_names: The names of the targets, T of them.
        columns: The values of each column in the held-out rows as the reader knows them, (n,) each.
        groups: For each of these the numbers of the network's inputs that are made of it.
        inputs: What the network sees of the held-out rows, (n, n_inputs).
        actual: Their class numbers, (n,), or values or labels of 0 and 1, (n, T), in the data's own units.
        train_inputs: Of the training rows.
        train_targets: Of the training rows, as the loss takes them.
        train_actual: Of the training rows.
        restore: From outputs, (m, T), of a regression to values in the data's own units.
        categories: How many categories each of the last inputs numbers.
        row_numbers: What the held-out rows are called, (n,); None: by their place, from 0.
        image_shape: The shape of a row as an image; empty where it is none.
        about: What the columns of a table file are and what was done with them; None for other data.
    """

    name: str
    head: Head
    target_names: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]
    groups: Mapping[str, Sequence[int]]
    inputs: NDArray[Any]
    actual: NDArray[Any]
    train_inputs: NDArray[Any]
    train_targets: NDArray[Any]
    train_actual: NDArray[Any]
    restore: Callable[[NDArray[Any]], NDArray[Any]]
    categories: Sequence[int] = ()
    row_numbers: NDArray[np.int64] | None = None
    image_shape: tuple[int, ...] = ()
    about: ColumnsFound | None = None

    @classmethod
    def of(cls, parts: tuple[ArrayData, ArrayData], preprocessing: Preprocessing) -> "Problem":
        """The training part and the held-out part of a data set."""
        train, held_out = parts
        head = Head(train.class_names)
        seen = [preprocessing.features(part.X) for part in parts]
        columns = dict(zip(train.feature_names, held_out.X.T, strict=True))
        return cls(
            name=train.name,
            head=head,
            target_names=(train.target_name,),
            columns=columns,
            groups={name: (place,) for place, name in enumerate(columns)},
            inputs=seen[1],
            actual=held_out.y,
            train_inputs=seen[0],
            train_targets=head.targets(preprocessing.scaled_target(train.y)),
            train_actual=train.y,
            restore=lambda outputs: preprocessing.original_target(outputs.reshape(-1))[:, None],
            image_shape=train.image_shape,
        )

    @property
    def target_classes(self) -> tuple[tuple[str, ...], ...]:
        """For each target the names of its classes; empty where it is a value."""
        head = self.head
        return (head.class_names,) if head.class_names else head.labels or ((),) * len(self.target_names)

    def by_target(self, actual: NDArray[Any]) -> list[NDArray[Any]]:
        """Class numbers or values, (m,), of each target."""
        columns = list(actual.reshape(len(actual), len(self.target_names)).T)
        return [c.astype(np.int64) if names else c for c, names in zip(columns, self.target_classes, strict=True)]

    def predictions(self, outputs: Tensor) -> list[NDArray[Any]]:
        """For each target probabilities, (m, K), or values in the data's own units, (m,), from a model's outputs."""
        if self.head.class_names:
            return [self.head.probabilities(outputs).astype(np.float32, copy=False)]
        if self.head.labels:
            return [np.stack([1 - share, share], 1) for share in self.head.probabilities(outputs).T]
        values = outputs.detach().numpy()
        return list(self.restore(values.reshape(len(values), -1)).T)

    def predicted_by(self, predict: Callable[[NDArray[Any]], Tensor]) -> list[NDArray[Any]]:
        """What a model predicts for the held-out rows, as `predictions` gives it, a part of the rows after another."""
        size = max(_OUTPUTS_AT_ONCE // self.head.out_features, 1)
        firsts = range(0, len(self.inputs), size)
        parts = [self.predictions(predict(self.inputs[first : first + size])) for first in firsts]
        return [np.concatenate(own) for own in zip(*parts, strict=True)]

    def constant_guess(self) -> list[NDArray[Any]]:
        """The best guesses that ignore the inputs, for each held-out row, as `predictions` gives them."""
        guess, count = constant_guess(self.head, self.train_actual), len(self.inputs)
        if self.head.class_names:
            return [np.broadcast_to(guess, (count, len(guess)))]
        return [np.tile([1 - g, g], (count, 1)) if self.head.labels else np.full(count, g) for g in guess]


@dataclass(frozen=True)
class Judged:
    """A run, and what it and two simpler models predict for the held-out rows.

    Attributes:
        run: The run.
        problem: The rows.
        predictions: By the name of the model, the run's first, for each target: probabilities, (n, K), or values, (n,).
        n_linear: The number of training rows that the linear model was fitted on.
    """

    run: Run
    problem: Problem
    predictions: Mapping[str, Sequence[NDArray[Any]]]
    n_linear: int

    @classmethod
    def of(cls, run: Run, problem: Problem) -> "Judged":
        """Train the simpler models, and predict for each held-out row."""
        inputs = problem.inputs
        linear = LinearModel(problem.head, problem.train_inputs, problem.train_targets, problem.categories)
        found: dict[str, Sequence[NDArray[Any]]] = {}
        if len(inputs):
            found[NETWORK] = problem.predicted_by(run.predict)
            found[LINEAR] = problem.predicted_by(linear.predict)
            found["majority class" if problem.target_classes[0] else "mean"] = problem.constant_guess()
        return cls(run, problem, found, linear.n_rows)

    @property
    def own(self) -> Sequence[NDArray[Any]]:
        """The run's predictions for each target."""
        return self.predictions[NETWORK]

    @cached_property
    def actual(self) -> list[NDArray[Any]]:
        """Class numbers or values, (n,), of each target."""
        return self.problem.by_target(self.problem.actual)

    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        """Which rows the run has finite predictions for, (n,)."""
        return np.isfinite(np.column_stack(self.own)).all(1)

    @cached_property
    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """By target, model and figure; empty where no row is held out."""
        if not self.predictions:
            return {}
        targets = enumerate(zip(self.problem.target_names, self.actual, strict=True))
        return {
            name: {model: _scores(actual, found[at]) for model, found in self.predictions.items()}
            for at, (name, actual) in targets
        }

    @cached_property
    def row_losses(self) -> NDArray[np.float64]:
        """How bad the run's predictions for each row are, (n,); infinite where they are not finite.

        The mean over the targets: of classes -log p(actual class), of values the squared error by their variance.
        """
        train = self.problem.by_target(self.problem.train_actual)
        losses = []
        for actual, found, trained in zip(self.actual, self.own, train, strict=True):
            if found.ndim == 2:
                losses.append(log_losses(actual, found))
            else:
                losses.append(np.square(found - actual, dtype=np.float64) / (trained.var(dtype=np.float64) or 1.0))
        return np.where(self.finite, np.mean(losses, 0), np.inf)

    def worst(self, most: int) -> NDArray[np.int64]:
        """Numbers of the rows with the worst predictions, the worst first; of classes those with a wrong one alone."""
        order = np.argsort(-self.row_losses, kind="stable")
        if self.problem.target_classes[0]:
            pairs = zip(self.actual, self.own, strict=True)
            wrong = np.any([found_classes(found) != actual for actual, found in pairs], axis=0)
            order = order[wrong[order]]
        return order[:most]

    def importances(self) -> dict[str, NDArray[np.float64]]:
        """By how much R² falls or log loss rises, mean over the targets, when a column is shuffled over held-out rows.

        Log loss, for accuracy hardly falls where one class is rare. Of more than `MANY_COLUMNS`, the `MOST_RANKED`
        whose first shuffle costs most.

        Raises:
            DataError: Fewer than two rows.
        """
        problem = self.problem
        figure, sign = ("log loss", -1) if problem.target_classes[0] else ("R²", 1)
        # Of few columns the first layer is no more work than to bring it up to date.
        near = Nearby(self.run) if len(problem.groups) > MANY_COLUMNS else self.run

        def score(inputs: NDArray[Any], rows: NDArray[np.int64]) -> float:
            pairs = zip(self.actual, problem.predictions(near.predict(inputs)), strict=True)
            return sign * float(np.mean([_scores(actual[rows], found)[figure] for actual, found in pairs]))

        groups, repeats = problem.groups, 5
        if len(groups) > MANY_COLUMNS:
            once = permutation_importances(score, problem.inputs, groups, repeats=1, most_rows=_FEW_ROWS, seed=1)
            # In the table's order, by which equal ones are shown.
            ranked = sorted(groups, key=lambda name: -once[name][0])[:MOST_RANKED]
            groups = {name: places for name, places in groups.items() if name in ranked}
        most = min(_MOST_SHUFFLED // (repeats * max(len(groups), 1)), 1000)
        return permutation_importances(score, problem.inputs, groups, repeats=repeats, most_rows=most)

    @property
    def said_rows(self) -> str:
        """How many rows are held out, in words."""
        count = len(self.problem.inputs)
        return f"{count:,} held-out row" + "s" * (count != 1)

    def notes(self) -> list[str]:
        """What limits the scores: columns that give a target away, predictions that are not finite, lacking rows."""
        problem, notes = self.problem, list(self.problem.about.warnings if self.problem.about else ())
        if not len(problem.inputs):
            return [*notes, "No rows were held out, so nothing says how good the network is on rows that it never saw."]
        if (self.run.config.get("command") or {}).get("patience"):
            notes.append(
                "The held-out rows also settled when training ended: the network's scores are a little too good."
            )
        lacking = np.flatnonzero(~self.finite)
        if len(lacking):
            notes.append(
                f"For {len(lacking):,} of {self.said_rows} ({_named(self.row_names(lacking))}) the network gives no "
                "finite prediction, so its scores say nothing: was the learning rate too high, or are values far "
                "beyond those of the training?"
            )
        for target, names, actual in zip(problem.target_names, problem.target_classes, self.actual, strict=True):
            unseen = [name for place, name in enumerate(names) if not (actual == place).any()]
            if unseen:
                notes.append(f"No held-out row has {target} {_named(unseen)}: the scores say nothing about it.")
        if len(problem.inputs) == 1:
            notes.append("One row is held out, too few to say how good the network is.")
        if self.n_linear < len(problem.train_inputs):
            notes.append(
                f"The linear model was fitted on {self.n_linear:,} of the {len(problem.train_inputs):,} training rows."
            )
        return notes

    def row_names(self, rows: NDArray[np.int64]) -> list[str]:
        """What rows of the held-out part are called."""
        numbers = self.problem.row_numbers
        return [f"{row}" for row in (rows if numbers is None else numbers[rows])]

    def verdicts(self) -> list[str]:
        """Whether the network beats the linear model and, if not, the guess: a sentence for each figure that matters.

        A difference is one where the 95% confidence interval of the mean over the rows excludes 0.
        """
        if len(self.problem.inputs) < 2 or not self.finite.all():
            return []
        sentences = []
        for at, target in enumerate(self.problem.target_names):
            of = f" of {target}" if len(self.problem.target_names) > 1 else ""
            figures = ("accuracy", "log loss") if self.problem.target_classes[at] else ("RMSE",)
            for figure in figures:
                for other in list(self.predictions)[1 : 3 if figure == figures[0] else 2]:
                    beats, words = self._against(other, at, figure)
                    sentences.append(f"By {figure}{of}, the network {words}.")
                    if beats:
                        break
        return sentences

    def _against(self, other: str, target: int, figure: str) -> tuple[bool, str]:
        """Whether the network beats another model, and that in words."""
        actual = self.actual[target]
        models = (NETWORK, other)
        losses = [_LOSSES[figure](actual, self.predictions[model][target]) for model in models]
        scores = self.scores[self.problem.target_names[target]]
        shown = [shown_score(figure, scores[model][figure]) for model in models]
        verdict = difference(losses[0], losses[1]).verdict
        verb = {"better": "beats", "worse": "is worse than", "no better": "is no better than"}[verdict]
        words = f"{verb} the {other}: {shown[0]} against {shown[1]}"
        if verdict == "no better" and shown[0] != shown[1]:
            words += f", which {self.said_rows} cannot tell apart"
        return verdict == "better", words


_LOSSES: dict[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "accuracy": lambda actual, found: (found_classes(found) != actual).astype(np.float64),
    "log loss": log_losses,
    "RMSE": lambda actual, found: np.square(found - actual, dtype=np.float64),
}


def _scores(actual: NDArray[Any], found: NDArray[Any]) -> dict[str, float]:
    return class_scores(actual, found) if found.ndim == 2 else value_scores(actual, found)


def shown_score(figure: str, value: float) -> str:
    """A score as it is read."""
    if np.isnan(value):
        return "–"
    return f"{value:.2%}" if figure.endswith("accuracy") else amount(value)


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) + ", …" * (len(names) > _MOST_NAMED)
