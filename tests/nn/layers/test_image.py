"""Networks for images as a whole: trained in both ways, and named in messages."""

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ShapeError
from backlit.train import Trainer


def network():
    backlit.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.ReflectionPad2d(1),
        nn.Conv2d(4, 6, 3),
        nn.GroupNorm(2, 6),
        nn.ReLU(),
        nn.Dropout2d(0.1),
        nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    ).double()


def trained(compile):
    model = network()
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(52, 1, 8, 8)), rng.integers(0, 3, 52)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1, momentum=0.9), seed=0)
    run = trainer.fit((images, labels), val=(images, labels), epochs=3, batch_size=16, compile=compile, progress=False)
    return run.history, model.state_dict()


def test_training_is_the_same_compiled_and_eager():
    (history, values), (expected_history, expected) = trained(True), trained(False)
    for name, series in expected_history.items():
        np.testing.assert_allclose(history[name], series, rtol=1e-10, err_msg=name)
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-8, atol=1e-10, err_msg=name)


def test_a_network_for_images_never_calls_back():
    model = network()

    def step(images):
        model(images).square().mean().backward()

    compiled = backlit.compile(step)
    assert "Called back into Python: none" in str(compiled.explain(backlit.rand(5, 1, 8, 8, dtype=backlit.float64)))


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.MaxPool2d(5), (1, 2, 3, 3), r"max_pool2d \(features\.0\): windows of \(5, 5\) do not fit"),
        (nn.AvgPool1d(2), (3,), r"avg_pool1d \(features\.0\): got an input of shape \(3,\)"),
        (nn.AdaptiveAvgPool2d(2), (3, 3), r"adaptive_avg_pool2d \(features\.0\)"),
        (nn.BatchNorm2d(3), (1, 2, 3, 3), r"BatchNorm2d \(features\.0\)"),
        (nn.GroupNorm(3, 6), (1, 2, 3, 3), r"\(features\.0\)"),
        (nn.Upsample(2, mode="bilinear"), (2, 3, 3), r"interpolate \(features\.0\)"),
        (nn.Softmax2d(), (2, 3), r"Softmax2d \(features\.0\)"),
        (nn.Dropout2d(), (2, 3, 3), r"dropout2d \(features\.0\)"),
        (nn.PixelShuffle(2), (2, 3, 3), r"pixel_shuffle \(features\.0\)"),
    ],
)
def test_an_error_says_where_the_layer_is(layer, shape, words):
    model = nn.ModuleDict({"features": nn.Sequential(layer)})
    model.forward = lambda x: model["features"](x)
    with pytest.raises(ShapeError, match=words):
        model(backlit.ones(*shape))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nn.ZeroPad2d((1, 2)), "ZeroPad2d: padding must be an integer or 4 of them"),
        (lambda: nn.ReflectionPad1d((1, 2, 3)), "ReflectionPad1d: padding must be an integer or 2 of them"),
        (lambda: nn.ConstantPad1d(1.5, 0.0), "ConstantPad1d: sizes must be integers"),
        (lambda: nn.AvgPool1d(0), "AvgPool1d: kernel_size must be an integer, at least 1, got 0"),
        (lambda: nn.PixelShuffle(-1), "PixelShuffle: upscale_factor must be an integer and not negative"),
        (lambda: nn.LocalResponseNorm(1.5), "LocalResponseNorm: size must be an integer"),
    ],
)
def test_a_setting_out_of_range_is_told_at_once(call, words):
    with pytest.raises(backlit.errors.BacklitError, match=words):
        call()
