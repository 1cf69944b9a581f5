"""What layers of convolutions do beyond the table: initial values, borders, sizes asked for, training, messages."""

import math

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import ArgumentError, DtypeError, ShapeError
from backlit.nn import functional as F
from backlit.train import Trainer
from backlit.train.architecture import build, describe


@pytest.mark.parametrize(
    ("layer", "shape", "values"),
    [
        (lambda: nn.Conv1d(4, 6, 5), (6, 4, 5), 20),
        (lambda: nn.Conv2d(4, 6, 5, groups=2), (6, 2, 5, 5), 50),
        (lambda: nn.ConvTranspose2d(4, 6, (3, 5), groups=2), (4, 3, 3, 5), 45),
        (lambda: nn.ConvTranspose3d(4, 6, 2), (4, 6, 2, 2, 2), 48),
    ],
)
def test_initial_values_are_pytorchs(layer, shape, values):
    backlit.manual_seed(0)
    made = layer()
    assert {name: tuple(value.shape) for name, value in made.state_dict().items()} == {"weight": shape, "bias": (6,)}
    bound = 1 / math.sqrt(values)
    for parameter in made.parameters():
        assert parameter.abs().max().item() <= bound
    assert made.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.2)


def test_borders_are_those_of_pad():
    backlit.manual_seed(0)
    layer = nn.Conv2d(2, 3, 3, stride=2, padding=(2, 1), padding_mode="reflect")
    x = backlit.randn(2, 2, 5, 4)
    bordered = F.pad(x, (1, 1, 2, 2), "reflect")
    assert layer(x).tolist() == F.conv2d(bordered, layer.weight, layer.bias, stride=2).tolist()
    same = nn.Conv1d(2, 3, 4, padding="same", padding_mode="circular")
    row = x[:, :, 0]
    assert same(row).tolist() == F.conv1d(F.pad(row, (1, 2), "circular"), same.weight, same.bias).tolist()
    with pytest.raises(ShapeError, match=r"Conv2d: got an input of shape \(2, 3, 5, 4\), with 3 channels, expected 2"):
        layer(backlit.ones(2, 3, 5, 4))


def test_a_transposed_layer_makes_the_size_that_is_asked_for():
    backlit.manual_seed(0)
    down, up = nn.Conv2d(1, 2, 3, stride=3, padding=1), nn.ConvTranspose2d(2, 1, 3, stride=3, padding=1)
    for sizes in ((7, 9), (8, 8), (9, 7)):
        image = backlit.randn(2, 1, *sizes)
        assert up(down(image), output_size=image.shape).shape == image.shape
        assert up(down(image), sizes).shape == image.shape
    few = down(backlit.randn(2, 1, 7, 7))
    with pytest.raises(
        ShapeError, match=r"ConvTranspose2d: output_size \(10, 9\) is not between \(7, 7\) and \(9, 9\)"
    ):
        up(few, (10, 9))
    with pytest.raises(ShapeError, match=r"output_size \(9,\) must have the output's last 2 sizes"):
        up(few, (9,))


NETS = {
    "two dimensions": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(24, 3),
    ),
    "groups and borders": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding="same", padding_mode="circular"),
        nn.Tanh(),
        nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4, bias=False),
        nn.Conv2d(4, 2, 2, groups=2, stride=2),
        nn.Flatten(),
        nn.Linear(18, 3),
    ),
    "down and up": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.Tanh(),
        nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1, output_padding=1, groups=2),
        nn.Unfold(2, stride=2),
        nn.Flatten(),
        nn.Linear(72, 3),
    ),
}


@pytest.mark.parametrize("net", NETS)
def test_compiled_training_is_eager_training(net):
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(20, 1, 6, 6)), rng.integers(0, 3, 20)
    trained = []
    for compiled in (True, False):
        backlit.manual_seed(0)
        model = NETS[net]().double()
        trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.01), seed=1)
        # A fit that cannot be compiled warns, and warnings are errors.
        run = trainer.fit((images, labels), epochs=3, batch_size=8, compile=compiled, progress=False)
        trained.append((run.history["loss"], [p.detach().numpy() for p in model.parameters()]))
    np.testing.assert_allclose(*(losses for losses, _ in trained), rtol=1e-10)
    for one, other in zip(*(parameters for _, parameters in trained), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert trained[0][0][-1] < trained[0][0][0]


def test_layers_are_built_again_from_their_description():
    layers = [
        nn.Conv1d(1, 2, 3),
        nn.Conv2d(2, 4, (1, 3), stride=(2, 1), padding="valid", dilation=2, groups=2, bias=False),
        nn.Conv3d(1, 2, 2, padding=(1, 0, 1), padding_mode="replicate"),
        nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1),
        nn.Unfold((2, 3), padding=1),
        nn.Fold((4, 4), 2),
    ]
    described = describe(nn.Sequential(*layers))
    assert repr(build(described)) == repr(nn.Sequential(*layers))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "Conv2d: in_channels=3 must be a multiple of groups=2"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "out_channels=3 must be a multiple of groups=2"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "groups=0"),
        (lambda: nn.Conv2d(-1, 4, 3), "in_channels must be an integer and not negative"),
        (lambda: nn.Conv2d(1, 4, 0), "Conv2d: kernel_size must be an integer or 2 integers, at least 1, got 0"),
        (lambda: nn.Conv1d(1, 4, (3, 3)), r"Conv1d: kernel_size must be an integer, at least 1, got \(3, 3\)"),
        (lambda: nn.Conv2d(1, 4, 3, stride=0), "stride must be"),
        (lambda: nn.Conv2d(1, 4, 3, padding="same", stride=2), "'same' needs stride 1"),
        (lambda: nn.Conv2d(1, 4, 3, padding="all"), "unknown padding 'all'"),
        (lambda: nn.Conv2d(1, 4, 3, padding_mode="reflct"), r"unknown padding_mode 'reflct'; did you mean 'reflect'\?"),
        (lambda: nn.ConvTranspose2d(1, 4, 3, padding="same"), "ConvTranspose2d: padding must be"),
        (lambda: nn.ConvTranspose2d(1, 4, 3, padding_mode="reflect"), "padding_mode can only be 'zeros'"),
        (lambda: nn.ConvTranspose2d(1, 4, 3, output_padding=-1), "output_padding must be"),
    ],
)
def test_settings_out_of_range_are_told(make, told):
    with pytest.raises(ArgumentError, match=told):
        make()


def test_input_that_does_not_fit_names_the_layer_and_its_place():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(5, 2, 3)))
    with pytest.raises(ShapeError, match=r"Conv2d \(1\.0\): .* with 4 channels, expected 5"):
        model(backlit.ones(1, 3, 8, 8))
    with pytest.raises(ShapeError, match=r"Conv2d \(0\): a kernel that reaches over \(3, 3\) does not fit"):
        model(backlit.ones(1, 3, 2, 8))
    with pytest.raises(DtypeError, match=r"Conv2d: got an input of type float64.* or the module with module\.to"):
        nn.Conv2d(1, 1, 3)(backlit.ones(1, 1, 4, 4).double())
    with pytest.raises(ShapeError, match=r"ConvTranspose2d: .* with 3 channels, expected 2"):
        nn.ConvTranspose2d(2, 1, 3)(backlit.ones(1, 3, 4, 4))
