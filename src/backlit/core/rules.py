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


class Rule:
    """A gradient rule together with what it needs, read off its parameters.

    Attributes:
        inputs: Positions of the inputs whose values it needs; None means all of them.
        needs_ans: Whether it needs the result.
    """

    __slots__ = ("_getters", "function", "inputs", "needs_ans")

    def __init__(self, function: Callable[..., Any], input_names: list[str], variadic: str | None) -> None:
        self.function = function
        self.needs_ans = False
        inputs: set[int] | None = set()
        self._getters: list[tuple[str, Any]] = []
        for name in inspect.signature(function).parameters:
            stem = name.removesuffix("_shape")
            if name in ("g", "needs"):
                self._getters.append((name, None))
            elif name == "ans":
                self._getters.append((name, None))
                self.needs_ans = True
            elif name == variadic:
                self._getters.append(("all", None))
                inputs = None
            elif stem == variadic:
                self._getters.append(("shapes", None))
            elif name in input_names:
                position = input_names.index(name)
                self._getters.append(("input", position))
                if inputs is not None:
                    inputs.add(position)
            elif stem in input_names and stem != name:
                self._getters.append(("shape", input_names.index(stem)))
            else:
                self._getters.append(("setting", name))
        self.inputs = None if inputs is None else tuple(sorted(inputs))

    def __call__(self, binding: "Binding", g: Any, ans: Any, saved: tuple[Any, ...]) -> Any:
        """Apply the rule to what a binding kept."""
        arguments = []
        for kind, key in self._getters:
            if kind == "g":
                arguments.append(g)
            elif kind == "input":
                arguments.append(saved[key])
            elif kind == "ans":
                arguments.append(ans)
            elif kind == "shape":
                arguments.append(binding.shapes[key])
            elif kind == "setting":
                arguments.append(binding.settings[key])
            elif kind == "all":
                arguments.append(saved)
            elif kind == "shapes":
                arguments.append(binding.shapes)
            else:
                arguments.append(binding.needs)
        return self.function(*arguments)


def needs_gradient(argument: object) -> bool:
    """Whether an argument of an operation takes part in a gradient."""
    return isinstance(argument, TensorBase) and argument.requires_grad
