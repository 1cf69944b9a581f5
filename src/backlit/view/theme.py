"""Colours, fonts and the way numbers are written, for all pictures.

Blue stands for values and orange for gradients (Okabe and Ito's palette, told apart by colour-blind readers too);
heat maps run from orange (negative) over the ground to blue (positive).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from backlit.errors import ArgumentError, suggest

FONT = "Helvetica,Arial,sans-serif"


@dataclass(frozen=True)
class Theme:
    """The colours of a picture, as `#rrggbb`.

    Attributes:
        ground: Behind everything.
        ink: Text.
        faint: Secondary text and lines.
        line: Edges and borders.
        value: Values.
        gradient: Gradients.
        operation: Fill of operations.
        parameter: Fill of parameters.
        input: Fill of inputs and constants.
        module: Fill of module boxes, of odd and even depth.
        positive: Full positive in a heat map.
        negative: Full negative in a heat map.
        wrong: NaN and infinities.
    """

    ground: str
    ink: str
    faint: str
    line: str
    value: str
    gradient: str
    operation: str
    parameter: str
    input: str
    module: tuple[str, str]
    positive: str
    negative: str
    wrong: str


THEMES = {
    "light": Theme(
        ground="#ffffff",
        ink="#1a1a1a",
        faint="#5f6368",
        line="#80868b",
        value="#005a9c",
        gradient="#a63c00",
        operation="#f1f3f4",
        parameter="#d9efe5",
        input="#e3eefb",
        module=("#fafafa", "#f3f1ec"),
        positive="#0072b2",
        negative="#d55e00",
        wrong="#b0217a",
    ),
    "dark": Theme(
        ground="#16181c",
        ink="#f1f3f4",
        faint="#a8adb4",
        line="#7d838b",
        value="#7cc4f5",
        gradient="#ffab70",
        operation="#2b2f36",
        parameter="#1d4435",
        input="#1f3a5a",
        module=("#1c1f24", "#23272e"),
        positive="#56b4e9",
        negative="#f08a3c",
        wrong="#ff82cf",
    ),
}


def theme_of(name: str) -> Theme:
    """The theme called `name`.

    Raises:
        ArgumentError: There is none.
    """
    try:
        return THEMES[name]
    except (KeyError, TypeError):
        raise ArgumentError(f"theme: there is no {name!r}{suggest(str(name), THEMES)}") from None


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: Any, digits: int = 4) -> str:
    """A number to `digits` significant digits, with a true minus sign; integers and truth values in full."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(value).replace("-", "−")
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    # Adding 0 takes the sign off −0.
    return f"{float(value) + 0.0:.{digits}g}".replace("-", "−")


def power_of_ten(exponent: int) -> str:
    """A power of ten as `10⁻³`, letter by letter: Matplotlib's own way parses a formula for each."""
    return f"10{str(exponent).translate(_RAISED)}"


def figure_name(name: str) -> str:
    """What a loss or a metric of a history is called where it is read."""
    return {"r2": "R²"}.get(name, name)


def amount(value: Any, digits: int = 4) -> str:
    """A number as people write amounts: as `number`, but 1,234,567 instead of a power of ten."""
    if 10 ** min(digits, 4) <= abs(value) < 1e15:
        return f"{value:,.0f}".replace("-", "−")
    return number(value, digits)


def shortened(name: str, longest: int) -> str:
    """A name with its middle left out where it is too long: names of one table often begin alike."""
    half = (longest - 1) // 2
    return name if len(name) <= longest else f"{name[:half]}…{name[-half:]}"


def seconds_text(seconds: float) -> str:
    """A time with the unit that suits it, from microseconds to seconds."""
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if seconds < 1000 * size:
            return f"{number(seconds / size, 3)} {unit}"
    return f"{number(seconds, 3)} s"


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as it is read aloud: `2 × 3`; `scalar` for no dimensions."""
    lengths = [f"{length:,}" for length in shape]
    return " × ".join(lengths) if len(shape) > 1 else f"{lengths[0]} long" if shape else "scalar"


def blend(color: str, ground: str, share: float) -> str:
    """`color` over `ground`, with `share` (0 to 1) of the colour."""
    pairs = zip(channels(color), channels(ground), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def channels(color: str) -> list[int]:
    """Red, green and blue of a colour such as "#0072b2", 0 to 255."""
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]
