"""Weights to and from other systems: by name, whole or not at all."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import backlit
from backlit import nn
from backlit.errors import (
    ArgumentTypeError,
    DtypeError,
    FileError,
    MissingFileError,
    MissingPackageError,
    StateError,
)
from backlit.interop import load_weights, save_weights, to_torch


class ForeignTensor:
    """What load_weights asks of PyTorch's tensors."""

    def __init__(self, array, dtype=""):
        self.array, self.dtype = array, dtype

    def detach(self):
        return self

    def cpu(self):
        return self

    def float(self):
        return ForeignTensor(self.array.astype(np.float32))

    def numpy(self):
        if self.dtype:
            raise TypeError("NumPy has no such type")
        return self.array


def network(seed=0):
    backlit.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def arrays(model):
    return {name: value.numpy().copy() for name, value in model.state_dict().items()}


def same(model, expected):
    found = arrays(model)
    return found.keys() == expected.keys() and all(np.array_equal(found[n], expected[n]) for n in found)


@pytest.mark.parametrize(
    "form",
    [
        lambda given: given,
        lambda given: {n: backlit.tensor(v) for n, v in given.items()},
        lambda given: {n: ForeignTensor(v) for n, v in given.items()},
        lambda given: SimpleNamespace(state_dict=lambda: given),
        lambda given: {f"module.model.{n}": v for n, v in given.items()},
    ],
    ids=["arrays", "tensors", "foreign tensors", "a module", "a prefix"],
)
def test_weights_come_by_name(form):
    expected, model = arrays(network(1)), network(2)
    assert not same(model, expected)
    load_weights(model, form(expected))
    assert same(model, expected)


def test_weights_share_no_memory():
    given, model = arrays(network(1)), network(2)
    load_weights(model, given)
    given["0.weight"][:] = 7
    assert not (model[0].weight == 7).any()


def test_bfloat16_comes_as_float32():
    model = nn.Linear(2, 1, bias=False)
    load_weights(model, {"weight": ForeignTensor(np.ones((1, 2)), "torch.bfloat16")})
    assert model.weight.tolist() == [[1.0, 1.0]]


def test_safetensors_go_there_and_back(tmp_path):
    model, other = network(1), network(2)
    save_weights(model, tmp_path / "weights.safetensors")
    assert same(model, load_file(tmp_path / "weights.safetensors"))
    load_weights(other, tmp_path / "weights.safetensors")
    assert same(other, arrays(model))
    save_file({"a.weight": np.ones((2, 3), np.float32)}, tmp_path / "foreign.safetensors")
    layer = nn.Linear(3, 2, bias=False)
    load_weights(layer, tmp_path / "foreign.safetensors")
    assert (layer.weight == 1).all()


def test_names_that_differ_are_renamed():
    given = {"fc.w": np.ones((1, 2), np.float32), "fc.b": np.zeros(1, np.float32)}
    for rename in ({"fc.w": "weight", "fc.b": "bias"}, {"fc.w": "weight", "fc.b": "bias"}.get):
        model = nn.Linear(2, 1)
        load_weights(model, given, rename=rename)
        assert model.weight.tolist() == [[1.0, 1.0]]
    with pytest.raises(ArgumentTypeError, match="several weights the name weight"):
        load_weights(nn.Linear(2, 1), given, rename=lambda name: "weight")


def test_what_does_not_fit_changes_nothing():
    model = network(1)
    before = arrays(model)
    given = arrays(network(2))
    for wrong, words in [
        ({**given, "0.weight": np.ones((4, 3))}, "0.weight"),
        ({**given, "extra": np.ones(1)}, "unexpected names: 'extra'"),
        ({n: v for n, v in given.items() if n != "2.bias"}, "missing names: '2.bias'"),
    ]:
        with pytest.raises(StateError, match=words):
            load_weights(model, wrong)
        assert same(model, before)
    missing, unexpected = load_weights(model, {"0.bias": np.ones(3), "extra": np.ones(1)}, strict=False)
    assert "0.weight" in missing
    assert unexpected == ["extra"]
    assert model[0].bias.tolist() == [1.0, 1.0, 1.0]


def test_bad_sources(tmp_path):
    model = nn.Linear(2, 1)
    with pytest.raises(ArgumentTypeError, match="the source is a int"):
        load_weights(model, 3)
    with pytest.raises(ArgumentTypeError, match="expected a backlit"):
        load_weights(None, {})
    with pytest.raises(ArgumentTypeError, match="save_weights"):
        save_weights({}, tmp_path / "weights.safetensors")
    with pytest.raises(DtypeError, match="'weight' has elements"):
        load_weights(model, {"weight": np.array(["a"])})
    for name in ("weights.safetensors", "weights.pt"):
        with pytest.raises(MissingFileError, match="no file"):
            load_weights(model, tmp_path / name)
    with pytest.raises(MissingFileError, match="no folder"):
        save_weights(model, tmp_path / "nowhere" / "weights.safetensors")
    (tmp_path / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(FileError):
        load_weights(model, tmp_path / "weights.safetensors")


def test_without_pytorch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(MissingPackageError, match="pip install torch"):
        load_weights(nn.Linear(2, 1), tmp_path / "weights.pt")
    with pytest.raises(MissingPackageError, match="pip install torch"):
        to_torch(nn.Linear(2, 1))


def test_with_pytorch(tmp_path, monkeypatch):
    def read(path, map_location, weights_only):
        assert weights_only
        if not path.stat().st_size:
            raise EOFError("ran out of input")
        return {name: ForeignTensor(value) for name, value in to_torch(network(1)).items()}

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=lambda array: array, load=read))
    model, path = network(2), tmp_path / "weights.pt"
    path.write_bytes(b"whole")
    load_weights(model, path)
    assert same(model, arrays(network(1)))
    path.write_bytes(b"")
    with pytest.raises(FileError, match="damaged"):
        load_weights(model, path)
