"""What the layers of a network are, by the names under which they are watched."""

from collections.abc import Mapping

from backlit.nn import Module

_ALIKE = {"ReLU6": "ReLU", "Threshold": "ReLU", "relu()": "ReLU", "relu6()": "ReLU", "threshold()": "ReLU"}
_ALIKE |= {"sigmoid()": "Sigmoid", "tanh()": "Tanh"}


def kinds_of(model: Module) -> dict[str, str]:
    """The class of each module, by its path."""
    return {path: type(module).__name__ for path, module in model.named_modules()}


def kind_of(name: str, kinds: Mapping[str, str]) -> str:
    """The class of the layer of a name; of a function, such as "block.relu()", the class that does the same."""
    called = name.rpartition(".")[2].split(" ")[0] if name.partition(" ")[0].endswith("()") else ""
    found = called or kinds.get(name, "")
    return _ALIKE.get(found, found)
