"""`backlit explain`: an expression's steps, derivation and picture, and no code of it run."""

import os
import subprocess
import sys

import pytest

from backlit.cli import main
from backlit.cli.expression import evaluate, functions, read_value
from backlit.errors import ArgumentError
from backlit.view.theme import THEMES
from tests.view.programs import leaf


def test_the_lectures_expression(folder, capsys):
    assert main(["explain", "(x+y)*z", "x=-2", "y=5", "z=-4"]) == 0
    out = capsys.readouterr().out
    for line in (
        "f = t1 · z = −12, gradient 1",
        "│  └─ y = 5, gradient −4",
        "   5. f = t1 · z = −12",
        "   7. t1: −4 arrives; distributes: x gets (−4) · 1 = −4; y gets (−4) · 1 = −4",
        "    ∂f/∂t1 · ∂t1/∂x = (−4) · 1 = −4",
        "    df/dz = x + y = 3",
        "The picture is in graph.svg",
    ):
        assert line in out.splitlines(), line
    assert "<svg" in (folder / "graph.svg").read_text("utf-8")


def test_options_choose_variables_picture_and_colors(folder, capsys):
    assert main(["explain", "u^2 + sin(v)", "u=3", "v=0.5", "--wrt", "v", "--out", "p.png", "--theme", "dark"]) == 0
    out = capsys.readouterr().out
    assert "How v reaches f" in out
    assert "How u reaches f" not in out
    assert (folder / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_page_has_graph_steps_and_derivation(folder, capsys):
    assert main(["explain", "max(x, y)*z", "x=1", "y=2", "z=3", "--out", "f.html", "--theme", "dark"]) == 0
    assert capsys.readouterr().out.endswith("The page is in f.html\n")
    text = (folder / "f.html").read_text("utf-8")
    ground = THEMES["dark"].ground
    for part in ("<h1>max(x, y)*z</h1>", "<svg", "const steps = [", "let at = 6;", "How y reaches f", ground):
        assert part in text, part
    assert text.count("<main>") == text.count("<svg") == text.count("<script>") == 1


def test_arrays_and_functions_of_the_library(capsys):
    assert main(["explain", "mean(relu(W @ x))", "W=[[1, 2], [3, 4]]", "x=[1, -1]"]) == 0
    assert "It is (2 × 2), the shape of W." in capsys.readouterr().out
    assert main(["explain", "mse_loss(softmax(x, dim=0), y, reduction='sum')", "x=[1, 2]", "y=[0, 1]"]) == 0


def test_lists_and_tuples_stand_for_what_takes_no_gradient(capsys):
    assert main(["explain", "cross_entropy(z, [2, 0])", "z=[[1, 2, 3], [4, 5, 6]]"]) == 0
    assert "dJ/dz = 1/2 · (softmax(z) − onehot(t1))" in capsys.readouterr().out
    assert main(["explain", "sum(A * [1, 2.5], (0, 1))", "A=[[1, 2]]"]) == 0
    assert "dJ/dA: [1, 2.5]" in capsys.readouterr().out
    for wrong in ("sum(A * [1, [2]])", "sum(A * [A])", "sum(A * [x for x in (1,)])"):
        assert main(["explain", wrong, "A=[1, 2]"]) != 0
    assert "lists hold numbers" in capsys.readouterr().err


def test_a_variable_may_be_called_f(capsys):
    assert main(["explain", "f * f", "f=3"]) == 0
    assert "dJ/df = 2·f = 6" in capsys.readouterr().out


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('touch broken')",
        "x.__class__",
        "().__class__.__bases__",
        "[x for x in (1,)]",
        "(lambda: x)()",
        "open('broken', 'w')",
        "x if x else x",
        "x[0]",
        "f'{x}'",
        "sigmoid(**{'input': x})",
        "sum(*x)",
        "backward(x)",
        "load(x)",
        "(y := x)",
        "x\x00",
        "x; y",
        "9**9**9**9 * x",
        "(" * 5000 + "x" + ")" * 5000,
        "-" * 5000 + "x",
        "",
        "x +",
    ],
)
def test_an_expression_runs_no_code(folder, capsys, expression):
    assert main(["explain", "--out", "g.svg", "--", expression, "x=1"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("backlit: error: ")
    assert "Traceback" not in err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x*y", "x=1"], "'y' has no value in 'x*y'; give it as y=2"),
        (["sigmod(x)", "x=1"], "no function 'sigmod' to differentiate; did you mean 'sigmoid'?"),
        (["2*3"], "'2*3' depends on no variable"),
        (["x*2", "x=[1, 2]"], "has the shape (2,); only one number has a gradient"),
        (["x", "x=1"], "no history"),
        (["x*2", "x"], "'x' gives no variable a value; write it as x=-2"),
        (["x*2", "1=2"], "'1=2' gives no variable a value"),
        (["x*2", "x=abc"], "'abc' is neither a number nor a list of numbers"),
        (["x*2", "x=[1, [2]]"], "unequal lengths"),
        (["x*2", "x=1", "--wrt", "y"], "--wrt: there is no variable 'y'"),
        (["x*2", "x=1", "--out", "g.gif"], "no pictures of the format '.gif'"),
        (["x*2", "x=1", "--theme", "blue"], "invalid choice: 'blue'"),
        (["x @ y", "x=[1, 2]", "y=[1, 2, 3]"], "matmul"),
        (["softmax(x, 'a')", "x=[1]"], "softmax"),
    ],
)
def test_errors_are_one_line(capsys, arguments, message):
    assert main(["explain", *arguments]) == 1
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_infinite_and_undefined_values_are_shown(capsys):
    assert main(["explain", "log(x) * y", "x=0", "y=nan"]) == 0
    assert "NaN" in capsys.readouterr().out


def test_every_function_that_can_be_called_is_differentiable():
    found = functions()
    assert {"sigmoid", "relu", "exp", "maximum", "sum", "mse_loss", "linear"} <= set(found)
    assert not {"load", "save", "from_numpy", "zeros", "manual_seed", "record", "tensor"} & set(found)


def test_numbers_are_read_without_running_anything():
    assert read_value("-2") == -2
    assert read_value("[[1, 2.5], [-3, 1e3]]") == [[1, 2.5], [-3, 1000]]
    assert read_value("-inf") == -float("inf")
    for text in ("True", "None", "x", "1+1", "'a'", "[1, x]", "{1}"):
        with pytest.raises(ArgumentError, match="neither a number nor a list"):
            read_value(text)
    x = leaf(3.0)
    assert evaluate("+x ** 2 / 3 - x % 2", {"x": x}).item() == 2


def test_letters_that_a_terminal_lacks_and_readers_that_leave(folder):
    command = [sys.executable, "-c", "from backlit.cli import main; raise SystemExit(main())", "explain", "x*2", "x=1"]
    said = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert said.stdout.startswith(b"f = x ? 2 = 2")
    if os.name == "posix":
        reader, writer = os.pipe()
        os.close(reader)
        left = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=True)
        os.close(writer)
        assert b"Error" not in left.stderr
