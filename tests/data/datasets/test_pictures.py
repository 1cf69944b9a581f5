import numpy as np
import pytest
from PIL import Image

from backlit.data.datasets import read_picture
from backlit.errors import FileError, MissingFileError


def test_a_picture_is_a_matrix_of_grey_values(tmp_path):
    Image.new("RGB", (3, 2), (255, 255, 255)).save(tmp_path / "white.png")
    white = read_picture(tmp_path / "white.png")
    assert white.dtype == np.float32
    assert white.tolist() == [[1.0] * 3] * 2
    grey = np.array([[0, 51], [102, 255]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_allclose(read_picture(tmp_path / "grey.png"), grey / 255, rtol=1e-6)
    assert read_picture(tmp_path / "grey.png", (5, 4)).shape == (5, 4)


def test_pictures_that_cannot_be_read(tmp_path):
    with pytest.raises(MissingFileError, match="absent"):
        read_picture(tmp_path / "absent.png")
    path = tmp_path / "bad.png"
    path.write_bytes(b"no picture")
    with pytest.raises(FileError, match="not a readable picture"):
        read_picture(path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FileError, match="not a readable picture"):
        read_picture(path)
