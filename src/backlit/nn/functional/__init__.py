"""Layers and losses as functions, `F` in PyTorch's programs."""

from backlit.nn.functional.activation import log_softmax, relu, softmax
from backlit.nn.functional.cross_entropy import cross_entropy, nll_loss
from backlit.nn.functional.loss import mse_loss
from backlit.ops.product import linear

__all__ = ["cross_entropy", "linear", "log_softmax", "mse_loss", "nll_loss", "relu", "softmax"]
