"""Pools beside a loop over windows, at all their settings."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backlit
from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn import functional as F
from backlit.testing import assert_close


def windows_along(length, size, step, padding, gap, ceil_mode):
    """For each window the places that it sees, border included, counted from the first element inside."""
    reach, end = gap * (size - 1) + 1, length + padding
    starts = range(-padding, end, step)
    # A window may reach out where the one before leaves elements over, and it begins before the border at the end.
    counted = [s for s in starts if s + reach <= end or (ceil_mode and s - step + reach < end and s < length)]
    return [[start + gap * k for k in range(size)] for start in counted]


def seen(shape, axes):
    """All windows of one plane: their position, and the places of their elements, in the order of memory."""
    along = [windows_along(n, *axis) for n, axis in zip(shape, axes, strict=True)]
    for position in itertools.product(*(range(len(a)) for a in along)):
        yield position, list(itertools.product(*(a[i] for a, i in zip(along, position, strict=True))))


def inside(place, shape):
    return all(0 <= i < n for i, n in zip(place, shape, strict=True))


def looped_max(x, axes):
    """The largest of each window, where it is, and how often each element is such."""
    values, indices, counts = {}, {}, np.zeros(x.shape)
    for position, places in seen(x.shape, axes):
        best = max((p for p in places if inside(p, x.shape)), key=lambda p: x[p])
        values[position], indices[position] = x[best], np.ravel_multi_index(best, x.shape)
        counts[best] += 1
    return as_array(values), as_array(indices), counts


def looped_mean(x, axes, with_border, divisor):
    values = {}
    for position, places in seen(x.shape, axes):
        mine = [p for p in places if inside(p, x.shape)]
        if with_border:
            bounds = [(-a[2], n + a[2]) for n, a in zip(x.shape, axes, strict=True)]
            count = sum(all(lo <= i < hi for i, (lo, hi) in zip(p, bounds, strict=True)) for p in places)
        else:
            count = len(mine)
        values[position] = sum(x[p] for p in mine) / (divisor or count)
    return as_array(values)


def as_array(values):
    shape = [1 + max(position[d] for position in values) for d in range(len(next(iter(values))))]
    return np.array([values[p] for p in itertools.product(*(range(n) for n in shape))]).reshape(shape)


@st.composite
def axes_and_input(draw, dilated):
    """Sizes with a window along each, of which one fits, and whole numbers with many equal ones."""
    axes, shape = [], []
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, 3))
        gap = draw(st.integers(1, 2)) if dilated else 1
        padding = draw(st.integers(0, size // 2)) if gap == 1 else 0
        axes.append((size, draw(st.integers(1, 3)), padding, gap))
        shape.append(draw(st.integers(gap * (size - 1) + 1, 6)))
    ceil_mode = draw(st.booleans())
    seed = draw(st.integers(0, 1000))
    x = np.random.default_rng(seed).integers(-2, 3, shape).astype(float)
    return x, [(*axis, ceil_mode) for axis in axes]


@settings(max_examples=80, deadline=None)
@given(axes_and_input(dilated=True))
def test_max_pool_is_a_loop_over_windows(case):
    x, axes = case
    size, stride, padding, dilation, ceil_mode = zip(*axes, strict=True)
    pool = getattr(F, f"max_pool{x.ndim}d")
    given = backlit.tensor(x[None], requires_grad=True)
    out = pool(given, size, stride, padding, dilation, ceil_mode[0])
    values, indices, counts = looped_max(x, axes)
    np.testing.assert_array_equal(out.detach()[0], values)
    out.sum().backward()
    np.testing.assert_array_equal(given.grad[0], counts)
    both = pool(given, size, stride, padding, dilation, ceil_mode[0], return_indices=True)
    np.testing.assert_array_equal(both[0].detach()[0], values)
    np.testing.assert_array_equal(both[1][0], indices)


@settings(max_examples=80, deadline=None)
@given(axes_and_input(dilated=False), st.booleans(), st.sampled_from([None, 3]))
def test_avg_pool_is_a_loop_over_windows(case, with_border, divisor):
    x, axes = case
    size, stride, padding, _, ceil_mode = zip(*axes, strict=True)
    options = {"divisor_override": divisor} if x.ndim > 1 else {}
    pool = getattr(F, f"avg_pool{x.ndim}d")
    out = pool(backlit.tensor(x[None]), size, stride, padding, ceil_mode[0], with_border, **options)
    np.testing.assert_allclose(out[0], looped_mean(x, axes, with_border, options.get("divisor_override")), atol=1e-14)


def test_a_planted_fault_is_seen(monkeypatch):
    monkeypatch.setattr("backlit.nn.functional.pool_windows.np.maximum", np.minimum)
    with pytest.raises(AssertionError):
        test_max_pool_is_a_loop_over_windows.hypothesis.inner_test((np.arange(4.0), [(2, 2, 0, 1, False)]))


def test_of_equal_elements_the_first_is_the_largest():
    x = backlit.ones(1, 1, 4, 4, requires_grad=True)
    out, indices = F.max_pool2d(x, 2, return_indices=True)
    out.sum().backward()
    assert indices.tolist() == [[[[0, 2], [8, 10]]]]
    assert x.grad.nonzero().tolist() == [[0, 0, i, j] for i in (0, 2) for j in (0, 2)]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_nan_is_the_largest(compiled):
    x = backlit.tensor([[[1.0, float("nan"), 3.0, 2.0, float("nan"), float("nan")]]], requires_grad=True)

    def pooled(x):
        out, indices = F.max_pool1d(x, 2, return_indices=True)
        out = F.max_pool1d(x, 2)
        return out.detach(), indices, backlit.autograd.grad(out.nansum(), x)[0]

    out, indices, grad = (backlit.compile(pooled) if compiled else pooled)(x)
    assert str(out.tolist()) == "[[[nan, 3.0, nan]]]"
    assert indices.tolist() == [[[1, 2, 5]]]
    assert grad.tolist()[0][0][2:4] == [1.0, 0.0]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_adaptive_pools_share_out_the_input(count):
    x = np.random.default_rng(0).normal(size=(2, 5))
    bounds = [(i * 5 // count, -(-(i + 1) * 5 // count)) for i in range(count)]
    given = backlit.tensor(x)
    assert_close(F.adaptive_avg_pool1d(given, count), backlit.tensor([[r[a:b].mean() for a, b in bounds] for r in x]))
    out, indices = F.adaptive_max_pool1d(given, count, return_indices=True)
    np.testing.assert_array_equal(out, [[r[a:b].max() for a, b in bounds] for r in x])
    np.testing.assert_array_equal(indices, [[a + r[a:b].argmax() for a, b in bounds] for r in x])
    np.testing.assert_array_equal(F.adaptive_max_pool1d(given, count), out)


def test_norms_of_windows():
    x = backlit.tensor([[3.0, -4.0, 0.0, 0.0, -1.0, 1.0]], dtype=backlit.float64, requires_grad=True)
    out = F.lp_pool1d(x, 2, 2)
    assert out.tolist()[0] == pytest.approx([5.0, 0.0, 2**0.5])
    out.sum().backward()
    assert x.grad.tolist()[0] == pytest.approx([0.6, -0.8, 0.0, 0.0, -(0.5**0.5), 0.5**0.5])
    assert F.lp_pool1d(x, float("inf"), 2).tolist() == [[4.0, 0.0, 1.0]]


IMAGE = backlit.zeros(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: F.max_pool2d(IMAGE[0, 0], 2),
            ShapeError,
            r"max_pool2d: got an input of shape \(4, 4\), expected \(cha",
        ),
        (lambda: F.max_pool2d(IMAGE, 5), ShapeError, r"windows of \(5, 5\) do not fit .* \(2, 3, 4, 4\); make kernel"),
        (
            lambda: F.max_pool2d(IMAGE, 0),
            ArgumentError,
            "kernel_size must be an integer or 2 integers, at least 1, got 0",
        ),
        (lambda: F.max_pool2d(IMAGE, (2, 2, 2)), ArgumentError, "kernel_size must be"),
        (lambda: F.max_pool2d(IMAGE, 2, 0), ArgumentError, "stride must be"),
        (lambda: F.max_pool2d(IMAGE, 2, padding=2), ArgumentError, "padding 2 is more than half of a window"),
        (lambda: F.max_pool2d(IMAGE, 2, dilation=0), ArgumentError, "dilation must be"),
        (lambda: F.max_pool2d(IMAGE.long(), 2), DtypeError, r"max_pool2d: .*use \.float\(\)"),
        (lambda: F.avg_pool2d(IMAGE, 2, divisor_override=0), ArgumentError, "divisor_override must not be 0"),
        (lambda: F.adaptive_avg_pool2d(IMAGE, 0), ArgumentError, "output_size must be"),
        (lambda: F.adaptive_avg_pool2d(IMAGE, (1, 2, 3)), ArgumentError, "output_size must be"),
        (lambda: F.adaptive_max_pool2d(IMAGE[..., :0], 2), ShapeError, "nothing to pool"),
    ],
)
def test_what_cannot_be_pooled_says_why(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
