"""Layers and losses as functions, `F` in PyTorch's programs."""

from typing import NoReturn

from backlit.core.entrance import answer_at
from backlit.core.missing import missing_name
from backlit.nn.functional.activation import (
    celu,
    elu,
    glu,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    maxout,
    mish,
    relu,
    relu6,
    selu,
    silu,
    softmax,
    softmin,
    threshold,
)
from backlit.nn.functional.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from backlit.nn.functional.attention import scaled_dot_product_attention
from backlit.nn.functional.classification import cross_entropy, nll_loss
from backlit.nn.functional.convolution import conv1d, conv2d, conv3d
from backlit.nn.functional.folding import fold, unfold
from backlit.nn.functional.image import channel_shuffle, interpolate, pixel_shuffle, pixel_unshuffle
from backlit.nn.functional.likelihood import gaussian_nll_loss, poisson_nll_loss
from backlit.nn.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    smooth_l1_loss,
)
from backlit.nn.functional.margin import cosine_embedding_loss, margin_ranking_loss, triplet_margin_loss
from backlit.nn.functional.normalization import (
    batch_norm,
    cosine_similarity,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    pairwise_distance,
    rms_norm,
)
from backlit.nn.functional.padding import pad
from backlit.nn.functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from backlit.nn.functional.regularization import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from backlit.nn.functional.table import bilinear, embedding_bag
from backlit.nn.functional.transposed_convolution import conv_transpose1d, conv_transpose2d, conv_transpose3d
from backlit.ops import (
    embedding,
    gelu,
    hardshrink,
    linear,
    logsigmoid,
    one_hot,
    prelu,
    sigmoid,
    softplus,
    softshrink,
    softsign,
    step,
    tanh,
    tanhshrink,
)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "maxout",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "step",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "unfold",
]

answer_at(globals(), __all__)


def __getattr__(name: str) -> NoReturn:
    raise missing_name("nn.functional", name, __all__)
