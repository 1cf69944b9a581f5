"""The computation graph's pictures: what they show, in which formats, for programs small, large and broken."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import backlit
from backlit import nn, view
from backlit.errors import ArgumentError, ArgumentTypeError, FileError, MissingPackageError
from backlit.view.boxes import LIMIT, boxes_of
from backlit.view.theme import THEMES
from tests.view.programs import flow_of, leaf, squares, sum_times


def words(picture):
    """All texts of a picture, in the order drawn."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture.svg.replace("&#45;", "-"))


@pytest.fixture(autouse=True)
def graphviz_is_content(capfd):
    """Graphviz tells of labels that it cannot read on standard error alone."""
    yield
    err = capfd.readouterr().err
    assert not re.search(r"^(Error|Warning):", err, re.M), err


def mlp(depth=2):
    layers = [nn.Linear(4, 4), nn.ReLU()] * depth
    net = nn.Sequential(*layers)
    with backlit.record():
        loss = net(backlit.ones(3, 4)).sum()
        loss.backward()
    return net, loss


def test_the_lectures_graph_shows_its_numbers():
    named = sum_times()
    x, y, z, q, f = named.values()
    shown = words(view.graph(f))
    for text in ("x", "y", "z", "= q", "= f", "distributes", "swaps and scales", "−12", "∇ 1", "∂ −4", "∇ −4", "∇ 3"):
        assert text in shown, text
    assert shown.count("∇ −4") == 3
    assert view.graph(f).data.find(q).value.item() == 3
    assert x.grad.item() == y.grad.item() == -4
    assert z.grad.item() == 3


def test_formats(tmp_path):
    picture = view.graph(sum_times()["f"])
    assert picture.svg.startswith("<svg")
    assert picture.png.startswith(b"\x89PNG")
    assert picture.pdf.startswith(b"%PDF")
    for kind in ("svg", "png", "pdf", "html"):
        path = picture.save(tmp_path / f"f.{kind}")
        assert path.stat().st_size > 1000
    with pytest.raises(ArgumentError, match=r"no pictures of the format '\.gif'; choose from"):
        picture.save(tmp_path / "f.gif")
    with pytest.raises(FileError, match="cannot write"):
        picture.save(tmp_path / "none" / "f.svg")


def test_html_loads_nothing():
    text = view.graph(sum_times()["f"]).html
    addresses = set(re.findall(r"https?://[^\"' >]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in text


@pytest.mark.parametrize("theme", THEMES)
def test_themes_color_the_ground_and_the_text(theme):
    svg = view.graph(sum_times()["f"], theme=theme).svg
    colors = THEMES[theme]
    for color in (colors.ground, colors.ink, colors.value, colors.gradient):
        assert color in svg


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(a, b):
    """As WCAG 2 defines it."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_stands_out_from_its_ground(theme):
    for ground in (theme.ground, *theme.module):
        for text in (theme.ink, theme.faint, theme.value, theme.gradient):
            assert contrast(text, ground) >= 4.5, (text, ground)
    for ground in (theme.operation, theme.parameter, theme.input):
        assert contrast(theme.ink, ground) >= 4.5
        assert contrast(theme.faint, ground) >= 4.5
        assert contrast(theme.gradient, ground) >= 4.5


def test_modules_are_boxes_that_nest_and_collapse():
    net, loss = mlp()
    block = nn.Sequential(net)
    with backlit.record():
        loss = block(backlit.ones(3, 4)).sum()
    opened = words(view.graph(loss))
    assert {"0 · Sequential", "0.0 · Linear", "0.1 · ReLU"} <= set(opened)
    closed = words(view.graph(loss, collapse=0))
    assert "0 · Sequential" in closed
    assert "linear" not in closed
    assert "4 operations" in closed
    one = words(view.graph(loss, collapse=["0.0"]))
    assert "0.0 · Linear" in one
    assert "relu" in one


def test_a_parameters_path_is_its_name():
    net, loss = mlp(1)
    assert {"0.weight", "0.bias", "parameter"} <= set(words(view.graph(loss)))
    assert net[0].weight.grad is not None


def test_arrays_show_shape_norm_and_heat():
    x = leaf([[3.0, 0.0], [0.0, 4.0]], shape=1)
    with backlit.record():
        f = x.relu().sum()
    picture = view.graph(f, names={"x": x})
    assert "2 × 2, ‖‖ = 5" in words(picture)
    assert THEMES["light"].positive in picture.svg


def test_unrecorded_graphs_say_how_to_record():
    x = leaf(2.0)
    f = (x * x).sin()
    shown = words(view.graph(f))
    assert any("with backlit.record():" in text for text in shown)
    assert "no gradient yet" in shown


def test_backward_not_run_is_said_and_never_zero():
    x = leaf(2.0)
    with backlit.record():
        f = x * x
    shown = words(view.graph(f))
    assert shown.count("backward not run") == 3
    assert "∇ 0" not in shown


def test_a_released_graph_is_drawn_all_the_same():
    x = leaf(2.0)
    f = x * x
    f.backward()
    assert "∇ 4" in words(view.graph(f))


def test_a_leaf_alone_is_a_graph():
    x = leaf(2.0)
    assert {"x", "2"} <= set(words(view.graph(x)))


def test_values_that_are_not_finite_are_said():
    x = leaf(float("nan"), 1.0, float("inf"))
    with backlit.record():
        f = (x.log() * x).sum()
        f.backward()
    shown = words(view.graph(f, color_by="value", theme="dark"))
    assert "3 long, 1 NaN and 1 infinite" in shown
    assert "NaN" in shown


def test_empty_and_large_arrays():
    empty, large = backlit.zeros(0, 3, requires_grad=True), backlit.ones(1000, 1000, requires_grad=True)
    with backlit.record():
        f = (empty * 2).sum() + large.tanh().mean()
        f.backward()
    picture = view.graph(f)
    assert {"0 × 3, empty", "1,000 × 1,000, ‖‖ = 1000"} <= set(words(picture))
    assert len(picture.svg) < 200_000


@pytest.mark.parametrize("kind", ["value", "gradient", "time", "memory"])
def test_colors_on_request_come_with_numbers(kind):
    _, loss = mlp()
    shown = words(view.graph(loss, color_by=kind))
    unit = {"value": "rms ", "gradient": "rms ", "time": "s", "memory": " bytes"}[kind]
    assert sum(text.startswith(unit) or text.endswith(unit) for text in shown) >= 5
    assert any(text.startswith("Fill, from pale to strong") for text in shown)


def test_a_closed_module_is_colored_by_what_is_in_it():
    layers = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
    with backlit.record():
        loss = layers(backlit.ones(5, 3)).sum()
        loss.backward()
    # Two results of 5 × 4 numbers of 4 bytes in the module; one number after it.
    assert {"160 bytes", "4 bytes"} <= set(words(view.graph(loss, collapse=0, color_by="memory")))
    assert {"80 bytes", "4 bytes"} <= set(words(view.graph(loss, collapse=[], color_by="memory")))
    # The last in the module: for each row, as many ones as neurons that are not silent.
    found = view.graph(loss, collapse=0, color_by="gradient")
    assert words(found).count("rms 1") == 2


def test_coloring_without_a_backward_pass_says_so():
    with backlit.record():
        f = leaf(2.0) * 3
    assert "no gradient" in words(view.graph(f, color_by="gradient"))


def test_a_deep_network_is_closed_by_modules():
    net = nn.Sequential(*[nn.Sequential(*[nn.Linear(2, 2) for _ in range(50)]) for _ in range(70)])
    with backlit.record():
        loss = net(backlit.ones(1, 2)).sum()
        loss.backward()
    picture = view.graph(loss)
    assert len(picture.data.nodes) > 10_000
    boxes, _ = boxes_of(picture.data, None)
    assert len(boxes) <= LIMIT
    assert any("nodes drawn in" in text for text in words(picture))


def test_a_network_of_few_modules_shows_each():
    net = nn.Sequential(*[nn.Sequential(*[nn.Linear(2, 2) for _ in range(50)]) for _ in range(16)])
    boxes, links = boxes_of(flow_of(net(backlit.ones(1, 2)).sum()), None)
    assert [box.title for box in boxes if box.title] == [str(i) for i in range(16)]
    assert len(links) == len(boxes) - 1


def test_a_long_chain_without_modules_is_closed_into_runs():
    f = leaf(1.0)
    for _ in range(5000):
        f = (f * 1.0001).sin()
    picture = view.graph(f)
    assert any(re.fullmatch(r"1 … \d+ of 15001", text) for text in words(picture))


def test_no_two_boxes_overlap():
    _, loss = mlp(3)
    picture = view.graph(loss)
    plain = picture._draw("plain").decode()
    found = [line.split() for line in plain.splitlines() if line.startswith("node ")]
    spots = [tuple(map(float, line[2:6])) for line in found]
    for i, (x, y, w, h) in enumerate(spots):
        for x2, y2, w2, h2 in spots[:i]:
            assert abs(x - x2) >= (w + w2) / 2 - 1e-6 or abs(y - y2) >= (h + h2) / 2 - 1e-6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"theme": "drak"}, "theme: there is no 'drak'; did you mean 'dark'"),
        ({"direction": "up"}, "direction: there is no 'up'"),
        ({"color_by": "gradients"}, "color_by: there is no 'gradients'; did you mean 'gradient'"),
        ({"collapse": -1}, "collapse is a depth of 0 or more"),
        ({"collapse": ["1"]}, "no module '1' in this graph"),
    ],
)
def test_unknown_settings(settings, message):
    net = nn.Sequential(nn.Linear(2, 1))
    with pytest.raises(ArgumentError, match=re.escape(message)):
        view.graph(net(backlit.ones(1, 2)), **settings)


def test_wrong_kinds():
    with pytest.raises(ArgumentTypeError, match=r"view\.graph: expected a tensor"):
        view.graph("loss")
    with pytest.raises(ArgumentTypeError, match=r"collapse takes a list of paths"):
        view.graph(leaf(1.0) * 2, collapse="layers")


def test_without_pygraphviz_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'backlit\[view\]'"):
        view.graph(leaf(1.0) * 2)


def test_names_with_signs_of_html_are_no_markup():
    x = leaf(1.0)
    assert "a<b&c" in view.graph(x * 2, names={"a<b&c": x}).svg.replace("&lt;", "<").replace("&amp;", "&")


def test_the_same_graph_is_the_same_file_and_speaks():
    picture, again = (view.graph(sum_times()["f"]) for _ in range(2))
    assert picture.svg == again.svg
    assert re.match(r'<svg role="img" aria-label="the computation graph of \w+"', picture.svg)
    assert picture.svg.count("<title>") == 1
    assert f"<desc>{picture.text}</desc>" in picture.svg


def test_a_graph_is_a_tree_in_the_terminal():
    named = squares()
    assert (
        view.graph(named["f"], named).text
        == """\
f = t1 + t2 = 38.25, gradient 1
├─ t1 = u^2 = 36, gradient 1
│  └─ u = x · y = 6, gradient 12
│     ├─ x = 3, gradient 25.5
│     └─ y = 2, gradient 33.75
└─ t2 = v^2 = 2.25, gradient 1
   └─ v = x / y = 1.5, gradient 3
      ├─ x, as above
      └─ y, as above"""
    )
    f = leaf(1.0)
    for _ in range(100):
        f = f * 2
    lines = view.graph(f, {"f": f}).text.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (61, "f = t100 · 2", "…")


def test_fontconfigs_words_are_left_out_and_others_are_not(capfd, monkeypatch):
    picture = view.graph(sum_times()["f"])
    draw = picture._drawing.draw

    def noisy(**options):
        os.write(2, b"Fontconfig warning: line 6\nanother word\n")
        return draw(**options)

    monkeypatch.setattr(picture._drawing, "draw", noisy)
    assert picture.svg.startswith("<svg")
    assert capfd.readouterr().err == "another word\n"


def test_threads_that_draw_leave_standard_error_where_it_was():
    before = os.fstat(2).st_ino
    pictures = [view.graph(sum_times()["f"]) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert all(svg.startswith("<svg") for svg in pool.map(lambda picture: picture.svg, pictures))
    assert os.fstat(2).st_ino == before
