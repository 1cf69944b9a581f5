import gzip
import hashlib
import http.server
import threading

import numpy as np
import pytest

from backlit.data.datasets import FashionMNIST, images
from backlit.data.datasets.download import fetch
from backlit.errors import FileError

from .idx_files import write_mnist

CONTENT = np.random.default_rng(0).bytes(5000)
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`, in parts where asked; cuts the next `cuts` answers off after half of what is due."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cuts, self.ranges = {"/data/file": CONTENT}, 0, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/data/"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.files.get(self.path)
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if content is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        if self.server.cuts:
            self.server.cuts -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(server, folder, md5=MD5):
    return fetch("file", folder=folder, mirrors=[server.url], md5=md5)


def test_a_file_is_fetched_once(server, tmp_path):
    assert get(server, tmp_path / "new").read_bytes() == CONTENT
    assert get(server, tmp_path / "new").read_bytes() == CONTENT
    assert server.ranges == [None]


def test_an_interrupted_download_is_continued(server, tmp_path):
    server.cuts = 1
    with pytest.raises(FileError, match="continues"):
        get(server, tmp_path)
    assert not (tmp_path / "file").exists()
    assert get(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=2500-"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_part_that_is_too_long_is_removed(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    with pytest.raises(FileError, match="try again"):
        get(server, tmp_path)
    assert get(server, tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_caught(server, tmp_path):
    server.files["/data/file"] = b"something else"
    with pytest.raises(FileError, match="hash"):
        get(server, tmp_path)
    assert list(tmp_path.iterdir()) == []
    server.files["/data/file"] = CONTENT
    assert get(server, tmp_path).read_bytes() == CONTENT


def test_the_next_mirror_is_tried(server, tmp_path):
    mirrors = [server.url + "absent/", server.url]
    assert fetch("file", folder=tmp_path, mirrors=mirrors, md5=MD5).read_bytes() == CONTENT
    with pytest.raises(FileError, match=r"(?s)404.*404"):
        fetch("other", folder=tmp_path, mirrors=mirrors, md5=MD5)


def test_a_data_set_downloads_what_is_missing(server, tmp_path, monkeypatch):
    monkeypatch.setattr(images, "_SYSTEM_FOLDER", tmp_path / "system")
    arrays = write_mnist(tmp_path / "source")
    sums = {}
    for path in (tmp_path / "source").iterdir():
        server.files[f"/data/{path.name}"] = path.read_bytes()
        sums[path.name.removesuffix(".gz")] = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setattr(FashionMNIST, "mirrors", (server.url,))
    monkeypatch.setattr(FashionMNIST, "md5", sums)
    data = FashionMNIST(tmp_path / "root", train=False, download=True)
    np.testing.assert_array_equal(data.data.numpy(), arrays["t10k-images-idx3-ubyte"])
    assert len(server.ranges) == 2
    FashionMNIST(tmp_path / "root", train=False, download=True)
    assert len(server.ranges) == 2
    kept = tmp_path / "root/FashionMNIST/raw/t10k-images-idx3-ubyte.gz"
    assert gzip.decompress(kept.read_bytes())[:4] == b"\x00\x00\x08\x03"
