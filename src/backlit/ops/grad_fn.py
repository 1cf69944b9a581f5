"""The face that PyTorch's programs know of the tape: `tensor.grad_fn`, `next_functions`, `name()`."""

from typing import Any

from backlit.core.primitive import Primitive
from backlit.core.tape import Binding


class GradFn:
    """One operation of a backward graph, named as PyTorch names it.

    Attributes:
        binding: The place on the tape.
        index: Which of the operation's results is meant.
    """

    __slots__ = ("binding", "index")

    def __init__(self, binding: Binding, index: int = 0) -> None:
        self.binding = binding
        self.index = index

    def name(self) -> str:
        """PyTorch's name of it, such as `"MulBackward0"`."""
        operation = self.binding.primitive
        words = operation.name.split("_")
        known = Primitive.registry.get(operation.name) is operation
        return "".join(word[:1].upper() + word[1:] for word in words) + ("Backward0" if known else "Backward")

    @property
    def next_functions(self) -> "tuple[tuple[Any, int], ...]":
        """For each input, the operation that made it and which result it was; `AccumulateGrad` for leaves."""
        found: list[tuple[Any, int]] = []
        for edge, shape in zip(self.binding.edges, self.binding.shapes, strict=True):
            if isinstance(edge, tuple):
                found.append((GradFn(*edge), edge[1]))
            elif shape is not None:
                found.append((None if edge is None else AccumulateGrad(edge), 0))
        return tuple(found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradFn) and self.binding is other.binding

    def __hash__(self) -> int:
        return hash(self.binding)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class AccumulateGrad:
    """The end of a backward graph: a leaf that collects its gradient.

    Attributes:
        variable: The leaf.
    """

    __slots__ = ("variable",)

    def __init__(self, variable: Any) -> None:
        self.variable = variable

    def name(self) -> str:
        """PyTorch's name of it."""
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return "<AccumulateGrad>"
