"""Modules, parameters, losses, initial values: what networks are built of, under PyTorch's names."""

from backlit.nn import functional, init
from backlit.nn.layers.activation import ReLU
from backlit.nn.layers.containers import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from backlit.nn.layers.linear import Identity, Linear
from backlit.nn.layers.loss import CrossEntropyLoss, MSELoss
from backlit.nn.layers.shape import Flatten, Unflatten
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter

__all__ = [
    "CrossEntropyLoss",
    "Flatten",
    "Identity",
    "Linear",
    "MSELoss",
    "Module",
    "ModuleDict",
    "ModuleList",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "Sequential",
    "Unflatten",
    "functional",
    "init",
]
