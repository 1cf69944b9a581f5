"""The Python in the README, the manual and the docstrings runs, and shows what it says it shows.

The `python` blocks of a page share one namespace, top to bottom. A block with `>>>` prompts has its output checked.
"""

import doctest
import importlib
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [path for path in sorted((ROOT / "src").rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run_doctest(test: doctest.DocTest) -> None:
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert not runner.run(test, out=said.append, clear_globs=False).failed, "".join(said)


def run_page(page: Path) -> None:
    """Run a page's blocks in order; raises what a block raises, or `AssertionError` for another output."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    for block in FENCE.finditer(text):
        line = text.count("\n", 0, block.start(1))
        if ">>> " in block[1]:
            test = doctest.DocTestParser().get_doctest(block[1], names, page.name, str(page), line)
            run_doctest(test)
            names = test.globs
        else:
            # The empty lines give a traceback the page's own line numbers.
            exec(compile("\n" * line + block[1], str(page), "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page)


def test_the_operation_shown_to_contributors_is_the_one_in_the_source():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = textwrap.dedent(re.search(r"^ {4}@primitive.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)[0]).strip()
    assert "_mul.gradient" in shown
    assert shown in (ROOT / "src" / "backlit" / "ops" / "arithmetic.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_the_docstrings_of_a_module_run(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = source.relative_to(ROOT / "src").with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        run_doctest(test)


@pytest.mark.parametrize("wrong", [">>> 1 + 1\n3\n", "assert 1 + 1 == 3\n"])
def test_a_wrong_page_is_caught(wrong, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n```python\n{wrong}```\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run_page(page)
