"""Writing what a view made to a file, whose ending chooses the form."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from backlit.errors import ArgumentError, suggest
from backlit.serialization import write_whole


class Savable:
    """Something that has several forms, each an attribute: text, or bytes."""

    # What there are several of, for a message; and the attribute that holds each form, by the ending of its file.
    _called: ClassVar[str]
    _forms: ClassVar[Mapping[str, str]]

    def save(self, path: str | Path) -> Path:
        """Write it to a file; the ending of `path` chooses the form.

        Raises:
            ArgumentError: There is no such form.
            FileError: The folder is missing or cannot be written, or the disk is full; an older file is unchanged.
        """
        path = Path(path)
        kind = path.suffix.lstrip(".").lower()
        if kind not in self._forms:
            raise ArgumentError(f"save: no {self._called} of the format {path.suffix!r}{suggest(kind, self._forms)}")
        content = getattr(self, self._forms[kind])
        write_whole(path, content if isinstance(content, bytes) else f"{content.rstrip()}\n".encode())
        return path
