"""Settings of the command: words become values, and values go through JSON."""

import json
import math

import pytest

from backlit import nn, optim
from backlit.cli import settings
from backlit.cli.settings import TrainSettings
from backlit.errors import ArgumentError, FileError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sigmoid", nn.Sigmoid),
        ("leaky_relu", nn.LeakyReLU),
        ("PReLU", nn.PReLU),
        ("soft-plus", nn.Softplus),
        ("hardtanh", nn.Hardtanh),
    ],
)
def test_activations_by_their_names(name, kind):
    assert TrainSettings("digits", activation=name).activation_class is kind


def test_optimizers_by_their_names():
    assert TrainSettings("digits", optimizer="adam-w").optimizer_class is optim.AdamW
    for name in ("Optimizer", "adm", "lr_scheduler", ""):
        with pytest.raises(ArgumentError, match="unknown optimizer"):
            TrainSettings("digits", optimizer=name)


def test_defaults_follow_the_size_of_the_data_and_never_replace_what_was_chosen():
    few, many = TrainSettings("a").filled(100, 64), TrainSettings("a").filled(60_000, 784)
    assert (few.hidden, few.batch_size, few.epochs, few.lr) == ((128, 64), 32, 30, 0.01)
    assert (many.hidden, many.batch_size, many.epochs, many.lr) == ((512, 256), 256, 10, 0.004)
    assert TrainSettings("a").filled(60_000, 10).hidden == (128, 64)
    chosen = TrainSettings("a", hidden=(), lr=1.0, batch_size="full", epochs=3, optimizer="sgd")
    assert chosen.filled(60_000, 784) == chosen


def test_table_files_are_trained_until_the_loss_no_longer_falls():
    few, many = (TrainSettings("a").filled(rows, 10, table=True) for rows in (100, 60_000))
    assert (few.epochs, few.patience, few.lr) == (200, 15, 0.002)
    assert (many.epochs, many.patience, many.batch_size) == (40, 15, 256)
    assert TrainSettings("a", optimizer="rmsprop").filled(100, 10, table=True).lr == 0.01
    assert TrainSettings("a").filled(100, 10).patience is None


def test_names_of_columns():
    assert settings.read_names("a, b c") == ("a", "b c")
    assert TrainSettings("t.csv", target="a,b").target_names == ("a", "b")
    for text in ("", "a,,b"):
        with pytest.raises(ArgumentError, match="names of columns"):
            settings.read_names(text)


def test_settings_go_through_json():
    filled = TrainSettings("a", target="y", val=0.5, seed=3, drop=("b",), group="g").filled(100, 4, table=True)
    assert TrainSettings.from_dict(json.loads(json.dumps(filled.to_dict())), "config.json") == filled


@pytest.mark.parametrize(
    "change",
    [
        *({"epochs": "x"}, {"epochs": None}, {"hidden": [0.5]}, {"hidden": 3}, {"lr": None}, {"lr": math.nan}),
        *({"optimizer": 3}, {"activation": "none"}, {"seed": -1}, {"val": 7}, {"batch_size": "most"}, {"new": 1}),
        {"categorical": None},
    ],
)
def test_damaged_settings_are_an_error(change):
    saved = TrainSettings("a").filled(100, 4).to_dict()
    saved["hidden"] = list(saved["hidden"])
    with pytest.raises(FileError, match=r"config\.json"):
        TrainSettings.from_dict({**saved, **change}, "config.json")
    with pytest.raises(FileError):
        TrainSettings.from_dict(None, "config.json")


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (settings.read_hidden, "64, 32", (64, 32)),
        (settings.read_hidden, "0", ()),
        (settings.read_hidden, "", ()),
        (settings.read_batch_size, "full", "full"),
        (settings.read_batch_size, "1", 1),
        (settings.read_rate, "1e-3", 0.001),
        (settings.read_share, "0.25", 0.25),
        (settings.read_seed, "0", 0),
    ],
)
def test_words_become_values(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "nan", "inf", "64,", "\u00b2"])
def test_words_that_are_no_values(text):
    for read in (settings.read_count, settings.read_batch_size, settings.read_seed):
        with pytest.raises(ArgumentError, match="expected"):
            read(text)
    if text not in ("", "1.5"):
        for read in (settings.read_share, settings.read_hidden):
            with pytest.raises(ArgumentError, match="expected"):
                read(text)
