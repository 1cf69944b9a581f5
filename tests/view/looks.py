"""What can be wrong with the looks of a picture: words that are cut off, or that stand on each other."""

from itertools import combinations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

# Letters' boxes have some air in them.
AIR = 1.5
BOXES = """() => {
  const svg = document.querySelector('svg').getBoundingClientRect();
  const texts = [...document.querySelectorAll('svg text')].filter((text) => text.textContent.trim());
  const box = (r) => [r.left, r.top, r.right, r.bottom];
  return [box(svg), texts.map((text) => [text.textContent, ...box(text.getBoundingClientRect())])];
}"""


def faults(frame, texts):
    """Words on texts (words, left, top, right, bottom) that leave the frame or overlap."""
    left, top, right, bottom = frame
    found = [
        f"{words!r} is cut off"
        for words, x0, y0, x1, y1 in texts
        if min(x0 - left, y0 - top, right - x1, bottom - y1) < -AIR
    ]
    for (one, *a), (other, *b) in combinations(texts, 2):
        if min(a[2], b[2]) - max(a[0], b[0]) > AIR and min(a[3], b[3]) - max(a[1], b[1]) > AIR:
            found.append(f"{one!r} stands on {other!r}")
    return found


def faults_of_figure(figure):
    """The faults of a Matplotlib figure."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    hidden = {id(label) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in out_of_range(axis)}
    texts = [
        (text.get_text(), *text.get_window_extent(renderer).extents)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in hidden
    ]
    return faults(figure.bbox.extents, texts)


def out_of_range(axis):
    """Labels of ticks that are not drawn, because the axis does not reach there or is switched off."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    hidden = [tick for tick in ticks if not axis.axes.axison or not low <= tick.get_loc() <= high]
    return [label for tick in hidden for label in (tick.label1, tick.label2)]
