"""What is no tensor, or not of a type that can be learnt from, is refused by a word that names the layer."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError
from backlit.nn import functional as F
from tests.nn.layer_table import LAYERS, LOSSES
from tests.nn.names import NAMES

GOOD = backlit.ones(4, 3)
LABELS = backlit.tensor([0, 1, 2, 0])
ONE_OF_EACH = list({e[0].split("(")[0]: e for e in LAYERS if "Identity" not in e[0]}.values())
LOSS_OF_EACH = list({text.split("(")[0]: text for text, *_ in LOSSES}.values())


@pytest.mark.parametrize(("text", "specs"), ONE_OF_EACH)
@pytest.mark.parametrize("wrong", [np.ones((4, 3), "f4"), [1.0, 2.0], None])
def test_layers_refuse_what_is_no_tensor(text, specs, wrong):
    module = eval(text, NAMES)
    given = (wrong, *[GOOD] * (len(specs) - 1))
    with pytest.raises(ArgumentTypeError, match=r"must be a tensor, got \w+; use backlit.tensor"):
        module(*given)


@pytest.mark.parametrize("text", LOSS_OF_EACH)
def test_losses_refuse_what_is_no_tensor_and_integers(text):
    loss = eval(text, NAMES)
    for given, name in ((np.ones((4, 3)), GOOD), "input"), ((GOOD, [0, 1, 2, 0]), "target"):
        with pytest.raises(ArgumentTypeError, match=f"_.*: {name} must be a tensor"):
            loss(*given)
    with pytest.raises(DtypeError, match=r"input must be a floating-point tensor, got int64; use .float\(\)"):
        loss(LABELS, LABELS)


@pytest.mark.parametrize(
    "module", [nn.LayerNorm(4), nn.BatchNorm1d(4), nn.Dropout(), nn.Softmax(0)], ids=lambda m: type(m).__name__
)
def test_layers_that_need_fractions_refuse_integers(module):
    with pytest.raises(DtypeError, match="floating-point tensor, got int64"):
        module(LABELS)


def test_bags_that_are_none():
    weight = backlit.ones(5, 2)
    with pytest.raises(ArgumentError, match="unknown mode 'avg'"):
        F.embedding_bag(LABELS, weight, LABELS, mode="avg")
    with pytest.raises(ArgumentError, match="1 dimensions without offsets"):
        F.embedding_bag(LABELS, weight)
    with pytest.raises(ArgumentError, match="2 dimensions with offsets"):
        F.embedding_bag(LABELS.reshape(2, 2), weight, LABELS)
    with pytest.raises(ArgumentError, match="'max' takes bags in rows"):
        F.embedding_bag(LABELS, weight, LABELS[:1], mode="max")
    with pytest.raises(ArgumentError, match="offsets begin at 1"):
        F.embedding_bag(LABELS, weight, backlit.tensor([1, 2]))
    empty = F.embedding_bag(LABELS, weight, backlit.tensor([0, 0, 4]))
    assert empty.tolist() == [[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]


def test_odd_sizes_have_no_halves_and_variances_are_positive():
    with pytest.raises(ShapeError, match=r"glu: dim -1 of shape \(4, 3\) cannot be halved"):
        F.glu(GOOD)
    with pytest.raises(ArgumentError, match="a variance is negative"):
        F.gaussian_nll_loss(GOOD, GOOD, -GOOD)
    assert F.gaussian_nll_loss(GOOD, GOOD, 1.0).item() == 0


@pytest.mark.parametrize("function", [F.normalize, F.dropout, F.softmax, nn.init.zeros_, nn.init.uniform_])
def test_functions_refuse_what_is_no_tensor(function):
    with pytest.raises(ArgumentTypeError, match=r"must be a tensor, got ndarray"):
        function(np.ones((4, 3)))


def test_a_sequence_of_a_list_tells_how_to_unpack_it():
    with pytest.raises(ArgumentTypeError, match=r"Sequential\(\*modules\)"):
        nn.Sequential([nn.ReLU(), nn.ReLU()])


def test_the_layer_is_named_with_its_path():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(3, 2)))
    with pytest.raises(ArgumentTypeError, match=r"^Linear \(1\.0\): input must be a tensor, got list"):
        model([1, 2, 3])
