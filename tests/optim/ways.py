"""The two ways in which an update rule runs."""

from typing import Any
from unittest import mock

from backlit.core.composite import Update


def by_formula() -> Any:
    """Inside, optimizers run the formulas of their rules instead of the kernels."""

    def each(self: Update, rows: Any, **settings: Any) -> None:
        for row in rows:
            self.by_formula(*row, **settings)

    return mock.patch.object(Update, "each", each)
