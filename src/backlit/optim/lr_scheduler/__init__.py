"""Schedulers: they change an optimizer's learning rates from epoch to epoch or from batch to batch."""

from typing import NoReturn

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from backlit.optim.lr_scheduler.multiplied import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from backlit.optim.lr_scheduler.one_cycle import OneCycleLR
from backlit.optim.lr_scheduler.plateau import ReduceLROnPlateau
from backlit.optim.lr_scheduler.scheduler import LRScheduler
from backlit.optim.lr_scheduler.sequential import SequentialLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]

answer_at(globals(), __all__)


def __getattr__(name: str) -> NoReturn:
    raise missing_name("optim.lr_scheduler", name, __all__)
