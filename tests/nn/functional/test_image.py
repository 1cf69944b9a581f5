"""Images resized and their pixels and channels moved: what the table of layers does not show."""

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import functional as F

IMAGE = backlit.tensor(np.arange(24.0).reshape(1, 2, 3, 4))


def test_a_line_stays_a_line():
    line = backlit.arange(5.0).reshape(1, 1, 5)
    np.testing.assert_allclose(F.interpolate(line, 9, mode="linear", align_corners=True)[0, 0], np.arange(9) / 2)
    inner = F.interpolate(line, scale_factor=2.0, mode="linear")[0, 0, 1:-1]
    np.testing.assert_allclose(inner, np.arange(8) / 2 + 0.25)


def test_a_mean_is_kept_by_areas():
    small = F.interpolate(IMAGE, (1, 2), mode="area")
    np.testing.assert_allclose(small[0, :, 0], IMAGE.numpy().reshape(2, 3, 2, 2).mean((1, 3)))


def test_cubic_convolution_goes_through_its_points():
    found = F.interpolate(IMAGE, (5, 7), mode="bicubic", align_corners=True)
    np.testing.assert_allclose(found[..., ::2, ::2], IMAGE, atol=1e-12)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic", "area"])
def test_the_same_size_is_a_copy(mode):
    given = IMAGE.clone()
    same = F.interpolate(given, size=(3, 4), mode=mode)
    np.testing.assert_allclose(same, IMAGE, atol=1e-12)
    same.zero_()
    assert given.sum() == IMAGE.sum()


def test_large_images_are_resized_without_python():
    """A long dimension's places and weights are computed in the program, not kept as an array beside it."""

    def resized(x):
        return (
            F.interpolate(x, scale_factor=1.5, mode="bilinear"),
            F.interpolate(x, 41),
            F.avg_pool2d(x, 3, 2, 1, True, False),
        )

    given = backlit.rand(2, 1, 30, 31)
    compiled = backlit.compile(resized)
    for found, expected in zip(compiled(given), resized(given), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert "Called back into Python: none" in str(compiled.explain(given))


def test_pixels_and_channels_come_back():
    many = backlit.tensor(np.arange(96.0).reshape(1, 8, 3, 4))
    shuffled = F.pixel_shuffle(many, 2)
    assert shuffled.shape == (1, 2, 6, 8)
    assert shuffled[0, 0, :2, :2].flatten().tolist() == [0.0, 12.0, 24.0, 36.0]
    np.testing.assert_array_equal(F.pixel_unshuffle(shuffled, 2), many)
    assert F.channel_shuffle(many, 2)[0, :, 0, 0].tolist() == [0.0, 48.0, 12.0, 60.0, 24.0, 72.0, 36.0, 84.0]
    np.testing.assert_array_equal(F.channel_shuffle(F.channel_shuffle(many, 2), 4), many)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: F.interpolate(IMAGE), ArgumentError, "give either size or scale_factor"),
        (lambda: F.interpolate(IMAGE, 2, 2.0), ArgumentError, "and not both"),
        (
            lambda: F.interpolate(IMAGE, 2, mode="nearst"),
            ArgumentError,
            "unknown mode 'nearst'; did you mean 'nearest'",
        ),
        (lambda: F.interpolate(IMAGE, 2, mode="linear"), ShapeError, "mode 'linear' needs 3 dimensions"),
        (lambda: F.interpolate(IMAGE[0, 0], 2), ShapeError, "needs 3 or 4 or 5 dimensions"),
        (lambda: F.interpolate(IMAGE, 2, align_corners=True), ArgumentError, "align_corners is for linear"),
        (lambda: F.interpolate(IMAGE, (2, 2, 2)), ArgumentError, "size must be an integer or 2 integers"),
        (lambda: F.interpolate(IMAGE, scale_factor=0.1), ArgumentError, r"leave something of sizes \(3, 4\), got 0.1"),
        (lambda: F.interpolate(IMAGE, scale_factor=(1.0, 1.0, 1.0)), ArgumentError, "a positive number or 2 of them"),
        (lambda: F.pixel_shuffle(IMAGE, 2), ShapeError, "2 features do not share out evenly to 4 groups"),
        (lambda: F.pixel_shuffle(IMAGE[0, 0], 2), ShapeError, r"expected \(\*, channels, height, width\)"),
        (lambda: F.pixel_unshuffle(IMAGE, 2), ShapeError, "multiples of downscale_factor 2"),
        (lambda: F.channel_shuffle(IMAGE, 3), ShapeError, "do not share out evenly to 3 groups"),
        (lambda: F.channel_shuffle(IMAGE, 0), ShapeError, "do not share out evenly to 0 groups"),
        (lambda: F.channel_shuffle(IMAGE[0, 0], 2), ShapeError, r"expected \(n, channels, \*sizes\)"),
    ],
)
def test_what_cannot_be_done_says_why(call, kind, words):
    with pytest.raises(kind, match=words):
        call()
