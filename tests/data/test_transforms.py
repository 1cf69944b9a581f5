import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import backlit
from backlit.data.transforms import Compose, Flatten, Lambda, Normalize, ToTensor, batched
from backlit.errors import ArgumentError, DtypeError, ShapeError


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_to_tensor_of_bytes():
    image = pixels(5, 7)
    for source in (image, Image.fromarray(image)):
        result = ToTensor()(source)
        assert result.dtype == backlit.float32
        assert tuple(result.shape) == (1, 5, 7)
        assert (result.numpy()[0] == image.astype(np.float32) / np.float32(255)).all()


def test_to_tensor_moves_channels_first():
    image = pixels(5, 7, 3)
    for source in (image, Image.fromarray(image)):
        result = ToTensor()(source)
        assert tuple(result.shape) == (3, 5, 7)
        assert (result.numpy()[2] == image[:, :, 2] / np.float32(255)).all()


def test_to_tensor_keeps_other_types():
    assert ToTensor()(np.full((2, 2), 3.5)).dtype == backlit.float64
    assert ToTensor()(Image.new("1", (2, 2), 1)).tolist() == [[[1.0, 1.0], [1.0, 1.0]]]
    for shape in ((3,), (1, 2, 3, 4)):
        with pytest.raises(ShapeError, match="ToTensor"):
            ToTensor()(np.zeros(shape))


def test_normalize():
    result = Normalize([0.5, 1.0], [0.5, 2.0])(backlit.tensor([[[1.0]], [[5.0]]]))
    assert result.tolist() == [[[1.0]], [[2.0]]]
    with pytest.raises(ArgumentError, match="division by zero"):
        Normalize([0.0], [0.0])
    with pytest.raises(DtypeError, match="ToTensor"):
        Normalize([0.0], [1.0])(np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(ShapeError, match="3 means"):
        Normalize([0.0] * 3, [1.0] * 3)(backlit.zeros(2, 4, 4))


@given(st.integers(0, 4), st.sampled_from([(4, 6), (4, 6, 3)]))
def test_many_images_at_once_equal_one_at_a_time(n, shape):
    images = pixels(n, *shape)
    channels = 1 if len(shape) == 2 else 3
    transform = Compose([ToTensor(), Normalize([0.2] * channels, [0.7] * channels), Flatten()])
    many = batched(transform)(images)
    assert many.shape == (n, 24 * channels)
    for image, result in zip(images, many, strict=True):
        assert transform(image).numpy().tobytes() == result.tobytes()


def test_transforms_of_one_image_only_are_not_batched():
    class Inverted(ToTensor):
        def __call__(self, image):
            return 1 - super().__call__(image)

    for transform in (Lambda(abs), Inverted(), Compose([ToTensor(), Lambda(abs)]), Compose([Inverted()]), str):
        assert batched(transform) is None
    assert Compose([ToTensor(), Lambda(lambda x: x + 1)])(pixels(2, 2)).numpy().min() >= 1


def test_repr():
    text = "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n)"
    assert repr(Compose([ToTensor(), Normalize((0.5,), (0.5,))])) == text
