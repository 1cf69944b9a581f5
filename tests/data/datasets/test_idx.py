import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from backlit.data.datasets import read_idx
from backlit.errors import FileError, MissingFileError

from .idx_files import idx_bytes

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


@given(st.data(), st.sampled_from(sorted(CODES)), st.booleans())
def test_what_is_written_is_read(tmp_path_factory, data, dtype, packed):
    array = data.draw(hnp.arrays(dtype, hnp.array_shapes(min_side=0, max_side=4)))
    content = idx_bytes(array, CODES[dtype])
    path = tmp_path_factory.mktemp("idx") / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    result = read_idx(path)
    assert result.dtype == np.dtype(dtype).newbyteorder("=")
    assert result.shape == array.shape
    np.testing.assert_array_equal(result, array)


GOOD = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"\x01\x00" + GOOD[2:], "not an IDX file"),
        (b"\x00\x00\x07" + GOOD[3:], "not an IDX file"),
        (b"<html>not found</html>", "not an IDX file"),
        (GOOD[:6], "inside its header"),
        (GOOD[:-1], r"cut off: its header promises shape \(3, 4\), 24 bytes in all, got 23"),
        (GOOD + b"x", "too long"),
        (gzip.compress(GOOD)[:-9], "damaged or cut off"),
        (gzip.compress(GOOD)[:12] + b"\xff\xff" + gzip.compress(GOOD)[14:], "damaged or cut off"),
        (gzip.compress(GOOD[:-1]), "cut off"),
        (bytes([0, 0, 8, 4]) + b"\xff" * 16, "cut off"),
    ],
)
def test_damaged_files(tmp_path, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FileError, match=words):
        read_idx(path)


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match="nothing"):
        read_idx(tmp_path / "nothing")
