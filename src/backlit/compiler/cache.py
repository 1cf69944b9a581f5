"""Machine code on disk, so that a program compiled once is never compiled again on the same machine.

One file an entry, named by a SHA-256 of all that the machine code depends on: the key that the caller gives, the
host's processor, the versions of LLVM and backlit, the compiler's own sources. Nothing is held in memory between calls
and no lock is taken: processes, threads and forks share the folder because an entry appears whole (`os.replace`) or not
at all. Whatever goes wrong here costs the speed and nothing else.

Loading machine code means running it, so only what the user (or root) alone can write is loaded.
"""

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

import backlit
from backlit.compiler.llvm import host

LIMIT = 256 * 2**20
"""Bytes that the folder may hold; beyond it, the entries that were not used for longest go."""

_MAGIC = b"backlit\1"
# Nothing else is ever read or removed.
_SUFFIX = ".native"


def load(key: str) -> bytes | None:
    """The machine code that was saved under a key, or None: not there, damaged, or not safe to load.

    Args:
        key: All that the code was made from: the program and its options.
    """
    folder = _folder()
    digest = _digest(key)
    with contextlib.suppress(OSError):
        if folder is not None and _is_ours(folder.stat()):
            path = _path(folder, digest)
            code = _read(path, digest)
            if code is None:
                path.unlink()
            return code
    return None


def save(key: str, code: bytes) -> None:
    """Save machine code under a key, if that is possible.

    Args:
        key: All that the code was made from: the program and its options.
        code: The machine code.
    """
    folder = _folder()
    if folder is None or len(code) > LIMIT:
        return
    digest = _digest(key)
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder.stat()):
            return
        handle, name = tempfile.mkstemp(suffix=_SUFFIX, dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_head(digest, code) + code)
            Path(name).replace(_path(folder, digest))
        finally:
            Path(name).unlink(missing_ok=True)
        # The larger an entry, the likelier a look at the whole folder: one for each 32nd part of the limit on average,
        # however many processes save and however short they live.
        if int.from_bytes(digest[:4]) * LIMIT < len(code) * 32 << 32:
            _sweep(folder)


def _read(path: Path, digest: bytes) -> bytes | None:
    """The code in a file; None if the file is damaged or somebody else can have written it."""
    # What a link in its place points to may lie anywhere, and a pipe may never give anything.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
        entry = file.read() if _is_ours(os.fstat(file.fileno())) else b""
    size = len(_MAGIC) + hashlib.sha256().digest_size
    code = entry[size:]
    if entry[:size] != _head(digest, code):
        return None
    with contextlib.suppress(OSError):
        # When it was last used, which decides what goes first; an entry that root shares stays as it is.
        os.utime(path)
    return code


def _sweep(folder: Path) -> None:
    """Remove what was not used for longest, if the folder is nearly full."""
    with os.scandir(folder) as entries:
        found = [(entry.stat(), entry.path) for entry in entries if entry.name.endswith(_SUFFIX)]
    left = sum(info.st_size for info, _ in found)
    for info, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
        # The last quarter is room for what is saved before the next look.
        if left <= LIMIT * 3 // 4:
            return
        with contextlib.suppress(OSError):
            Path(path).unlink()
            left -= info.st_size


def _folder() -> Path | None:
    """Where the entries are: in `BACKLIT_CACHE_DIR`, or where the platform keeps caches; None if nowhere."""
    chosen = os.environ.get("BACKLIT_CACHE_DIR")
    if chosen == "":
        return None
    try:
        folder = _user_folder() / "backlit" if chosen is None else Path(chosen).expanduser()
        # Windows does not say in a file's mode who may write it; in the user's profile, nobody else may.
        if sys.platform == "win32" and not folder.resolve().is_relative_to(Path.home().resolve()):
            return None
    except RuntimeError:  # The user has no home.
        return None
    return folder / "machine-code"


def _user_folder() -> Path:
    """The platform's folder for the caches of a user's programs."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    # The XDG Base Directory Specification has relative paths ignored.
    return named if named.is_absolute() else Path.home() / ".cache"


def _is_ours(info: os.stat_result) -> bool:
    """Whether nobody but the user and root can write a folder or a file."""
    if sys.platform == "win32":
        return True
    return info.st_uid in (os.geteuid(), 0) and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _path(folder: Path, digest: bytes) -> Path:
    return folder / f"{digest.hex()}{_SUFFIX}"


def _head(digest: bytes, code: bytes) -> bytes:
    """The first bytes of an entry, which no damaged one has, nor one of another name."""
    return _MAGIC + hashlib.sha256(digest + code).digest()


def _digest(key: str) -> bytes:
    return hashlib.sha256("\0".join((*_surroundings(), key)).encode()).digest()


@functools.cache
def _surroundings() -> tuple[str, ...]:
    """What machine code depends on besides the program."""
    versions: Any = (llvmlite.__version__, llvm.llvm_version_info, backlit.__version__, _SOURCES)
    return (llvm.get_process_triple(), *host(), *map(str, versions))


def _hash_sources() -> str:
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


# Taken as this module is loaded (in about a millisecond), together with the modules that it stands for: a file that
# is edited afterwards does not speak for the code that runs.
_SOURCES = _hash_sources()
