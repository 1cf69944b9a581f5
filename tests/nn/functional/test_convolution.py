"""Convolutions beside their definition, in loops, and what they tell of input that does not fit."""

import itertools
import tracemalloc

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, GradientError, ShapeError
from backlit.nn import functional as F
from backlit.nn.functional import columns, convolution

SETTINGS = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"padding": "same"},
    {"padding": "valid", "dilation": 2},
    {"stride": 3, "padding": 2, "dilation": 2},
    {"groups": 2},
    {"groups": 4, "padding": 1, "stride": 2},
]
CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
SIZES, KERNEL = (7, 6, 8), (3, 2, 3)


def by_definition(x, weight, bias, stride=1, padding=0, dilation=1, groups=1):
    """The sum over what is in each window, place by place."""
    outputs, channels, *kernel = weight.shape
    total = [dilation * (n - 1) for n in kernel]
    pairs = {"same": [(n // 2, n - n // 2) for n in total], "valid": [(0, 0)] * len(kernel)}
    x = np.pad(x, [(0, 0), (0, 0), *pairs.get(padding, [(padding, padding)] * len(kernel))])
    found = [(n - t - 1) // stride + 1 for n, t in zip(x.shape[2:], total, strict=True)]
    out = np.zeros((len(x), outputs, *found))
    for place in np.ndindex(*found):
        window = x[(..., *(slice(p * stride, p * stride + t + 1, dilation) for p, t in zip(place, total, strict=True)))]
        for o in range(outputs):
            group = o // (outputs // groups)
            part = window[:, group * channels : (group + 1) * channels]
            out[(slice(None), o, *place)] = (part * weight[o]).reshape(len(x), -1).sum(1) + bias[o]
    return out


def arrays(rank, groups=1, transposed=False, rows=2):
    rng = np.random.default_rng(rank)
    shape = (4, 8 // groups, *KERNEL[:rank]) if transposed else (8, 4 // groups, *KERNEL[:rank])
    return [rng.normal(size=s) for s in ((rows, 4, *SIZES[:rank]), shape, 8)]


def tensors(*given, **options):
    return [backlit.tensor(a, requires_grad=True, **options) for a in given]


@pytest.mark.parametrize(("rank", "settings"), list(itertools.product((1, 2, 3), SETTINGS)), ids=str)
def test_convolutions_are_their_definition(rank, settings):
    given = arrays(rank, settings.get("groups", 1))
    found = CONVOLUTIONS[rank](*tensors(*given), **settings)
    np.testing.assert_allclose(found.detach(), by_definition(*given, **settings), atol=1e-12)


@pytest.mark.parametrize(
    ("rank", "settings"),
    list(itertools.product((1, 2, 3), [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2, "stride": 3}])),
    ids=str,
)
def test_a_transposed_convolution_is_the_transpose(rank, settings):
    y, weight, _ = arrays(rank, settings.get("groups", 1), transposed=True)
    sent = TRANSPOSED[rank](*tensors(y, weight), **settings)
    x = np.random.default_rng(5).normal(size=sent.shape)
    seen = CONVOLUTIONS[rank](*tensors(x, weight), **settings)
    assert seen.shape == y.shape
    np.testing.assert_allclose((seen.detach().numpy() * y).sum(), (x * sent.detach().numpy()).sum())


def test_output_padding_makes_the_end_longer():
    y, weight, bias = tensors(*arrays(2, transposed=True))
    short = F.conv_transpose2d(y, weight, bias, stride=3, padding=1)
    long = F.conv_transpose2d(y, weight, bias, stride=3, padding=1, output_padding=(2, 1))
    assert long.shape == (*short.shape[:2], short.shape[2] + 2, short.shape[3] + 1)
    np.testing.assert_array_equal(long.detach()[:, :, : short.shape[2], : short.shape[3]], short.detach())


@pytest.mark.parametrize("at_once", [1, 2**40])
@pytest.mark.parametrize("transposed", [False, True])
def test_pieces_of_rows_make_no_difference(at_once, transposed, monkeypatch):
    given = arrays(2, groups=2, transposed=transposed, rows=5)
    function = (TRANSPOSED if transposed else CONVOLUTIONS)[2]

    def found():
        inputs = tensors(*given)
        result = function(*inputs, stride=2, padding=1, groups=2)
        result.square().sum().backward()
        return [result.detach(), *(t.grad for t in inputs)]

    whole = found()
    monkeypatch.setattr(columns, "_AT_ONCE", at_once)
    for one, other in zip(whole, found(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_memory_does_not_grow_with_the_kernel():
    x, weight = backlit.ones(400, 1, 32, 32), backlit.ones(1, 1, 7, 7)
    F.conv2d(x, weight, padding=3)
    tracemalloc.start()
    F.conv2d(x, weight, padding=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 * 32 * 32 * 4 * 49 / 4


@pytest.mark.parametrize("function", [F.conv2d, F.conv_transpose2d])
def test_a_single_row_needs_no_batch(function):
    x, weight, bias = arrays(2, transposed=function is F.conv_transpose2d)
    one, whole = (function(*tensors(a, weight, bias), stride=2) for a in (x[0], x))
    assert one.shape == whole.shape[1:]
    np.testing.assert_allclose(one.detach(), whole[0].detach(), atol=1e-12)


def test_an_empty_batch_has_gradients_of_zero():
    x, weight, bias = tensors(*arrays(2, rows=0))
    F.conv2d(x, weight, bias, padding=1).sum().backward()
    assert x.grad.shape == x.shape
    assert not weight.grad.numpy().any()
    assert not bias.grad.numpy().any()


def test_a_planted_wrong_gradient_is_caught(monkeypatch):
    given = tensors(*arrays(1))
    assert backlit.autograd.gradcheck(F.conv1d, given)
    right = convolution.spread
    monkeypatch.setattr(convolution, "spread", lambda *args, **settings: right(*args, **settings) * 1.01)
    with pytest.raises(GradientError):
        backlit.autograd.gradcheck(F.conv1d, given)


def test_results_do_not_depend_on_the_order_of_memory():
    x, weight, bias = arrays(2)
    given = tensors(x.transpose(0, 2, 3, 1), weight.transpose(3, 2, 1, 0)[::-1], bias)
    found = F.conv2d(given[0].permute(0, 3, 1, 2), given[1].flip(0).permute(3, 2, 1, 0), given[2])
    np.testing.assert_allclose(found.detach(), by_definition(x, weight, bias), atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "weight", "settings", "told"),
    [
        ((2, 3, 8, 8), (4, 1, 3, 3), {}, r"conv2d: .*\(2, 3, 8, 8\), with 3 channels, expected 1, as in \(n, 1, "),
        ((2, 8, 8, 3), (4, 3, 3, 3), {}, r"channels come last, use input\.permute\(0, 3, 1, 2\)"),
        ((8, 8, 3), (4, 3, 3, 3), {}, r"channels come last, use input\.permute\(2, 0, 1\)"),
        ((8, 28, 28), (4, 1, 3, 3), {}, r"input\.unsqueeze\(1\)"),
        ((28, 28), (4, 1, 3, 3), {}, r"expected \(n, 1, height, width\), or the same without n; .*unsqueeze\(0\)"),
        ((2, 4, 8, 8), (4, 2, 3, 3), {}, "with 4 channels, expected 2"),
        ((2, 4, 8, 8), (3, 2, 3, 3), {"groups": 2}, "3 channels of a weight .* do not part into groups=2"),
        ((2, 4, 8, 8), (4, 4, 3), {}, "weight of shape .*expected 4 dimensions"),
        ((2, 4, 8, 8), (4, 4, 0, 3), {}, "size of at least 1"),
        ((2, 1, 3, 8), (4, 1, 5, 5), {}, r"reaches over \(5, 5\) does not fit into .* \(3, 8\), with padding \(3, 8\)"),
        ((2, 1, 5, 5), (4, 1, 3, 3), {"dilation": 4, "padding": 1}, r"reaches over \(9, 9\)"),
    ],
)
def test_shapes_that_do_not_fit_are_told(shape, weight, settings, told):
    with pytest.raises(ShapeError, match=told):
        F.conv2d(backlit.ones(*shape), backlit.ones(*weight), **settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"stride": 0}, "conv2d: stride must be an integer or 2 integers, at least 1, got 0"),
        ({"stride": (1, 2, 3)}, "stride must be"),
        ({"stride": 1.5}, "stride must be"),
        ({"dilation": (0, 1)}, "dilation must be"),
        ({"padding": -1}, "padding must be an integer or 2 integers, at least 0"),
        ({"padding": "sane"}, "unknown padding 'sane'; did you mean 'same'?"),
        ({"padding": "same", "stride": 2}, r"padding 'same' needs stride 1, got stride \(2, 2\)"),
        ({"groups": 0}, "groups must be"),
    ],
)
def test_settings_out_of_range_are_told(settings, told):
    with pytest.raises(ArgumentError, match=told):
        F.conv2d(backlit.ones(1, 1, 5, 5), backlit.ones(1, 1, 3, 3), **settings)


def test_types_that_do_not_fit_are_told():
    x, weight = backlit.ones(1, 1, 5, 5), backlit.ones(2, 1, 3, 3)
    with pytest.raises(DtypeError, match=r"conv2d: got an input of type float64, its weight is float32; .*float32"):
        F.conv2d(x.double(), weight)
    with pytest.raises(DtypeError, match="conv2d: input must be a floating-point tensor"):
        F.conv2d(x.long(), weight)
    with pytest.raises(DtypeError, match="bias is float64"):
        F.conv2d(x, weight, backlit.ones(2).double())
    with pytest.raises(ShapeError, match=r"bias has shape \(3,\), expected \(2,\)"):
        F.conv2d(x, weight, backlit.ones(3))
    with pytest.raises(ArgumentTypeError, match="conv2d: input must be a tensor, got list"):
        F.conv2d([[1.0]], weight)


def test_transposed_convolutions_tell_what_is_wrong():
    x, weight = backlit.ones(1, 2, 3, 3), backlit.ones(2, 4, 3, 3)
    with pytest.raises(ShapeError, match=r"conv_transpose2d: .* with 3 channels, expected 2"):
        F.conv_transpose2d(backlit.ones(1, 3, 3, 3), weight)
    with pytest.raises(ArgumentError, match=r"output_padding .* must be smaller than stride"):
        F.conv_transpose2d(x, weight, output_padding=1)
    with pytest.raises(ShapeError, match=r"padding .* cuts off all"):
        F.conv_transpose2d(x, weight, padding=3)
