"""Docstrings of estimators, whose parameters are described where they are defined: in their class or the one above."""

from typing import TypeVar

_Class = TypeVar("_Class", bound=type)


def documented(cls: _Class) -> _Class:
    """Add to the sections "Args" and "Attributes" of a class's docstring those of the class above."""
    base = next(above for above in cls.__mro__[1:] if above.__module__.startswith("backlit."))
    # Python leaves docstrings out when it is told to.
    if cls.__doc__ and base.__doc__:
        for title in ("Args", "Attributes"):
            own, more = (_section(doc, title) for doc in (cls.__doc__, base.__doc__))
            cls.__doc__ = cls.__doc__.replace(own, f"{own}\n{more}")
    return cls


def _section(doc: str, title: str) -> str:
    return doc.partition(f"    {title}:\n")[2].partition("\n\n")[0].rstrip()
