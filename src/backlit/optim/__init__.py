"""Optimizers and learning-rate schedulers, under PyTorch's names."""

from typing import NoReturn

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.optim import lr_scheduler
from backlit.optim.adagrad import Adagrad
from backlit.optim.adam import Adam, AdamW
from backlit.optim.lbfgs import LBFGS
from backlit.optim.optimizer import Optimizer
from backlit.optim.rmsprop import RMSprop
from backlit.optim.sgd import SGD

__all__ = ["LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]

answer_at(globals(), __all__)


def __getattr__(name: str) -> NoReturn:
    raise missing_name("optim", name, __all__)
