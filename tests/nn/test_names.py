"""A name of PyTorch's that backlit lacks says so, and names the nearest that exists."""

import pytest

from backlit import nn
from backlit.errors import MissingNameError


@pytest.mark.parametrize(
    ("place", "name", "nearest"),
    [
        (nn, "AdaptiveLogSoftmaxWithLoss", "PyTorch has it, backlit does not"),
        (nn, "Liner", "the nearest that exists is 'Linear'"),
        (nn.functional, "ctc_loss", "PyTorch has it, backlit does not"),
        (nn.functional, "leaky_rleu", "the nearest that exists is 'leaky_relu'"),
        (nn.init, "sparse_", "PyTorch has it, backlit does not"),
        (nn.init, "xavier_unifrom_", "the nearest that exists is 'xavier_uniform_'"),
        (nn.utils, "weight_norm", "PyTorch has it, backlit does not"),
        (nn.utils, "clip_grad_nrom_", "the nearest that exists is 'clip_grad_norm_'"),
    ],
)
def test_a_missing_name_is_told(place, name, nearest):
    with pytest.raises(MissingNameError, match=nearest):
        getattr(place, name)


def test_what_is_not_like_anything_has_no_nearest():
    with pytest.raises(MissingNameError, match=r"no 'AdaptiveLogSoftmaxWithLoss': PyTorch has it, backlit does not$"):
        _ = nn.AdaptiveLogSoftmaxWithLoss


@pytest.mark.parametrize("place", [nn, nn.functional, nn.init, nn.utils])
def test_every_public_name_is_there_and_documented(place):
    for name in place.__all__:
        assert getattr(place, name).__doc__, name
    assert len(set(place.__all__)) == len(place.__all__)
