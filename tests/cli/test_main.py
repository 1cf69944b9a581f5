"""The command line as a module."""

import subprocess
import sys


def test_the_module_is_the_command() -> None:
    run = [sys.executable, "-m", "backlit", "explain", "x * y", "x=2", "y=3"]
    found = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60)
    assert found.returncode == 0, found.stderr
    assert "6" in found.stdout
    wrong = subprocess.run([*run[:3], "nothing"], capture_output=True, text=True, check=False, timeout=60)
    assert wrong.returncode != 0
    assert "nothing" in wrong.stderr
