"""Optimizers and learning-rate schedulers, under PyTorch's names."""

from backlit.optim.adam import Adam, AdamW
from backlit.optim.optimizer import Optimizer
from backlit.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]
