"""Saved is loaded the same, whole or not at all; damage is said clearly; no code is run from a file."""

import io
import json
import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.errors import ArgumentTypeError, DeviceError, FileError, MissingFileError

STATE = {
    "state": {0: {"step": backlit.tensor(3.0, dtype=backlit.float64), "exp_avg": backlit.arange(6.0).reshape(2, 3)}},
    "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "amsgrad": False, "name": None, "params": [0]}],
    "history": [float("inf"), -1, "text"],
}


def same(found, expected):
    """Whether two nested objects are of the same kinds and hold the same values."""
    if isinstance(expected, backlit.Tensor):
        both = found.numpy(), expected.detach().numpy()
        return found.dtype is expected.dtype and both[0].shape == both[1].shape and np.array_equal(*both)
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[k], expected[k]) for k in expected)
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found == expected or (found != found and expected != expected)


def round_trip(obj):
    file = io.BytesIO()
    backlit.save(obj, file)
    file.seek(0)
    return backlit.load(file)


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.builds(
        lambda shape, kind: backlit.ones(shape, dtype=getattr(backlit, kind)),
        st.sampled_from([(), (0,), (2, 3)]),
        st.sampled_from(["float16", "float32", "float64", "int8", "int64", "uint8", "bool"]),
    ),
)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers(-3, 3)), inner, max_size=3),
    ),
    max_leaves=10,
)


@given(nested)
def test_what_is_saved_is_loaded(obj):
    assert same(round_trip(obj), obj)


def test_a_difference_would_be_seen():
    assert not same(round_trip({"a": [1, 2.0]}), {"a": [1, 2]})
    assert not same(round_trip(backlit.ones(2)), backlit.ones(2, dtype=backlit.float64))


def test_the_state_of_an_optimizer(tmp_path):
    path = tmp_path / "state.safetensors"
    backlit.save(STATE, path)
    found = backlit.load(str(path), map_location="cpu", weights_only=True)
    assert same(found, STATE)
    found["state"][0]["exp_avg"].add_(1)


def test_keys_that_look_alike_keep_apart():
    obj = {"a": {"b": backlit.zeros(1)}, "a.b": backlit.ones(1), 0: backlit.zeros(2), "0": backlit.ones(2)}
    assert same(round_trip(obj), obj)


def test_memory_order_and_wish_for_gradients_do_not_matter():
    turned = backlit.arange(6.0).reshape(2, 3).t()
    assert round_trip(turned).tolist() == turned.tolist()
    parameter = backlit.ones(2, requires_grad=True)
    assert round_trip({"w": parameter})["w"].tolist() == [1.0, 1.0]
    assert isinstance(round_trip(OrderedDict(a=1)), OrderedDict)
    assert round_trip([np.int64(3), np.float32(0.5), np.bool_(True)]) == [3, 0.5, True]
    assert isinstance(round_trip(np.ones(2)), np.ndarray)


def test_files_are_those_of_safetensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    backlit.save({"layer": {"weight": backlit.ones(2, 3)}}, path)
    assert safetensors.numpy.load_file(path)["layer.weight"].shape == (2, 3)
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, path)
    assert same(backlit.load(path), {"w": backlit.zeros(3)})


class Stateful:
    def state_dict(self):
        return {"w": backlit.ones(1)}


def test_what_has_a_state_dict_is_saved_by_it_and_that_is_said():
    with pytest.warns(UserWarning, match=r"of the Stateful at model only its state_dict\(\) is kept") as warned:
        found = round_trip({"model": Stateful()})
    assert [one.filename for one in warned] == [__file__]
    assert same(found, {"model": {"w": backlit.ones(1)}})


@pytest.mark.parametrize("obj", [{"a": {1, 2}}, {"a": [object()]}, {"a": lambda: 0}, {(1, 2): 3}, {"a": {True: 1}}])
def test_other_things_are_refused_with_their_place(obj, tmp_path):
    path = tmp_path / "file"
    with pytest.raises(ArgumentTypeError, match="save: at "):
        backlit.save(obj, path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_save_leaves_what_was_there(failing, tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    backlit.save({"w": backlit.ones(1)}, path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("no space left")

    monkeypatch.setattr(os if failing == "fsync" else type(path), failing, fail)
    with pytest.raises(FileError, match="no space"):
        backlit.save(STATE, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        backlit.load(tmp_path)
    with pytest.raises(FileError, match="cannot write"):
        backlit.save(STATE, tmp_path)
    with pytest.raises(FileError, match="cannot write"):
        backlit.save(STATE, tmp_path / "none" / "file")


def test_every_cut_is_noticed():
    file = io.BytesIO()
    backlit.save(STATE, file)
    whole = file.getvalue()
    for end in range(len(whole)):
        with pytest.raises(FileError, match="damaged, cut off"):
            backlit.load(io.BytesIO(whole[:end]))
    assert same(backlit.load(io.BytesIO(whole)), STATE)


@pytest.mark.parametrize(
    "content", [b"", b"text", pickle.dumps({"w": 1}), b"PK\x03\x04" + bytes(100), b"\xff" * 64, bytes(16)]
)
def test_other_files_are_refused(content, tmp_path):
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"other\.pt is damaged"):
        backlit.load(path)


@pytest.mark.parametrize(
    "structure",
    ["{", '{"list": 5}', '{"tensor": "absent"}', '{"code": "x"}', "{}", '{"dict": [[[], 1]]}', '{"float": "x"}'],
)
def test_a_damaged_structure_is_refused(structure):
    header = json.dumps({"__metadata__": {"backlit": structure}}).encode()
    with pytest.raises(FileError, match="the open file is damaged"):
        backlit.load(io.BytesIO(struct.pack("<Q", len(header)) + header))


def test_missing_files_and_devices():
    with pytest.raises(MissingFileError, match="nowhere"):
        backlit.load("nowhere.safetensors")
    with pytest.raises(DeviceError, match="cuda"):
        backlit.load("nowhere.safetensors", map_location="cuda")


def test_loading_runs_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    path = tmp_path / "trap"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FileError):
        backlit.load(path)
    assert not (tmp_path / "sprung").exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "sprung").exists(), "the trap works"
