"""Fetching data sets once, checked, and resumed where a fetch was cut off."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backlit.errors import FileError, MissingPackageError

_TIMEOUT = 30  # seconds without a byte before a server is given up
_CHUNK = 1 << 18


def cache_folder() -> Path:
    """Where downloads go by default: the user's cache folder of the system, in `backlit/`."""
    return Path(_pooch().os_cache("backlit"))


def fetch(file: str, *, folder: str | Path, mirrors: Sequence[str], md5: str) -> Path:
    """Downloads one file unless `folder` has it already.

    What an interrupted download left is continued where the server can, and a file appears under its own name only
    when it is whole and its checksum is right.

    Args:
        file: The file's name, in the folder and on the mirrors.
        folder: Where to put it; made if missing.
        mirrors: URLs of folders that have the file, tried in order.
        md5: The file's MD5 checksum in hexadecimal, as its publisher gives it.

    Raises:
        FileError: No mirror gave a file with this checksum.
        MissingPackageError: pooch is not installed.
    """
    pooch = _pooch()
    failures = []
    for mirror in mirrors:
        try:
            return Path(pooch.retrieve(mirror + file, f"md5:{md5}", file, folder, downloader=_download))
        except (OSError, ValueError) as error:  # urllib's errors are OSErrors; ValueError: a wrong checksum
            failures.append(f"{mirror}{file}: {error}")
    raise FileError(f"could not download {file} into {folder}:\n  " + "\n  ".join(failures))


def _download(url: str, output_file: str, pooch: Any) -> None:
    """A downloader for pooch that keeps what came so far beside the target, and asks for the rest only."""
    # Not at the top: the network's modules would take longer to import than all of backlit.
    import http
    import urllib.error
    import urllib.request

    target = Path(output_file)
    # pooch hands over a new temporary name every time; the part needs one that the next try finds again.
    part = target.parent / (url.rpartition("/")[2] + ".part")
    done = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
            promised = response.headers.get("Content-Length")
            with part.open("ab" if resumed else "wb") as stream:
                shutil.copyfileobj(response, stream, _CHUNK)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()
            raise OSError(f"{part} was longer than the file and is removed; try again") from error
        raise
    if promised is not None and part.stat().st_size < int(promised) + (done if resumed else 0):
        raise OSError(f"the connection ended early; {part} keeps what came and the next try continues it")
    part.replace(target)


def _pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise MissingPackageError("downloading data needs pooch: pip install 'backlit[data]'") from error
    # Its messages tell of each download; a library speaks through errors.
    pooch.get_logger().setLevel("WARNING")
    return pooch
