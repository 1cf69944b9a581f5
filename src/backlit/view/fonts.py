"""Fonts for letters that Matplotlib's own font lacks, such as 漢 or 한: those on this machine, where there are any."""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAMILY = "DejaVu Sans"


def fall_back(figure: "Figure") -> bool:
    """Let the words of a figure use installed fonts for letters that `FAMILY` lacks.

    Returns:
        Whether all letters are in a font now.
    """
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    missing = _missing("".join(text.get_text() for text in texts))
    if not missing:
        return True
    found, left = _families(missing)
    for text in texts:
        text.set_fontfamily([FAMILY, *found])
    return not left


def _missing(words: str) -> frozenset[str]:
    """The letters that `FAMILY` lacks."""
    unknown = frozenset(letter for letter in words if ord(letter) > 127 and not letter.isspace())
    return unknown and unknown - _held(_file_of_family(), unknown)


@cache
def _families(missing: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Installed upright families that together hold as many of these letters as can be, and the letters left."""
    from matplotlib.font_manager import fontManager

    # The last resort has a box for every letter.
    upright = [e for e in fontManager.ttflist if e.style == "normal" and e.weight == 400 and "Last" not in e.name]
    held = {e.name: _held(e.fname, missing) for e in upright}
    found: list[str] = []
    while missing:
        name = min(held, key=lambda name: (-len(held[name] & missing), "Serif" in name, name), default="")
        if not name or not held[name] & missing:
            break
        found.append(name)
        missing -= held[name]
    return tuple(found), missing


def _held(path: Any, letters: frozenset[str]) -> frozenset[str]:
    """Those of the letters that a font file has outlines for: those of coloured pictures are none."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        known = frozenset(letter for letter in letters if font.get_char_index(ord(letter)))
        for letter in sorted(known)[:1]:
            font.load_char(ord(letter))
        return known if known and len(font.get_path()[0]) else frozenset()
    except (OSError, RuntimeError, ValueError):
        # A font that cannot be read is of no use.
        return frozenset()


@cache
def _file_of_family() -> str:
    from matplotlib.font_manager import findfont

    return str(findfont(FAMILY))
