"""Runs are saved in a folder and come back without any code from it."""

import json

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import BacklitError, FileError, MissingFileError, StateError
from backlit.train import Run, build, describe
from tests.train.problems import line, small_trainer


def a_run():
    return small_trainer(2, 4, 1, layers=(nn.Tanh(), nn.BatchNorm1d(4), nn.Dropout(0.1)), metrics=["mae"]).fit(
        line(), line(seed=1), epochs=2
    )


def test_a_run_comes_back(tmp_path):
    run = a_run()
    run.save(tmp_path / "deep" / "folder")
    again = Run.load(tmp_path / "deep" / "folder")
    assert again.history == run.history
    assert again.config == json.loads(json.dumps(run.config))
    assert not again.interrupted
    assert not any(module.training for module in again.model.modules())
    assert repr(again.model) == repr(run.model)
    X, _ = line(seed=2)
    assert again.predict(X).tolist() == run.predict(X).tolist()
    assert run.config["optimizer"]["name"] == "SGD"
    assert run.config["parameters"] == sum(p.numel() for p in run.model.parameters())


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        return self.layer(x)


def test_a_class_of_ones_own_is_passed(tmp_path):
    Run({"loss": [1.0]}, Own()).save(tmp_path)
    with pytest.raises(StateError, match="model="):
        Run.load(tmp_path)
    model = Own()
    assert Run.load(tmp_path, model=model).model is model
    with pytest.raises(StateError):
        Run.load(tmp_path, model=nn.Linear(2, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(3, 2, bias=False),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.LeakyReLU(0.2), nn.Sequential(nn.Linear(2, 2))),
        lambda: nn.Sequential(
            nn.LayerNorm((4, 2)), nn.GELU(approximate="tanh"), nn.ELU(0.5), nn.PReLU(), nn.Softmax(1)
        ),
        lambda: nn.Sequential(nn.BatchNorm1d(4, eps=1e-3, momentum=0.2, affine=False), nn.Dropout(0.3)),
        lambda: nn.Sequential(nn.Embedding(5, 3), nn.Maxout(3, 2, num_pieces=3)),
        lambda: nn.ModuleList([nn.Identity(), nn.Hardtanh(-2, 2)]),
        lambda: nn.MultiheadAttention(4, 2, 0.1, bias=False, add_bias_kv=True, kdim=3, batch_first=True),
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 3, 0.3, "gelu", 1e-3, bias=False), 2, nn.LayerNorm(4)
        ),
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 3, activation=nn.ELU(0.5)), 1),
        lambda: nn.Transformer(4, 2, 1, 2, 3, batch_first=True, norm_first=True),
    ],
)
def test_modules_of_the_library_are_built_again_from_words(make):
    model = make()
    described = json.loads(json.dumps(describe(model)))
    again = build(described)
    assert repr(again) == repr(model)
    again.load_state_dict(model.state_dict())
    assert {name: value.tolist() for name, value in again.state_dict().items()} == {
        name: value.tolist() for name, value in model.state_dict().items()
    }


def test_what_a_layer_keeps_within_its_parts_is_described():
    layer = build(describe(nn.TransformerEncoderLayer(4, 2, 3, 0.3, "gelu", 1e-3, batch_first=True, norm_first=True)))
    assert layer.activation is nn.functional.gelu
    assert layer.self_attn.num_heads == 2
    assert layer.self_attn.batch_first
    assert layer.norm_first
    assert layer.dropout2.p == layer.self_attn.dropout == 0.3


def test_what_words_cannot_describe_is_not_described():
    assert describe(nn.TransformerEncoderLayer(4, 2, 3, activation=nn.functional.silu)) is None
    assert describe(Own()) is None
    assert describe(nn.Sequential(Own())) is None
    changed = nn.Linear(2, 2)
    changed.extra = nn.Linear(2, 2)
    assert describe(changed) is None


@pytest.mark.parametrize(
    ("described", "words"),
    [
        (None, "class"),
        ({"class": "Liner"}, "did you mean 'Linear'"),
        ({"class": "Linear"}, "does not fit Linear"),
        ({"class": "Linear", "in_features": "2", "out_features": 2}, "does not fit Linear"),
        ({"class": "functional"}, "unknown class"),
        ({"class": "Sequential", "modules": {"0": {"class": "os.system"}}}, "unknown class"),
    ],
)
def test_a_damaged_description_is_an_error(described, words):
    with pytest.raises(FileError, match=words):
        build(described)


def test_a_damaged_folder_is_an_error(tmp_path):
    with pytest.raises(MissingFileError):
        Run.load(tmp_path / "none")
    a_run().save(tmp_path)
    for name in ("model.safetensors", "config.json", "history.json"):
        content = (tmp_path / name).read_bytes()
        for damaged in (content[: len(content) // 2], b"", b"[]", b"\xff\xfe"):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(BacklitError):
                Run.load(tmp_path)
        (tmp_path / name).write_bytes(content)
    Run.load(tmp_path)


def test_folders_and_configurations_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot make the folder"):
        a_run().save(tmp_path / "file")
    run = a_run()
    run.config["extra"] = np.zeros(2)
    with pytest.raises(StateError, match="JSON"):
        run.save(tmp_path / "run")


def test_predicting_does_not_change_the_model():
    run = a_run()
    backlit.manual_seed(0)
    run.model.train()
    assert run.predict(line()[0]).tolist() == run.predict(line()[0]).tolist()
    assert run.model.training
