"""Schedulers: saving, going on, and what they refuse. Their rates are compared with PyTorch's in test_reference.py."""

import copy
import json
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import optim
from backlit.errors import ArgumentError, ArgumentTypeError, StateError
from backlit.optim import lr_scheduler
from tests.optim import programs


def sgd(lr: float = 0.1, groups: int = 1) -> Any:
    return optim.SGD([{"params": [backlit.zeros(1).requires_grad_()]} for _ in range(groups)], lr=lr, momentum=0.9)


@pytest.mark.parametrize("case", programs.SCHEDULES)
def test_a_restored_scheduler_goes_on_as_if_nothing_had_happened(case: str) -> None:
    optimizer, scheduler, arguments = programs.scheduled(backlit, optim, case, "SGD")
    other_optimizer, other, _ = programs.scheduled(backlit, optim, case, "SGD")
    for given in arguments[:17]:
        scheduler.step(*given)
    saved = json.loads(json.dumps(scheduler.state_dict()))
    other_optimizer.load_state_dict(optimizer.state_dict())
    other.load_state_dict(saved)
    assert other.get_last_lr() == scheduler.get_last_lr()
    for given in arguments[17:]:
        scheduler.step(*given)
        other.step(*given)
        assert programs.rates(other_optimizer) == programs.rates(optimizer)
    assert other.last_epoch == scheduler.last_epoch
    assert other.get_last_lr() == scheduler.get_last_lr() == programs.rates(optimizer)[:2]


@pytest.mark.parametrize(
    "case", [c for c in programs.SCHEDULES if c not in ("plateau", "plateau max", "sequence", "nested")]
)
def test_a_schedule_can_begin_anywhere(case: str) -> None:
    optimizer, scheduler, arguments = programs.scheduled(backlit, optim, case, "SGD")
    for _ in arguments[:8]:
        scheduler.step()
    other_optimizer, other, _ = programs.scheduled(backlit, optim, case, "SGD")
    other.step(8)
    # Schedules that multiply have a closed form for this; the others know the rate from the epoch alone.
    np.testing.assert_allclose(programs.rates(other_optimizer)[:2], programs.rates(optimizer)[:2], rtol=1e-12)


def test_two_schedulers_multiply_up() -> None:
    optimizer = sgd(lr=1.0)
    first, second = lr_scheduler.ExponentialLR(optimizer, 0.5), lr_scheduler.StepLR(optimizer, 2, 0.1)
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        first.step()
        second.step()
    np.testing.assert_allclose(rates, [1, 0.5, 0.025, 0.0125])


def test_a_schedule_goes_on_from_last_epoch() -> None:
    optimizer = sgd(lr=1.0)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(3):
        scheduler.step()
    again = lr_scheduler.CosineAnnealingLR(optimizer, 8, last_epoch=3)
    assert again.last_epoch == 4
    assert again.base_lrs == [1.0]
    assert optimizer.param_groups[0]["lr"] == 0.125
    with pytest.raises(StateError, match="parameter group 0 has no 'initial_lr'"):
        lr_scheduler.ExponentialLR(sgd(), 0.5, last_epoch=3)


def test_a_callable_object_is_saved_with_its_fields() -> None:
    class Fading:
        def __init__(self, share: float) -> None:
            self.share = share

        def __call__(self, epoch: int) -> float:
            return self.share**epoch

    saved = lr_scheduler.LambdaLR(sgd(), Fading(0.5)).state_dict()
    other = lr_scheduler.LambdaLR(sgd(), Fading(0.25))
    other.load_state_dict(saved)
    other.step()
    assert other.get_last_lr() == [0.05]


def test_plateaus_take_tensors_and_new_groups_are_named() -> None:
    optimizer = sgd(lr=1.0)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    scheduler.step(backlit.tensor(1.0))
    optimizer.add_param_group({"params": [backlit.zeros(1).requires_grad_()]})
    with pytest.raises(StateError, match="append its rate to min_lrs"):
        scheduler.step(2.0)
    scheduler.min_lrs.append(0)
    scheduler.step(2.0)
    assert scheduler.get_last_lr() == [0.1, 0.1]
    with pytest.raises(ArgumentTypeError, match="the metric must be a number, got 'bad'"):
        scheduler.step("bad")


def test_a_cycle_has_an_end() -> None:
    scheduler = lr_scheduler.OneCycleLR(sgd(), 1.0, total_steps=2, pct_start=1.0)
    scheduler.step()
    assert scheduler.get_last_lr() == [1.0]
    scheduler.step()
    with pytest.raises(StateError, match="step 3 is beyond the total of 2"):
        scheduler.step()


def test_a_sequence_goes_on_by_single_epochs() -> None:
    _, scheduler, _ = programs.scheduled(backlit, optim, "sequence", "SGD")
    with pytest.raises(ArgumentError, match="SequentialLR: it can only go on by one epoch"):
        scheduler.step(3)


BAD_STATES: dict[str, Any] = {
    "another scheduler's": lambda s: {"last_epoch": 3},
    "other groups": lambda s: {**s, "_last_lr": [0.1]},
    "other parts": lambda s: {**s, "_schedulers": s["_schedulers"][:1]},
    "a bad part": lambda s: {**s, "_schedulers": [*s["_schedulers"][:2], {}]},
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_a_state_that_does_not_fit_changes_nothing(case: str) -> None:
    _, scheduler, _ = programs.scheduled(backlit, optim, "sequence", "SGD")
    for _ in range(7):
        scheduler.step()
    before = copy.deepcopy(scheduler.state_dict())
    with pytest.raises(StateError, match=r"(SequentialLR|StepLR): the state"):
        scheduler.load_state_dict(BAD_STATES[case](before))
    assert scheduler.state_dict() == before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda o: lr_scheduler.StepLR("sgd", 3), "StepLR: expected an optimizer, got str"),
        (lambda o: lr_scheduler.LambdaLR(3, abs), "LambdaLR: expected an optimizer, got int"),
        (lambda o: lr_scheduler.StepLR(o, 0), "StepLR: step_size must be an integer of at least 1, got 0"),
        (lambda o: lr_scheduler.StepLR(o, 1, "x"), "StepLR: gamma must be a number, got 'x'"),
        (lambda o: lr_scheduler.MultiStepLR(o, [1.5]), "MultiStepLR: a milestone must be an integer"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs, abs]), "LambdaLR: got 2 functions for 1 parameter groups"),
        (lambda o: lr_scheduler.ConstantLR(o, 2.0), "ConstantLR: factor must be at least 0 and at most 1"),
        (lambda o: lr_scheduler.LinearLR(o, 0), "LinearLR: start_factor must be above 0"),
        (lambda o: lr_scheduler.LinearLR(o, 1, 3), "LinearLR: end_factor must be at least 0 and at most 1, got 3"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 0), "CosineAnnealingLR: T_max must be an integer of at least 1"),
        (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 0), "T_mult must be an integer of at least 1"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), "OneCycleLR: give total_steps, or epochs and steps_per_epoch"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, -3), "OneCycleLR: total_steps must be an integer of at least 1"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 3, pct_start=2), "pct_start must be at least 0 and at most 1"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 3, anneal_strategy="exp"), "must be 'cos' or 'linear', got 'exp'"),
        (lambda o: lr_scheduler.OneCycleLR(o, [1, 2], 3), "got 2 values of max_lr for 1 parameter groups"),
        (
            lambda o: lr_scheduler.OneCycleLR(optim.Adagrad([backlit.zeros(1).requires_grad_()]), 1.0, 3),
            "OneCycleLR: Adagrad has no momentum; pass cycle_momentum=False",
        ),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "best"), "mode must be 'min' or 'max', got 'best'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), "factor must be at least 0 and below 1"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, threshold_mode="x"), "must be 'rel' or 'abs'"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, min_lr=[1, 2]), "got 2 values of min_lr for 1 parameter groups"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), "got 0 schedulers and 0 milestones"),
        (lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.StepLR(sgd(), 1)], []), "scheduler 0 belongs to another"),
        (
            lambda o: lr_scheduler.SequentialLR(o, [lr_scheduler.ReduceLROnPlateau(o)], []),
            "scheduler 0 is a ReduceLROnPlateau, whose steps it cannot take",
        ),
    ],
)
def test_bad_arguments_are_named(make: Any, words: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        make(sgd())
