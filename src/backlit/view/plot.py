"""Plots: what all Matplotlib figures here share, their colours, fonts and formats."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backlit.errors import MissingPackageError
from backlit.view.fonts import FAMILY, fall_back
from backlit.view.picture import Picture
from backlit.view.theme import Theme, blend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

# Okabe and Ito's palette, where light colours on light ground are darker; on dark ground its lighter kin.
_SERIES = {
    False: ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07d00", "#7a5195"),
    True: ("#56b4e9", "#f08a3c", "#2fc89a", "#e39cc4", "#f0c04a", "#a6d8f7"),
}
# Told apart without colour too.
STYLES = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 3)))
_DPI = 144
_REMARK = re.compile(r"<!--.*?-->\s*|(?<=\n) +")
_PLACES = re.compile(r' (?:d|x|y)="[^"]*"')
_DIGITS = re.compile(r"(\.\d\d)\d+")


def series(theme: Theme) -> tuple[str, ...]:
    """Colours of lines, in the order in which they are used."""
    return _SERIES[int(theme.ground[1:3], 16) < 128]


class Plot(Picture):
    """A figure; the last line of a notebook cell shows it. Saved as in `Picture`.

    Attributes:
        data: The numbers that it shows.
    """

    def __init__(self, figure: "Figure", data: Any, theme: Theme, title: str) -> None:
        self.data: Any = data
        self._figure, self._theme, self._title, self._words = figure, theme, title, _words(figure)
        self._has_letters = fall_back(figure)

    def _draw(self, kind: str) -> bytes:
        import matplotlib

        page = io.BytesIO()
        # Words as words where letters are in no font here: the reader's browser may have one.
        words = "path" if self._has_letters else "none"
        # No date and fixed names inside: the same numbers give the same file.
        settings = matplotlib.rc_context(
            {"svg.hashsalt": "backlit", "path.simplify_threshold": 0.5, "svg.fonttype": words}
        )
        with settings, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
            self._place()
            when = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
            self._figure.savefig(page, format=kind, dpi=_DPI, metadata=when)
        return _compact(page.getvalue()) if kind == "svg" else page.getvalue()

    def _place(self) -> None:
        """Let the parts find their places, once: it takes longest, and `savefig` would draw everything twice for it."""
        engine = self._figure.get_layout_engine()
        if engine is not None:
            engine.execute(self._figure)
            self._figure.set_layout_engine()

    @property
    def png(self) -> bytes:
        """The picture as PNG, twice the size of a screen's points."""
        return self._draw("png")


def _compact(svg: bytes) -> bytes:
    """An SVG without its remarks, and with places to a hundredth of a point: half the size, and the same to look at."""
    text = _REMARK.sub("", svg.decode())
    return _PLACES.sub(lambda found: _DIGITS.sub(r"\1", found[0]), text).encode()


def _words(figure: "Figure") -> str:
    """What the figure's parts are called, in the order of the parts."""
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        legend = axes.get_legend()
        names = [] if legend is None else [text.get_text() for text in legend.get_texts()]
        found.append(", ".join(filter(None, [axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), *names])))
    return "; ".join(filter(None, found))


@contextmanager
def styled(theme: Theme) -> Iterator[None]:
    """Figures made inside have the theme's colours.

    Raises:
        MissingPackageError: Matplotlib is not installed.
    """
    try:
        import matplotlib.figure
        from cycler import cycler
    except ImportError:
        raise MissingPackageError(
            "view: plots need Matplotlib, which is not installed; pip install 'backlit[view]'"
        ) from None
    ink, ground, line = theme.ink, theme.ground, theme.line
    with matplotlib.rc_context(
        {
            "figure.facecolor": ground,
            "axes.facecolor": ground,
            "savefig.facecolor": "auto",
            "axes.edgecolor": line,
            "axes.labelcolor": ink,
            "axes.titlesize": 11,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=series(theme)),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.unicode_minus": True,
            "font.size": 9.5,
            "font.family": FAMILY,
            "grid.color": blend(line, ground, 0.3),
            "grid.linewidth": 0.6,
            "legend.frameon": True,
            "legend.facecolor": ground,
            "legend.edgecolor": blend(line, ground, 0.5),
            "legend.framealpha": 0.9,
            "legend.fontsize": 8.5,
            "lines.linewidth": 1.8,
            "text.color": ink,
            "xtick.color": theme.faint,
            "ytick.color": theme.faint,
            "xtick.labelcolor": theme.faint,
            "ytick.labelcolor": theme.faint,
        }
    ):
        yield


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of this size in inches, whose parts make room for each other."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.09))


def signed_colors(theme: Theme) -> "LinearSegmentedColormap":
    """Orange for negative over the ground to blue for positive; what is not finite stands out."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("signed", [theme.negative, theme.ground, theme.positive])
    return cast("LinearSegmentedColormap", colors.with_extremes(bad=theme.wrong))


def note_broken(axes: "Axes", values: Any, theme: Theme) -> None:
    """Say how many of the drawn values are NaN or infinite, where a gap could be taken for something else."""
    broken = int(np.size(values) - np.isfinite(values).sum())
    if broken:
        axes.text(
            0.5, 0.94, f"{broken:,} of {np.size(values):,} values are NaN or infinite", transform=axes.transAxes,
            ha="center", va="top", color=theme.ink, zorder=6,
            bbox={"facecolor": theme.ground, "edgecolor": theme.wrong, "linewidth": 1.5, "pad": 5},
        )  # fmt: skip


def bare(axes: "Axes") -> None:
    """An area without axes, to draw in."""
    axes.grid(False)
    axes.set_axis_off()
