"""What the fill of an operation tells, on request: its value, its gradient, its time, its memory."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backlit.core.tensor_base import Array
from backlit.errors import ArgumentError, suggest
from backlit.view.dataflow import Dataflow, Node
from backlit.view.local import seconds
from backlit.view.theme import Theme, blend, number, seconds_text

_KINDS = {
    "value": "root mean square of the value, on a logarithmic scale",
    "gradient": "root mean square of the gradient, on a logarithmic scale",
    "time": "time of the operation alone, forward, measured now on the recorded inputs",
    "memory": "memory of the result",
}


class Coloring:
    """A measure of each operation or closed box, and its colour.

    Args:
        kind: "value", "gradient", "time" or "memory".
        flow: The graph.

    Raises:
        ArgumentError: There is no such kind.
    """

    def __init__(self, kind: str, flow: Dataflow) -> None:
        if kind not in _KINDS:
            raise ArgumentError(f"view.graph: color_by: there is no {kind!r}{suggest(str(kind), _KINDS)}")
        self.kind = kind
        self._logarithmic = kind in ("value", "gradient")
        measure: Any = {
            "value": lambda node: _size(node.value),
            "gradient": lambda node: _size(node.gradient),
            "time": lambda node: seconds(node.binding),
            "memory": lambda node: float(node.nbytes),
        }[kind]
        self._measures = {id(node): measure(node) for node in flow.nodes if node.binding is not None}
        self._low, self._high = 0.0, 1.0

    def spread(self, boxes: Iterable[Sequence[Node]]) -> None:
        """Spread the colours over what these boxes measure."""
        found = [m for m in map(self._measure, boxes) if m is not None]
        known = [self._scaled(m) for m in found if m > 0 or not self._logarithmic]
        self._low = min(known, default=0.0) if self._logarithmic else 0.0
        self._high = max(known, default=1.0)

    @property
    def legend(self) -> str:
        """What the colour tells, in a line."""
        return f"Fill, from pale to strong: {_KINDS[self.kind]}."

    def _measure(self, nodes: Sequence[Node]) -> float | None:
        """Of an operation; of a closed box the time and the memory of all in it, or its last value and gradient."""
        known = [m for node in nodes if (m := self._measures.get(id(node))) is not None]
        if not known:
            return None
        return known[-1] if self._logarithmic else sum(known)

    def _scaled(self, measure: float) -> float:
        return math.log10(measure) if self._logarithmic else measure

    def fill(self, nodes: Sequence[Node], theme: Theme) -> str:
        """The fill of a box with these nodes."""
        measure = self._measure(nodes)
        if measure is None:
            return theme.operation
        if not math.isfinite(measure):
            return blend(theme.wrong, theme.operation, 0.45)
        if measure <= 0:
            return theme.operation
        span = self._high - self._low
        share = (self._scaled(measure) - self._low) / span if span > 0 else 1.0
        strong = theme.negative if self.kind == "gradient" else theme.positive
        return blend(strong, theme.operation, 0.08 + 0.42 * share)

    def text(self, nodes: Sequence[Node]) -> str:
        """The measure with its unit."""
        measure = self._measure(nodes)
        if measure is None:
            return {"gradient": "no gradient", "time": "time unknown"}.get(self.kind, "not recorded")
        if self.kind == "time":
            return seconds_text(measure)
        if self.kind == "memory":
            return f"{int(measure):,} bytes"
        return f"rms {number(measure, 3)}"


def _size(array: Array | None) -> float | None:
    if array is None or not array.size:
        return None
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))
