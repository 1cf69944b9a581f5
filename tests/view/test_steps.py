"""Backpropagation step by step: in words, as an iterator, as an animation that the keyboard drives."""

import re

import pytest

import backlit
from backlit import nn, view
from backlit.errors import ArgumentError, ArgumentTypeError, GradientError
from tests.view.programs import leaf, sum_times

GOLDEN = """\
Forward
   1. x = −2, given
   2. y = 5, given
   3. q = x + y = 3
   4. z = −4, given
   5. f = q · z = −12

Backward
   6. f: the derivative of the result by itself is 1; swaps and scales: q gets 1 · (−4) = −4; z gets 1 · 3 = 3
   7. q: −4 arrives; distributes: x gets (−4) · 1 = −4; y gets (−4) · 1 = −4

Update
   8. x := −2 − 0.1 · (−4) = −1.6
   9. y := 5 − 0.1 · (−4) = 5.4
  10. z := −4 − 0.1 · 3 = −4.3"""


def test_the_three_walks_in_words():
    named = sum_times()
    assert view.steps(named["f"], named, lr=0.1).text == GOLDEN


def test_one_node_at_a_time():
    named = sum_times()
    found = view.steps(named["f"], named)
    assert [(s.phase, s.node.name) for s in found] == [
        *[("forward", name) for name in ("x", "y", "q", "z", "f")],
        *[("backward", name) for name in ("f", "q")],
    ]
    assert len(found) == 7
    assert found[-1].node.name == "q"
    assert [s.node.name for s in found[:2]] == ["x", "y"]
    assert "7 steps" in repr(found)
    assert str(found) == found.text


def test_what_an_optimizer_did_is_the_update():
    w = nn.Parameter(backlit.tensor([1.0, 2.0]))
    scale = leaf(3.0)
    optimizer = backlit.optim.SGD([w], lr=0.5)
    with backlit.record():
        f = (w * w).sum() * scale
        f.backward()
        optimizer.step()
    updates = [s.text for s in view.steps(f, {"w": w}) if s.phase == "update"]
    assert updates == [f"w has moved by {45**0.5:.4g} (norm)"]


def test_sums_kinks_and_ties_are_told():
    x = leaf(0.0)
    with backlit.record():
        y = x * 1
        f = y.abs() + y * 2
        f.backward()
    text = view.steps(f).text
    assert "y: 0 + 2 arrive and add up to 2" in text
    assert "; at the kink there is no derivative, and this is the convention" in text


def test_a_backward_pass_may_start_with_any_number():
    a, b = leaf(2.0), leaf(3.0)
    with backlit.record():
        f = a * b
        f.backward(backlit.tensor(5.0).double())
    assert "f: backward starts with 5; swaps and scales: a gets 5 · 3 = 15; b gets 5 · 2 = 10" in view.steps(f).text


def test_without_a_backward_pass_the_steps_say_so():
    with backlit.record():
        f = leaf(1.0) * 2
    last = view.steps(f)[-1]
    assert last.phase == "backward"
    assert "backward not run" in last.text


def test_bad_input(tmp_path):
    with pytest.raises(GradientError, match="not recorded"):
        view.steps(leaf(1.0) * 2)
    with pytest.raises(ArgumentTypeError, match=r"view\.steps: expected a tensor"):
        view.steps(None)
    found = view.steps(sum_times()["f"])
    with pytest.raises(ArgumentError, match=r"no steps of the format '\.gif'; choose from 'html', 'txt'"):
        found.save(tmp_path / "steps.gif")
    with backlit.record():
        f = leaf(1.0)
        for _ in range(200):
            f = f * 2
    with pytest.raises(ArgumentError, match="401 nodes are too many for an animation"):
        view.steps(f).save(tmp_path / "steps.html")
    assert view.steps(f).save(tmp_path / "steps.txt").read_text("utf-8").startswith("Forward\n   1. ")


def test_the_page_loads_nothing_and_marks_what_it_moves(tmp_path):
    named = sum_times()
    page = view.steps(named["f"], {**named, "</script>": named["x"]}).html
    assert set(re.findall(r"https?://[^\"' >]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert page.count("</script>") == 1
    shown = set(re.findall(r'"((?:e\d+|out|b\d+)-\w+)"', page))
    drawn = set(re.findall(r'id="a_((?:e\d+|out|b\d+)-\w+)"', page))
    assert drawn <= shown


@pytest.mark.parametrize(
    ("keys", "count", "words", "hidden"),
    [
        ([], "step 1 of 7", "x = −2, given", 13),
        (["ArrowRight"] * 5, "step 6 of 7", "f: the derivative of the result by itself is 1", 4),
        (["End"], "step 7 of 7", "q: −4 arrives", 0),
        (["End", "ArrowLeft", "Home", "ArrowRight"], "step 2 of 7", "y = 5, given", 12),
    ],
)
def test_the_keyboard_drives_the_animation(opened, keys, count, words, hidden):
    named = sum_times()
    page = opened(view.steps(named["f"], named).html)
    for key in keys:
        page.keyboard.press(key)
    assert page.inner_text("#count") == count
    assert page.inner_text("#text").startswith(words)
    assert page.locator("#picture .hidden").count() == hidden


def test_space_plays_and_pauses_wherever_the_focus_is(opened):
    named = sum_times()
    page = opened(view.steps(named["f"], named).html)
    page.clock.install()
    page.focus("#next")
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "❚❚ Pause"
    assert page.inner_text("#count") == "step 1 of 7"
    page.clock.run_for(3_100)
    assert page.inner_text("#count") == "step 3 of 7"
    page.keyboard.press(" ")
    page.clock.run_for(9_000)
    assert page.inner_text("#count") == "step 3 of 7"
    page.click("#play")
    page.clock.run_for(30_000)
    assert (page.inner_text("#count"), page.inner_text("#play")) == ("step 7 of 7", "▶ Play")
    assert page.is_disabled("#next")


def test_the_page_speaks_to_screen_readers(opened):
    named = sum_times()
    page = opened(view.steps(named["f"], named).html)
    heard = page.locator("body").aria_snapshot()
    assert 'heading "Step by step"' in heard
    assert 'img "the computation graph, step by step"' in heard
    assert 'button "▶ Play"' in heard
    assert page.get_attribute("#words", "aria-live") == "polite"


def test_a_page_that_loads_or_fails_is_caught(opened, complaints):
    opened('<!DOCTYPE html><img src="http://localhost:9/picture.png"><script>nobody()</script>')
    assert [complaint.partition(":")[0] for complaint in sorted(complaints)] == ["error", "request"]
    complaints.clear()
