"""How a notebook shows a tensor that is the last line of a cell; registered as `backlit.display` in pyproject.toml."""

import sys
from typing import Any

from backlit.errors import MissingPackageError
from backlit.view.computation import drawn
from backlit.view.names import Names


def tensor_html(tensor: Any) -> str | None:
    """The text of the tensor and its computation graph, named by the notebook's variables.

    Args:
        tensor: A tensor that operations made.

    Returns:
        HTML, or None where pygraphviz is not installed.
    """
    try:
        return drawn(tensor, Names(variables=vars(sys.modules["__main__"])))._repr_html_()
    except MissingPackageError:
        return None
