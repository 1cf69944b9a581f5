"""Letters that Matplotlib's own font lacks: an installed font has them, or the reader's browser."""

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from backlit.view import confusion, fonts


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Makes a font of these letters for Matplotlib; without outlines, as coloured pictures have none."""
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    fonts._families.cache_clear()

    def make(name, letters, *, outlines=True):
        pen = TTGlyphPen(None)
        if outlines:
            for draw, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (500, 900)), (pen.lineTo, (900, 0))):
                draw(point)
            pen.closePath()
        names = [".notdef", *(f"letter{ord(letter)}" for letter in letters)]
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder(names)
        builder.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
        builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
        builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
        builder.setupHorizontalHeader(ascent=900, descent=-100)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2(usWeightClass=400)
        builder.setupPost()
        builder.save(tmp_path / f"{name}.ttf")
        font_manager.fontManager.addfont(tmp_path / f"{name}.ttf")

    yield make
    fonts._families.cache_clear()


def drawn(*names):
    """The picture's families and SVG; a warning that a letter is missing would be an error."""
    picture = confusion([0, 1], [0, 1], names)
    return picture._figure.axes[0].get_xticklabels()[0].get_fontfamily(), picture.svg


def test_installed_fonts_are_used(install):
    install("Pets", "猫犬")
    install("Trees", "木犬")
    install("Serif Pets", "猫犬")
    families, svg = drawn("猫犬", "木")
    assert families == ["DejaVu Sans", "Pets", "Trees"]
    assert "<text" not in svg


def test_without_a_font_the_browser_finds_one(install):
    install("Coloured", "\U0001fae8", outlines=False)
    install("Pets", "猫")
    families, svg = drawn("猫", "\U0001fae8")
    assert families == ["DejaVu Sans", "Pets"]
    assert ">\U0001fae8</text>" in svg


def test_known_letters_change_nothing():
    families, svg = drawn("größer", "≤ ½")
    assert families == ["DejaVu Sans"]
    assert "<text" not in svg


def test_fonts_that_cannot_be_read_are_passed_over(install, tmp_path):
    install("Broken", "猫")
    (tmp_path / "Broken.ttf").write_bytes(b"no font")
    assert drawn("猫", "b")[0] == ["DejaVu Sans"]
