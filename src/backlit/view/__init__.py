"""Pictures and explanations: every value, gradient and local derivative of a network, drawn and in words."""

from backlit.view.activations import activations
from backlit.view.attention import attention
from backlit.view.computation import graph
from backlit.view.convolution import feature_maps, kernels
from backlit.view.evaluating import calibration, importances, residuals
from backlit.view.explanation import explain
from backlit.view.function import Snapshots, approximation, function
from backlit.view.images import pixels, weights
from backlit.view.judging import agreement, confusion, gallery
from backlit.view.landscape import Path, Surface, interpolation, landscape
from backlit.view.network import Network, network
from backlit.view.node_page import node
from backlit.view.pieces import Piece, Pieces, pieces
from backlit.view.stepping import steps
from backlit.view.summary import Layer, Summary, summary
from backlit.view.training import training

__all__ = [
    "Layer",
    "Network",
    "Path",
    "Piece",
    "Pieces",
    "Snapshots",
    "Summary",
    "Surface",
    "activations",
    "agreement",
    "approximation",
    "attention",
    "calibration",
    "confusion",
    "explain",
    "feature_maps",
    "function",
    "gallery",
    "graph",
    "importances",
    "interpolation",
    "kernels",
    "landscape",
    "network",
    "node",
    "pieces",
    "pixels",
    "residuals",
    "steps",
    "summary",
    "training",
    "weights",
]
