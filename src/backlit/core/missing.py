"""Words for names that a program written for PyTorch, or its writer, expects and that backlit does not have."""

from collections.abc import Iterable
from functools import cache

from backlit.errors import MissingNameError


@cache
def _pytorch_names() -> frozenset[str]:
    """All public names of PyTorch, as `tests/make_pytorch_names.py` found them."""
    # Only needed for a message, and slow to import.
    from importlib import resources

    return frozenset((resources.files("backlit.core") / "pytorch_names.txt").read_text(encoding="utf-8").split())


def missing_name(place: str, name: str, existing: Iterable[str]) -> MissingNameError:
    """The error for an attribute that does not exist.

    Args:
        place: Where it was looked for, as PyTorch calls it without `torch.`: `""`, `"Tensor"`, `"nn"`, …
        name: What was looked for.
        existing: The names that are there.
    """
    path = f"{place}.{name}" if place else name
    owner = f"backlit.{place}" if place else "backlit"
    reason = "PyTorch has it, backlit does not" if path in _pytorch_names() else "PyTorch has no such name either"
    import difflib

    near = difflib.get_close_matches(name, sorted(existing), n=1, cutoff=0)
    nearest = f"; the nearest that exists is {near[0]!r}" if near else ""
    return MissingNameError(f"{owner} has no {name!r}: {reason}{nearest}", name=name)
