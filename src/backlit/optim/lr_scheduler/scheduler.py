"""What all schedulers share: counting, setting rates, saving and loading."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from backlit.core.stateful import Stateful, is_stateful
from backlit.core.stepped import Stepped, untraced
from backlit.core.tensor_base import TensorBase
from backlit.errors import ArgumentTypeError, StateError
from backlit.optim.checks import made_outside
from backlit.optim.optimizer import Optimizer
from backlit.optim.param_group import ParamGroup


def check_optimizer(owner: str, optimizer: Any) -> None:
    """Raise `ArgumentTypeError` unless `optimizer` is one, and `GraphError` while a program is traced."""
    made_outside(owner)
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"{owner}: expected an optimizer, got {type(optimizer).__name__}")


class LRScheduler(Stepped):
    """Base of schedulers that know the rate from the number of steps.

    The constructor takes the first step, which sets the rates of epoch 0. Most schedulers multiply the rates they find,
    so that several of them on one optimizer multiply up. A function that is compiled may call `step`.

    Attributes:
        optimizer: The optimizer whose groups' rates are set.
        last_epoch: Number of steps since the first.
        base_lrs: The rate of each group before scheduling.
    """

    # State that a saved scheduler does not hold.
    _unsaved: tuple[str, ...] = ("optimizer",)
    # Whether the step being taken is the first one, on which relative schedules start from the rates they find.
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(self.name, optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise StateError(
                    f"{self.name}: last_epoch={last_epoch} continues a schedule, but parameter group {i} has no "
                    "'initial_lr'; load the optimizer's state first"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    @property
    def name(self) -> str:
        """The name of the scheduler's class, for messages."""
        return type(self).__name__

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            del self._is_initial

    @property
    def _groups(self) -> list[ParamGroup]:
        return self.optimizer.param_groups

    def get_last_lr(self) -> list[float]:
        """The rates of all groups after the latest step."""
        untraced(f"{self.name}: its rates were read")
        return self._last_lr

    def get_lr(self) -> list[float]:
        """The rates of all groups at `last_epoch`, given those that the groups have now."""
        raise NotImplementedError(f"{self.name}: a scheduler must define get_lr")

    def step(self, epoch: int | None = None) -> None:
        """Go on by one epoch, or to `epoch`, and set the rates."""
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed_form = getattr(self, "_get_closed_form_lr", self.get_lr)
        self._set_lrs(self.get_lr() if epoch is None else closed_form())

    def _set_lrs(self, rates: Sequence[float]) -> None:
        for group, lr in zip(self._groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = [group["lr"] for group in self._groups]

    def state_dict(self) -> dict[str, Any]:
        """All that the scheduler knows, other than its optimizer."""
        return {key: value for key, value in vars(self).items() if key not in self._unsaved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state that `state_dict` gave.

        Raises:
            StateError: It is the state of a scheduler of another kind or for another number of groups. Nothing has
                changed.
        """
        untraced(f"{self.name}: a state was loaded")
        self._check_state(state_dict)
        vars(self).update({key: deepcopy(state_dict[key]) for key in LRScheduler.state_dict(self)})

    # -- inside a program that is traced -----------------------------------------------------------------------------

    def step_owner(self) -> Stateful:
        """See `Stepped.step_owner`: the optimizer."""
        return self.optimizer

    def step_tensors(self) -> Iterator[TensorBase]:
        """See `Stepped.step_tensors`: the rates of all groups."""
        for group in self._groups:
            yield from group.tensors()

    def step_edits(self) -> int:
        """See `Stepped.step_edits`: those of the groups' options."""
        return sum(group.version for group in self._groups)

    def step_undo(self) -> Callable[[], None]:
        """See `Stepped.step_undo`."""
        groups = [group.undo() for group in self._groups]
        kept: dict[int, Callable[[], None]] = {}
        _keep(self, kept)

        def put_back() -> None:
            for undo in (*kept.values(), *groups):
                undo()

        return put_back

    def _check_state(self, state_dict: Mapping[str, Any]) -> None:
        own = self.state_dict()
        missing = sorted(set(own) - set(state_dict))
        if missing:
            raise StateError(
                f"{self.name}: the state has no {', '.join(map(repr, missing))}; is it another scheduler's?"
            )
        for key in ("base_lrs", "_last_lr"):
            if key in own and len(state_dict[key]) != len(self._groups):
                raise StateError(
                    f"{self.name}: the state is for {len(state_dict[key])} parameter groups, the optimizer has "
                    f"{len(self._groups)}"
                )


def _keep(value: Any, kept: dict[int, Callable[[], None]]) -> None:
    """Note how to put back containers, what functions close over, and schedulers and objects to call in these.

    Args:
        value: Where to begin.
        kept: Grows by a function for each of them, by identity.
    """
    if isinstance(value, (dict, list)):
        if id(value) not in kept:
            kept[id(value)] = partial(_refill, value, value.copy())
            for part in value.values() if isinstance(value, dict) else value:
                _keep(part, kept)
    elif isinstance(value, MethodType):
        _keep(value.__self__, kept)
    elif isinstance(value, FunctionType):
        for cell in value.__closure__ or ():
            # A name without a value yet has no contents.
            with suppress(ValueError):
                content = cell.cell_contents
                if id(cell) not in kept:
                    kept[id(cell)] = partial(setattr, cell, "cell_contents", content)
                    _keep(content, kept)
    elif isinstance(value, partial):
        _keep(value.func, kept)
    elif (isinstance(value, LRScheduler) or callable(value)) and not is_stateful(value):
        _keep(getattr(value, "__dict__", None), kept)


def _refill(container: Any, content: Any) -> None:
    container.clear()
    if isinstance(container, dict):
        container.update(content)
    else:
        container.extend(content)
