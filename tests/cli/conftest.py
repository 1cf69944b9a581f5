"""Commands run in a folder of their own, and draw only where a test looks at the pictures."""

import pytest

from backlit.cli import report


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("backlit.cli.training.draw", lambda *_: None)
    return tmp_path


@pytest.fixture
def pictures(folder, monkeypatch):
    """Let the command draw."""
    monkeypatch.setattr("backlit.cli.training.draw", report.draw)
