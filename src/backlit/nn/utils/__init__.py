"""Helpers for all parameters of a network at once."""

from backlit.nn.utils.clipping import clip_grad_norm_, clip_grad_value_, get_total_norm
from backlit.nn.utils.vectors import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]
