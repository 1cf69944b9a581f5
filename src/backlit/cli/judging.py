"""A run judged by rows that it did not learn from, beside a guess that ignores the inputs and a linear model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backlit.cli.preprocessing import Preprocessing
from backlit.data.datasets import ArrayData
from backlit.ops import Tensor
from backlit.train import Head, Run
from backlit.train.baselines import LinearModel, constant_guess
from backlit.train.evaluation import (
    Difference,
    class_scores,
    difference,
    found_classes,
    log_losses,
    permutation_importances,
    value_scores,
)
from backlit.view.theme import number

NETWORK, LINEAR = "network", "linear model"
# Named in words up to so many.
_MOST_NAMED = 5


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
        actual: Their class numbers, (n,), or values, (n, T), in the data's own units.
        train_inputs: Of the training rows.
        train_targets: Of the training rows, as the loss takes them.
        train_actual: Of the training rows.
        restore: From outputs of a regression, (m, T), to values in the data's own units.
        image_shape: The shape of a row as an image; empty where it is none.
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
    image_shape: tuple[int, ...] = ()

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
            actual=held_out.y if head.class_names else held_out.y[:, None],
            train_inputs=seen[0],
            train_targets=head.targets(preprocessing.scaled_target(train.y)),
            train_actual=train.y,
            restore=lambda outputs: preprocessing.original_target(outputs.reshape(-1))[:, None],
            image_shape=train.image_shape,
        )

    def predictions(self, outputs: Tensor) -> NDArray[Any]:
        """Probabilities, (m, K), or values in the data's own units, (m, T), from a model's outputs."""
        if self.head.class_names:
            return self.head.probabilities(outputs)
        values = outputs.detach().numpy()
        return self.restore(values.reshape(len(values), -1))


@dataclass(frozen=True)
class Judged:
    """A run, and what it and two simpler models predict for the held-out rows.

    Attributes:
        run: The run.
        problem: The rows.
        predictions: By the name of the model, the run's first: probabilities, (n, K), or values, (n, T).
        n_linear: The number of training rows that the linear model was fitted on.
    """

    run: Run
    problem: Problem
    predictions: Mapping[str, NDArray[Any]]
    n_linear: int

    @classmethod
    def of(cls, run: Run, problem: Problem) -> "Judged":
        """Train the simpler models, and predict for each held-out row."""
        head, inputs = problem.head, problem.inputs
        linear = LinearModel(head, problem.train_inputs, problem.train_targets)
        guess = constant_guess(head, problem.train_actual)
        found: dict[str, NDArray[Any]] = {}
        if len(inputs):
            found[NETWORK] = problem.predictions(run.predict(inputs))
            found[LINEAR] = problem.predictions(linear.predict(inputs))
            found["majority class" if head.class_names else "mean"] = np.tile(guess, (len(inputs), 1))
        return cls(run, problem, found, linear.n_rows)

    @property
    def own(self) -> NDArray[Any]:
        """The run's predictions."""
        return self.predictions[NETWORK]

    @cached_property
    def finite(self) -> NDArray[np.bool_]:
        """Which rows the run has finite predictions for, (n,)."""
        return np.isfinite(self.own).all(1)

    @cached_property
    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """By target, model and figure; empty where no row is held out."""
        actual = self.problem.actual
        if not len(actual):
            return {}
        names = self.problem.target_names
        if self.problem.head.class_names:
            return {names[0]: {model: class_scores(actual, found) for model, found in self.predictions.items()}}
        return {
            name: {model: value_scores(actual[:, at], found[:, at]) for model, found in self.predictions.items()}
            for at, name in enumerate(names)
        }

    @cached_property
    def row_losses(self) -> NDArray[np.float64]:
        """How bad the run's prediction for each row is, (n,); infinite where it is not finite.

        For classes -log p(actual class), for values the squared error, in units of each target's variance.
        """
        actual = self.problem.actual
        if self.problem.head.class_names:
            losses = log_losses(actual, self.own)
        else:
            spread = self.problem.train_actual.reshape(-1, actual.shape[1]).var(0)
            losses = (np.square(self.own - actual) / np.where(spread > 0, spread, 1)).mean(1, dtype=np.float64)
        return np.where(self.finite, losses, np.inf)

    def worst(self, most: int) -> NDArray[np.int64]:
        """Numbers of the rows with the worst predictions, the worst first; of classes the wrong ones alone."""
        order = np.argsort(-self.row_losses, kind="stable")
        if self.problem.head.class_names:
            wrong = found_classes(self.own) != self.problem.actual
            order = order[wrong[order]]
        return order[:most]

    def importances(self) -> dict[str, NDArray[np.float64]]:
        """By how much accuracy or R² falls when a column of the held-out rows is shuffled.

        Raises:
            DataError: Fewer than two rows.
        """
        problem = self.problem

        def score(inputs: NDArray[Any], rows: NDArray[np.int64]) -> float:
            found, actual = problem.predictions(self.run.predict(inputs)), problem.actual[rows]
            if problem.head.class_names:
                return class_scores(actual, found)["accuracy"]
            return float(np.mean([value_scores(a, f)["R²"] for a, f in zip(actual.T, found.T, strict=True)]))

        return permutation_importances(score, problem.inputs, problem.groups)

    @property
    def said_rows(self) -> str:
        """How many rows are held out, in words."""
        count = len(self.problem.inputs)
        return f"{count:,} held-out row" + "s" * (count != 1)

    def notes(self) -> list[str]:
        """What limits the scores: predictions that are not finite, classes that no held-out row has, a single row."""
        problem, notes = self.problem, []
        lacking = np.flatnonzero(~self.finite)
        if len(lacking):
            rows = ", ".join(map(str, lacking[:_MOST_NAMED])) + ", …" * (len(lacking) > _MOST_NAMED)
            notes.append(
                f"For {len(lacking):,} of {self.said_rows} ({rows}) the network gives no finite prediction, so its "
                "scores say nothing: was the learning rate too high, or are values far beyond those of the training?"
            )
        if problem.head.class_names:
            seen = set(np.unique(problem.actual).tolist())
            unseen = [name for place, name in enumerate(problem.head.class_names) if place not in seen]
            if unseen:
                named = ", ".join(unseen[:_MOST_NAMED]) + ", …" * (len(unseen) > _MOST_NAMED)
                notes.append(f"No held-out row is of the class {named}: the scores say nothing about it.")
        if len(problem.inputs) == 1:
            notes.append("One row is held out, too few to say how good the network is.")
        return notes

    def verdicts(self) -> list[str]:
        """Whether the network beats the linear model, in a sentence for each figure that matters."""
        actual, linear = self.problem.actual, self.predictions[LINEAR]
        if not self.finite.all():
            return []
        if self.problem.head.class_names:
            wrong = [(found_classes(found) != actual).astype(float) for found in (self.own, linear)]
            losses = [log_losses(actual, found) for found in (self.own, linear)]
            sentences = [
                _sentence("accuracy", self._pair(0, "accuracy"), difference(*wrong), "{:.1%}"),
                _sentence("log loss", self._pair(0, "log loss"), difference(*losses)),
            ]
        else:
            sentences = []
            for at, name in enumerate(self.problem.target_names):
                squares = [(found[:, at] - actual[:, at]) ** 2 for found in (self.own, linear)]
                figure = "RMSE" if len(self.problem.target_names) == 1 else f"RMSE of {name}"
                sentences.append(_sentence(figure, self._pair(at, "RMSE"), difference(*squares)))
        return sentences

    def _pair(self, target: int, figure: str) -> tuple[float, float]:
        scores = self.scores[self.problem.target_names[target]]
        return scores[NETWORK][figure], scores[LINEAR][figure]


def _sentence(figure: str, pair: tuple[float, float], found: Difference, form: str = "") -> str:
    own, other = (form.format(value) if form else number(value) for value in pair)
    against = f"{figure} {own} against {other}"
    if np.isnan(found.margin):
        return f"A single row cannot tell the network from the linear model: {against}."
    if found.verdict == "no better":
        more = "" if pair[0] == pair[1] else ", a difference that chance alone can make with so few rows"
        return f"The network is no better than the linear model: {against}{more}."
    verb = "beats the linear model" if found.verdict == "better" else "is worse than the linear model"
    return f"The network {verb}: {against}."
