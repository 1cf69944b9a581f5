"""One line about the machine and the versions, without which a time says nothing."""

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where a library's import name is not its distribution's


def describe(libraries: Iterable[str]) -> str:
    versions = [f"Python {platform.python_version()}"]
    versions += [
        f"{library} {metadata.version(DISTRIBUTIONS.get(library, library))}"
        for library in dict.fromkeys(["numpy", *libraries])
    ]
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {', '.join(versions)}"


def as_installed(**more: str) -> dict[str, str]:
    """The environment of processes that keep bytecode, and variables besides.

    An installer compiles what it installs, and an editable installation is compiled on its first import, unless the
    environment forbids it: then one library would be compiled in every process and the other never.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | more


def version_in(python: str, library: str) -> str:
    """The version of a library in the environment of another interpreter."""
    program = f"from importlib.metadata import version; print(version({library!r}))"
    return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
