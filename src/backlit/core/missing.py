"""Words for names that a program written for PyTorch, or its writer, expects and that backlit does not have."""

from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any

from backlit.errors import MissingNameError

# Names that are less like each other are no slips of the pen.
_LIKENESS = 0.65


@cache
def _pytorch_names() -> frozenset[str]:
    """All public names of PyTorch, as `tests/make_pytorch_names.py` found them."""
    # Only needed for a message, and slow to import.
    from importlib import resources

    return frozenset((resources.files("backlit.core") / "pytorch_names.txt").read_text(encoding="utf-8").split())


class _MissingName(MissingNameError):
    """Finds its words when they are read: `hasattr` and its like ask often, and never read them."""

    def __init__(self, place: str, name: str, existing: Iterable[str]) -> None:
        super().__init__(name=name)
        self._place, self._name, self._existing = place, name, existing

    @cached_property
    def _words(self) -> str:
        import difflib

        path = f"{self._place}.{self._name}" if self._place else self._name
        owner = f"backlit.{self._place}" if self._place else "backlit"
        reason = "PyTorch has it, backlit does not" if path in _pytorch_names() else "PyTorch has no such name either"
        near = difflib.get_close_matches(self._name, sorted(self._existing), n=1, cutoff=_LIKENESS)
        nearest = f"; the nearest that exists is {near[0]!r}" if near else ""
        return f"{owner} has no {self._name!r}: {reason}{nearest}"

    def __str__(self) -> str:
        return self._words

    def __reduce__(self) -> tuple[Any, ...]:
        return (MissingNameError, (str(self),))


def missing_name(place: str, name: str, existing: Iterable[str]) -> MissingNameError:
    """The error for an attribute that does not exist.

    Args:
        place: Where it was looked for, as PyTorch calls it without `torch.`: `""`, `"Tensor"`, `"nn"`, …
        name: What was looked for.
        existing: The names that are there.
    """
    return _MissingName(place, name, existing)
