"""Helpers for all parameters of a network at once."""

from typing import NoReturn

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.nn.utils import rnn
from backlit.nn.utils.clipping import clip_grad_norm_, clip_grad_value_, get_total_norm
from backlit.nn.utils.vectors import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]

answer_at(globals(), __all__)


def __getattr__(name: str) -> NoReturn:
    raise missing_name("nn.utils", name, __all__)
