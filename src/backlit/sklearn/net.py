"""What `NetClassifier` and `NetRegressor` share: any module behind scikit-learn's interface."""

import copy
import inspect
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from backlit import nn, optim
from backlit.compiler.compiled import compile
from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ArgumentTypeError, DataError, GraphError, suggest
from backlit.ops import from_numpy
from backlit.sklearn.blocks import threads
from backlit.sklearn.checks import as_before_after_errors, check_parameters
from backlit.sklearn.measuring import resolved
from backlit.sklearn.modules import as_before_after_errors_in, seeded
from backlit.sklearn.tables import numbers, weights_of
from backlit.train import EarlyStopping, Trainer
from backlit.train.metrics import Metric
from backlit.train.modes import in_mode

Array = NDArray[Any]
_BLOCK = 1024
_HIDDEN = 100
# Machine code is no part of an estimator: it is neither copied nor pickled.
_predictors: WeakKeyDictionary["Net", "Forward"] = WeakKeyDictionary()


class Weighted:
    """A loss whose targets carry a weight for each row in their last column.

    Args:
        loss: Gives the loss of each row, or of each of its targets.
        labels: Whether targets are class numbers.

    Raises:
        ArgumentError: When called: the loss is averaged already.
    """

    def __init__(self, loss: Callable[[Any, Any], Any], labels: bool) -> None:
        if hasattr(loss, "reduction"):
            loss = copy.deepcopy(loss)
            loss.reduction = "none"
        self._loss, self._labels = loss, labels

    def __call__(self, prediction: Any, packed: Any) -> Any:
        """The weighted mean of the rows' losses."""
        weight = packed[:, -1]
        rows = self._loss(prediction, self._target(prediction, packed))
        if rows.ndim == 0:
            raise ArgumentError("weights of rows need a loss that gives the loss of each row, such as reduction='none'")
        rows = rows.reshape((len(rows), -1)).mean(1)
        return (rows * weight).sum() / weight.sum()

    def metric(self, metric: Metric) -> Metric:
        """A metric that looks at the targets alone, of which each row counts alike."""

        def measure(prediction: Any, packed: Any) -> Any:
            return metric.measure(prediction, self._target(prediction, packed))

        return replace(metric, measure=measure)

    def _target(self, prediction: Any, packed: Any) -> Any:
        target = packed[:, :-1]
        if self._labels:
            return target[:, 0].long()
        return target[:, 0] if prediction.ndim == 1 else target


@dataclass(eq=False, repr=False)
class Net(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Any module as an estimator; the base of `NetClassifier` and `NetRegressor`.

    Args:
        optimizer: The name of a class in `backlit.optim`, or a function of the parameters that makes one.
        lr: Its learning rate; None: its own.
        max_iter: Epochs at most.
        batch_size: Rows of a step; "auto": all.
        shuffle: Whether each epoch has an order of its own.
        random_state: Seed or generator of weights, orders, dropout and validation rows.
        early_stopping: Stop by the loss on validation rows, and keep the best weights.
        validation_fraction: The share of rows held out for that, unless validation rows are given.
        n_iter_no_change: Epochs without improvement after which training stops.
        tol: What counts as an improvement.
        scheduler: A function of the optimizer that makes a scheduler of `backlit.optim.lr_scheduler`.
        clip_grad_norm: The largest norm of all gradients together.
        metrics: As `backlit.train.Trainer` takes them; each row counts alike. Their values stand in `history_`.
        callbacks: Objects with hooks as `backlit.train.Trainer` calls them, at each epoch or batch.
        warm_start: Whether `fit` goes on with the last one's module.
        verbose: Whether a bar shows progress.
        compile: Whether epochs and predictions run as machine code, where the module can be traced.

    Attributes:
        module_: The trained module.
        optimizer_: Its optimizer.
        history_: Each epoch's values by name: "loss", "val_loss", and the metrics.
        loss_: The last epoch's loss.
        loss_curve_: Each epoch's loss.
        validation_loss_curve_: The loss on validation rows after each epoch; None without such rows.
        n_iter_: Epochs of the last fit.
        n_features_in_: Columns of the table.
        feature_names_in_: Their names, where they have names.
    """

    module: Any = None
    _: KW_ONLY
    loss: Any = None
    optimizer: Any = "adam"
    lr: float | None = None
    max_iter: int = 100
    batch_size: int | str = 32
    shuffle: bool = True
    random_state: Any = None
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    scheduler: Any = None
    clip_grad_norm: float | None = None
    metrics: Sequence[Any] = ()
    callbacks: Sequence[Any] = ()
    warm_start: bool = False
    verbose: bool | int = False
    compile: bool = True

    _numeric_targets: ClassVar[bool]

    # -- what the two estimators differ in ---------------------------------------------------------------------------

    def _prepare(self, y: Any, fresh: bool, *, named: bool) -> int:
        """Look at the targets, whose classes may be named already; the outputs that a module for them needs."""
        raise NotImplementedError

    def _targets(self, y: Array, outputs: int, dtype: str) -> Array:
        """What a module with so many outputs learns."""
        raise NotImplementedError

    def _standard_loss(self, outputs: int) -> Any:
        raise NotImplementedError

    @property
    def _several_labels(self) -> bool:
        """Whether each row has several labels."""
        return False

    # -- fitting -----------------------------------------------------------------------------------------------------

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, held: tuple[Any, Any] | None, *, incremental: bool = False
    ) -> Self:
        check_parameters(self)
        if incremental and self.early_stopping:
            raise ArgumentError("partial_fit does not support early_stopping=True")
        with as_before_after_errors(self):
            self._learn(X, y, sample_weight, held, incremental)
        return self

    def _learn(self, X: Any, y: Any, sample_weight: Any, held: tuple[Any, Any] | None, incremental: bool) -> None:
        fresh = not hasattr(self, "module_") or not (self.warm_start or incremental)
        X, y = self._check_data(X, y, fresh)
        outputs = self._prepare(y, fresh, named=incremental)
        weight = self._weights(sample_weight, y, X)
        draw = check_random_state(self.random_state)
        with seeded(int(draw.randint(2**31))):
            if fresh:
                self._build(X, outputs)
            rows = [X.astype(self._dtype, copy=False), *self._learnt(y, weight)]
            val = None
            if held is not None:
                X_val, y_val = self._check_data(*held, fresh=False)
                val = [X_val.astype(self._dtype, copy=False), *self._learnt(y_val, None)]
            elif self.early_stopping:
                rows, val = self._split(rows, draw)
            with nullcontext() if fresh else as_before_after_errors_in(self.module_, self.optimizer_):
                self._train(rows, val, 1 if incremental else self.max_iter)

    def _check_data(self, X: Any, y: Any, fresh: bool) -> tuple[Array, Array]:
        return numbers(self, X, y, reset=fresh, allow_nd=True)

    def _weights(self, sample_weight: Any, y: Array, X: Array) -> Array | None:
        return weights_of(sample_weight, X)

    def _learnt(self, y: Array, weight: Array | None) -> list[Array]:
        """Targets, and weights if there are any, as arrays with one row each."""
        targets = self._targets(y, self._width, self._dtype)
        return [targets] if weight is None else [targets, weight.astype(self._dtype)]

    def _split(self, rows: list[Array], draw: np.random.RandomState) -> tuple[list[Array], list[Array]]:
        from sklearn.model_selection import train_test_split

        labels = rows[1] if rows[1].dtype.kind == "i" and np.bincount(rows[1]).min() > 1 else None
        share = self.validation_fraction
        stratify = labels if labels is not None and len(np.unique(labels)) <= share * len(labels) else None
        parts = train_test_split(*rows, random_state=draw, test_size=share, stratify=stratify)
        return parts[::2], parts[1::2]

    def _build(self, X: Array, outputs: int) -> None:
        """Make the module and its optimizer."""
        self._dtype, self._row = X.dtype.name, X.shape[1:]
        self.module_ = self._made(X, outputs).to(from_numpy(np.empty(0, X.dtype)).dtype)
        with in_mode(self.module_, training=False), no_grad():
            probe = self.module_(from_numpy(X[:2].copy()))
        if probe.ndim not in (1, 2) or len(probe) != len(X[:2]):
            raise DataError(
                f"{type(self).__name__}: the module gives shape {tuple(probe.shape)} for {len(X[:2])} rows; expected "
                "(n_samples, n_outputs)"
            )
        self._width = 0 if probe.ndim == 1 else probe.shape[1]
        self._loss = self._standard_loss(self._width) if self.loss is None else self.loss
        self.optimizer_ = self._optimizer()
        self.history_: dict[str, list[float]] = {}
        self.n_iter_ = 0

    def _made(self, X: Array, outputs: int) -> nn.Module:
        inputs = X.shape[1] if X.ndim > 1 else 1
        if self.module is None:
            return nn.Sequential(nn.Linear(inputs, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, outputs))
        if isinstance(self.module, nn.Module):
            return copy.deepcopy(self.module)
        if not callable(self.module):
            raise ArgumentTypeError(f"module must be an nn.Module or a function that makes one, got {self.module!r}")
        try:
            inspect.signature(self.module).bind(inputs, outputs)
        except TypeError:
            made = self.module()
        else:
            made = self.module(inputs, outputs)
        if not isinstance(made, nn.Module):
            raise ArgumentTypeError(f"module: the function must return an nn.Module, got {type(made).__name__}")
        return made

    def _optimizer(self) -> optim.Optimizer:
        options: dict[str, Any] = {} if self.lr is None else {"lr": self.lr}
        if callable(self.optimizer):
            return self.optimizer(self.module_.parameters(), **options)
        known = {name.lower(): getattr(optim, name) for name in optim.__all__}
        kind = known.get(str(self.optimizer).lower())
        if not (isinstance(kind, type) and issubclass(kind, optim.Optimizer)):
            raise ArgumentError(f"optimizer: there is none called {self.optimizer!r}{suggest(self.optimizer, known)}")
        return kind(self.module_.parameters(), **options)

    def _train(self, rows: list[Array], val: list[Array] | None, epochs: int) -> None:
        weighted = len(rows) > 2
        weighing = Weighted(self._loss, rows[1].dtype.kind == "i") if weighted else None
        if not (self.scheduler is None or callable(self.scheduler)):
            raise ArgumentTypeError(f"scheduler must be a function of the optimizer, got {self.scheduler!r}")
        watchers: list[Any] = []
        if self.early_stopping:
            watchers = [EarlyStopping("val_loss", int(min(self.n_iter_no_change, self.max_iter)), self.tol)]
        trainer = Trainer(
            self.module_,
            weighing or self._loss,
            self.optimizer_,
            metrics=self.metrics,
            callbacks=[*watchers, *self.callbacks],
            scheduler=None if self.scheduler is None else self.scheduler(self.optimizer_),
            clip_grad_norm=self.clip_grad_norm,
        )
        trainer.metrics = resolved(self.metrics, self._loss, self._several_labels)
        if weighing is not None:
            trainer.metrics = [weighing.metric(metric) for metric in trainer.metrics]
        size: Any = "full" if self.batch_size == "auto" else self.batch_size
        run = trainer.fit(
            _packed(rows),
            None if val is None else _packed(val if not weighted or len(val) > 2 else [*val, np.ones(len(val[0]))]),
            epochs=epochs,
            batch_size=size if size == "full" else min(int(size), len(rows[0])),
            shuffle=self.shuffle,
            compile=self.compile,
            threads=threads(),
            progress=bool(self.verbose),
        )
        if run.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        self.history_ = self.history_ | {n: self.history_.get(n, []) + values for n, values in run.history.items()}
        self.loss_curve_ = self.history_["loss"]
        self.validation_loss_curve_ = self.history_.get("val_loss")
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.nan
        self.n_iter_ = len(run.history["loss"])
        for parameter in self.module_.parameters():
            parameter.grad = None
        # Predictions on several threads must find it in this mode, and not take turns in setting and undoing it.
        self.module_.eval()

    def to_module(self) -> nn.Module:
        """The trained module, copied."""
        check_is_fitted(self, "module_")
        return copy.deepcopy(self.module_)

    # -- predicting --------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """The module's outputs for rows, (n, outputs)."""
        check_is_fitted(self, "module_")
        X = numbers(self, X, reset=False, allow_nd=True)[0].astype(self._dtype, copy=False)
        predictor = _predictors.get(self)
        if predictor is None or predictor.module is not self.module_:
            predictor = _predictors[self] = Forward(self.module_, self.compile)
        blocks = [predictor(X[at : at + _BLOCK]) for at in range(0, len(X), _BLOCK)]
        outputs = np.concatenate(blocks)
        return outputs[:, None] if outputs.ndim == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class Forward:
    """A module's outputs in evaluation mode, as machine code where it can be traced.

    Args:
        module: The module.
        native: Whether to make machine code.
    """

    def __init__(self, module: nn.Module, native: bool) -> None:
        self.module = module
        self._run: Any = compile(lambda x: module(x)) if native else module

    def __call__(self, x: Array) -> Array:
        """The outputs for rows."""
        with in_mode(self.module, training=False), no_grad():
            try:
                found = self._run(from_numpy(np.require(x, requirements=["C", "W"])))
            except GraphError:
                self._run = self.module
                found = self._run(from_numpy(np.require(x, requirements=["C", "W"])))
        return found.numpy()


def _packed(rows: list[Array]) -> tuple[Array, Array]:
    """Inputs, and targets with the weights as their last column."""
    inputs, targets, *weight = rows
    if not weight:
        return inputs, targets
    columns = targets[:, None] if targets.ndim == 1 else targets
    return inputs, np.concatenate([columns, weight[0][:, None]], axis=1).astype(inputs.dtype)
