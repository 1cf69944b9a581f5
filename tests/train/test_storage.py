"""Files are written whole or not at all, come back as they were, and damage is seen."""

import errno
import json
import os
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from backlit.errors import FileError, MissingFileError, StateError
from backlit.ops import Tensor
from backlit.train.storage import read_json, read_state, write_json, write_state, write_whole

NUMBERS = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]), arrays.array_shapes(min_dims=0, min_side=0)
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | NUMBERS
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(saved, found) -> bool:
    if isinstance(saved, np.ndarray):
        assert isinstance(found, Tensor)
        array = found.numpy()
        return array.dtype == saved.dtype and array.shape == saved.shape and array.tobytes() == saved.tobytes()
    if type(saved) is not type(found):
        return False
    if isinstance(saved, dict):
        return list(saved) == list(found) and all(same(saved[key], found[key]) for key in saved)
    if isinstance(saved, list | tuple):
        return len(saved) == len(found) and all(map(same, saved, found))
    return saved == found or (saved != saved and found != found)


@given(TREES)
def test_a_state_comes_back_bit_for_bit(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("state") / "file"
    write_state(path, tree)
    assert same(tree, read_state(path))


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "state.safetensors"
    write_state(path, {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "step": 3, "name": "a"})
    return path


def test_a_state_dict_keeps_its_names_for_other_readers(tmp_path):
    from safetensors.numpy import load_file

    write_state(tmp_path / "model", {"0.weight": np.ones((2, 2)), "0.bias": np.zeros(2)})
    assert {name: value.shape for name, value in load_file(tmp_path / "model").items()} == {
        "0.weight": (2, 2),
        "0.bias": (2,),
    }


def test_every_cut_off_file_is_an_error(saved):
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(FileError, match=r"state\.safetensors"):
            read_state(saved)
    saved.write_bytes(content + b"\0")
    with pytest.raises(FileError, match="damaged"):
        read_state(saved)


def test_every_flipped_byte_is_an_error(saved):
    content = saved.read_bytes()
    rng = random.Random(0)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= rng.randrange(1, 256)
        saved.write_bytes(changed)
        with pytest.raises(FileError, match=r"state\.safetensors"):
            read_state(saved)


def test_reading_never_runs_code(tmp_path):
    ran = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return (os.mkdir, (str(ran),))

    path = tmp_path / "state"
    path.write_bytes(pickle.dumps(Payload()))
    for read in (read_state, read_json):
        with pytest.raises(FileError):
            read(path)
    assert not ran.exists()


def test_other_files_are_said_to_be_other_files(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(MissingFileError, match="no file"):
        read_state(tmp_path / "none")
    with pytest.raises(FileError, match="cannot be read"):
        read_state(tmp_path)
    save_file({"w": np.zeros(2)}, tmp_path / "w", {"format": "pt"})
    with pytest.raises(FileError, match="not a checkpoint of backlit"):
        read_state(tmp_path / "w")


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(saved, monkeypatch, fails):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, fails, full)
    with pytest.raises(FileError, match="No space left on device"):
        write_state(saved, {"step": 4})
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileError, match="cannot write"):
        write_whole(tmp_path / "none" / "file", b"")


def test_what_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(StateError, match=r"cannot save a\.1: a object"):
        write_state(tmp_path / "state", {"a": [1, object()]})
    with pytest.raises(StateError, match="array of object"):
        write_state(tmp_path / "state", np.array([None]))
    assert not list(tmp_path.iterdir())


def test_json_comes_back(tmp_path):
    write_json(tmp_path / "file", {"a": [1, 0.1, None, "ä"]})
    assert read_json(tmp_path / "file") == {"a": [1, 0.1, None, "ä"]}
    assert json.loads((tmp_path / "file").read_text(encoding="utf-8"))["a"][3] == "ä"
