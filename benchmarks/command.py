"""What the benchmarks' command lines share."""

import argparse
from collections.abc import Callable, Collection, Iterable
from importlib.util import find_spec
from subprocess import CalledProcessError
from typing import Any

from rich.console import Console

from benchmarks.machine import version_in
from benchmarks.peers import Peer


def screen() -> Console:
    """The terminal; where there is none, wide enough for the tables."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def names(known: Collection[str]) -> Callable[[str], list[str]]:
    """The type of an argument that lists known names with commas; argparse shows the error where one is unknown."""

    def names_in(text: str) -> list[str]:
        found = text.split(",")
        unknown = [name for name in found if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(known)}")
        return found

    return names_in


def number(least: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number."""

    def whole(text: str) -> int:
        found = int(text)
        if found < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return found

    return whole


def environment(library: str) -> Callable[[str], str]:
    """The type of an argument that is an interpreter whose environment has a library."""

    def interpreter(python: str) -> str:
        try:
            version_in(python, library)
        except (OSError, CalledProcessError) as error:
            raise argparse.ArgumentTypeError(f"{python} is no interpreter with {library} ({error})") from error
        return python

    return interpreter


def installed(peers: Iterable[Peer], console: Console) -> list[Peer]:
    """The peers whose library is there; the others are named."""
    found = []
    for peer in peers:
        if find_spec(peer.library):
            found.append(peer)
        else:
            console.print(f"{peer.name}: skipped, {peer.library} is not installed")
    return found


def report_failures(where: str, failures: Any, console: Console) -> None:
    for name, words in failures.items():
        console.print(f"{where}, {name}: failed. {words}", markup=False, highlight=False)
