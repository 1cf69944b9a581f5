"""The layers of the library hold, importing it stays light, and both checks can fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package below `tree / "src"`."""
    program = (
        "import sys; sys.path.insert(0, 'src'); from importlinter.cli import lint_imports; "
        "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=tree, capture_output=True, text=True, encoding="utf-8", check=False
    )


def new_packages(statement: str) -> set[str]:
    """Names of the installed packages that a statement loads in a fresh process that has NumPy already."""
    program = (
        f"import sys, numpy; before = set(sys.modules); {statement}; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*sorted(new - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture
def copied_tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def plant(tree: Path, package: str, text: str) -> None:
    """Add the module `backlit.<package>.planted`, with its package where there is none yet."""
    folder = tree / "src" / "backlit" / package
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "planted.py").write_text(text, encoding="utf-8")


def test_the_layers_hold():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("lower", "upper"), [("core", "ops"), ("graph", "view"), ("train", "view"), ("nn", "optim"), ("optim", "data")]
)
def test_a_planted_upward_import_is_caught(copied_tree, lower, upper):
    plant(copied_tree, upper, "")
    plant(copied_tree, lower, f"def late():\n    import backlit.{upper}.planted\n")
    result = lint(copied_tree)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"backlit.{lower}.planted -> backlit.{upper}.planted" in result.stdout


def test_a_module_without_a_layer_is_caught(copied_tree):
    plant(copied_tree, "stray", "")
    result = lint(copied_tree)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "stray" in result.stdout


def test_importing_backlit_loads_numpy_and_nothing_heavier():
    assert new_packages("import backlit") == {"backlit"}


def test_a_heavier_import_would_be_seen():
    assert "scipy" in new_packages("import backlit, scipy")
