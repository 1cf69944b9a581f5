"""Gradient rules: functions that name what they need, so that only that is kept until the backward pass.

A rule's parameters choose what it gets:

- `g`: the gradient that arrives (a tuple, with None where nothing arrived, if the primitive has several results);
- `ans`: the result (a tuple if there are several, hidden ones included);
- the name of an input: that input; of a variadic input: the tuple of all of them;
- the name of an input followed by `_shape`: its shape alone, which keeps no values alive;
- `needs`: for rules that serve all inputs, a tuple of booleans, one an input;
- any other name: the setting of that name.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backlit.core.tensor_base import TensorBase

if TYPE_CHECKING:
    from backlit.core.tape import Binding


# Where a rule's arguments are found; see `Rule.__call__`.
_FACTS, _INPUTS, _SHAPES, _SETTINGS = range(4)
_PLACES = {"g": 0, "ans": 1, "needs": 2}


class Rule:
    """A gradient rule together with what it needs, read off its parameters.

    Attributes:
        inputs: Positions of the inputs whose values it needs; None means all of them.
        needs_ans: Whether it needs the result.
    """

    __slots__ = ("_places", "function", "inputs", "needs_ans")

    def __init__(self, function: Callable[..., Any], input_names: list[str], variadic: str | None) -> None:
        self.function = function
        self.needs_ans = False
        inputs: set[int] | None = set()
        self._places: list[tuple[int, Any]] = []
        for name in inspect.signature(function).parameters:
            stem = name.removesuffix("_shape")
            if name in _PLACES:
                self._places.append((_FACTS, _PLACES[name]))
                self.needs_ans = self.needs_ans or name == "ans"
            elif name == variadic:
                self._places.append((_FACTS, 3))
                inputs = None
            elif stem == variadic:
                self._places.append((_FACTS, 4))
            elif name in input_names:
                position = input_names.index(name)
                self._places.append((_INPUTS, position))
                if inputs is not None:
                    inputs.add(position)
            elif stem in input_names and stem != name:
                self._places.append((_SHAPES, input_names.index(stem)))
            else:
                self._places.append((_SETTINGS, name))
        self.inputs = None if inputs is None else tuple(sorted(inputs))

    def __call__(self, binding: "Binding", g: Any, ans: Any, saved: tuple[Any, ...]) -> Any:
        """Apply the rule to what a binding kept."""
        shapes = binding.shapes
        sources = (g, ans, binding.needs, saved, shapes), saved, shapes, binding.settings
        return self.function(*[sources[source][key] for source, key in self._places])


def needs_gradient(argument: object) -> bool:
    """Whether an argument of an operation takes part in a gradient."""
    return isinstance(argument, TensorBase) and argument.requires_grad
