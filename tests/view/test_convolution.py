"""Kernels and feature maps: the numbers that are drawn, and what is said where there are none."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, ShapeError
from backlit.view import feature_maps, kernels, network, weights


@pytest.fixture
def model():
    backlit.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 12, 2),
        nn.Flatten(), nn.Linear(12 * 3 * 3, 2),
    )  # fmt: skip


def drawn(picture, area=0):
    return [np.asarray(image.get_array()) for image in picture._figure.axes[area].images]


def test_kernels_are_the_weight(model):
    picture = kernels(model)
    np.testing.assert_array_equal(picture.data, model[0].weight.detach().numpy())
    assert len(drawn(picture)) == 4
    for image, kernel in zip(drawn(picture), picture.data[:, 0], strict=True):
        np.testing.assert_array_equal(image, kernel)
    assert picture._figure.get_suptitle() == "0: Conv2d, 4 kernels of 3 × 3"


def test_kernels_of_several_channels_are_rows(model):
    picture = kernels(model, "4", most=3)
    images = drawn(picture)
    np.testing.assert_array_equal(images, model[4].weight.detach().numpy()[:3, :3].reshape(9, 2, 2))
    axes = picture._figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("input channel, 3 of 4", "kernel, 3 of 12")
    # The kernels downward, their channels to the right.
    left, _, _, upper = np.transpose([image.get_extent() for image in axes.images])
    assert (np.diff(left.reshape(3, 3), axis=1) > 0).all()
    assert (np.diff(upper.reshape(3, 3), axis=0) > 0).all()


def test_kernels_over_one_dimension():
    layer = nn.Conv1d(2, 3, 5)
    picture = kernels(layer)
    np.testing.assert_array_equal(drawn(picture), layer.weight.detach().numpy())
    assert picture._figure.get_suptitle() == "Conv1d, 3 kernels of 5"


def test_kernels_that_are_not_there(model):
    with pytest.raises(ArgumentTypeError, match=r"nn\.Module, got int"):
        kernels(3)
    with pytest.raises(ArgumentError, match=r"view\.weights draws the first fully connected layer"):
        kernels(nn.Linear(2, 2))
    with pytest.raises(ArgumentError, match=r"layer '1' is no nn\.Conv1d or nn\.Conv2d.*there is '0', '4'"):
        kernels(model, "1")
    with pytest.raises(ArgumentError, match="at least 1, got 0"):
        kernels(model, most=0)


def test_feature_maps_are_what_the_layers_give(model):
    image = backlit.randn(8, 8)
    picture = feature_maps(model, image)
    assert list(picture.data) == ["input", "0", "1", "2", "3", "4"]
    model.eval()
    x = image.reshape(1, 1, 8, 8)
    for place, layer in enumerate(model[:5]):
        x = layer(x)
        np.testing.assert_array_equal(picture.data[str(place)], x[0].detach().numpy())
        images = drawn(picture, place + 1)
        np.testing.assert_allclose(images, picture.data[str(place)][:10], rtol=1e-6)
    words = [axes.get_ylabel().splitlines()[:2] for axes in picture._figure.axes]
    assert words[0] == ["input", "1 × 8 × 8"]
    assert words[-1] == ["4: Conv2d", "12 × 3 × 3"]
    assert picture._figure.get_suptitle() == "What each layer makes of an image, at most 10 channels"


def test_the_model_is_left_as_it_was(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    feature_maps(model, np.ones((1, 8, 8)))
    assert model.training
    assert not any(module._hooks_of("forward") for module in model.modules())
    assert all((value == before[name]).all() for name, value in model.state_dict().items())


def test_no_image(model):
    for shape in ((8,), (3, 1, 8, 8), (1, 0, 8)):
        with pytest.raises(ShapeError, match="expected one image"):
            feature_maps(model, np.zeros(shape))
    with pytest.raises(ArgumentError, match=r"no layer gives an image.*view\.network"):
        feature_maps(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), np.zeros((8, 8)))


def test_values_that_are_not_finite_stand_out():
    layer = nn.Conv2d(1, 1, 2)
    layer.load_state_dict({"weight": backlit.tensor([[[[1.0, float("nan")], [2.0, -3.0]]]]), "bias": backlit.zeros(1)})
    image = kernels(layer)._figure.axes[0].images[0]
    assert image.get_array().mask.tolist() == [[False, True], [False, False]]
    assert image.get_clim() == (-3.0, 3.0)


def test_pictures_of_fully_connected_layers_say_what_draws_others(model):
    with pytest.raises(ArgumentError, match=r"the first layer, Conv2d \(0\) is not fully connected; view\.kernels"):
        weights(model)
    with pytest.raises(ArgumentError, match=r"LSTM \(0\) is not fully connected; view\.graph"):
        weights(nn.Sequential(nn.LSTM(2, 2), nn.Linear(2, 2)))
    with pytest.raises(ArgumentError, match=r"LSTM is not fully connected; view\.graph"):
        network(nn.LSTM(2, 3), np.zeros((1, 2)))
    with pytest.raises(ArgumentError, match="give an example, x"):
        network(model)


def test_the_end_of_a_network_of_convolutions_is_drawn_as_such(model):
    picture = network(model, np.ones((1, 8, 8), np.float32))
    assert [layer.values.size for layer in picture.data] == [108, 2]
    words = [text.get_text() for text in picture._figure.axes[0].texts]
    assert "layer 1\nx, after Conv2d (4)\n108 values" in words
