"""Modules that hold modules or parameters: in a row, in a list, by name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from backlit.errors import ArgumentTypeError, IndexRangeError
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops.tensor import Tensor


def _place(index: Any, length: int, kind: str, insert: bool = False) -> int:
    try:
        place = index.__index__()
    except (AttributeError, TypeError):
        raise ArgumentTypeError(f"{kind}: an index must be an integer, got {index!r}") from None
    upper = length + 1 if insert else length
    if not -length <= place < upper:
        raise IndexRangeError(f"{kind}: index {place} is out of range for {length} entries")
    return place + length if place < 0 else place


class _Row(Module):
    """Modules numbered from 0."""

    def _refill(self, modules: Iterable[Module]) -> None:
        fresh = list(modules)
        self._modules.clear()
        self._edited()
        for number, module in enumerate(fresh):
            self.add_module(str(number), module)

    def _values(self) -> list[Any]:
        return list(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __setitem__(self, index: int, module: Module) -> None:
        name = list(self._modules)[_place(index, len(self), type(self).__name__)]
        setattr(self, name, module)

    def __delitem__(self, index: int | slice) -> None:
        modules = self._values()
        if not isinstance(index, slice):
            index = _place(index, len(self), type(self).__name__)
        del modules[index]
        self._refill(modules)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]

    def append(self, module: Module) -> Self:
        """Put `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put `module` before the one at `index`."""
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(self).__name__}.insert: expected a module, got {type(module).__name__}")
        modules = self._values()
        modules.insert(_place(index, len(self), type(self).__name__, insert=True), module)
        self._refill(modules)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put all of `modules` at the end."""
        if not isinstance(modules, Iterable):
            raise ArgumentTypeError(f"{type(self).__name__}.extend: expected modules, got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take out and return the module at `index`."""
        module: Module = self._values()[_place(index, len(self), type(self).__name__)]
        del self[index]
        return module


class Sequential(_Row):
    """Modules that run one after the other, each on the output of the one before.

    Args:
        *args: Modules, or one dict of names and modules.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
        elif len(args) == 1 and isinstance(args[0], list | tuple):
            raise ArgumentTypeError(
                f"{type(self).__name__}: got one {type(args[0]).__name__}; give the modules one by one, as in "
                f"{type(self).__name__}(*modules)"
            )
        else:
            for number, module in enumerate(args):
                self.add_module(str(number), module)

    def forward(self, input: Any) -> Any:
        """What the last module makes of it."""
        for module in self._modules.values():
            input = module(input)  # type: ignore[misc]
        return input

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))
        return self._values()[_place(index, len(self), type(self).__name__)]

    def __add__(self, other: "Sequential") -> "Sequential":
        return Sequential(*self, *other)


class ModuleList(_Row):
    """A list of modules, which a plain list would hide from `parameters()`."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(self._values()[index])
        return self._values()[_place(index, len(self), type(self).__name__)]

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __repr__(self) -> str:
        blocks: list[tuple[int, int, str]] = []
        for number, module in enumerate(self):
            text = repr(module)
            if blocks and blocks[-1][2] == text:
                blocks[-1] = (blocks[-1][0], number, text)
            else:
                blocks.append((number, number, text))
        if not blocks:
            return f"{self._get_name()}()"
        lines = []
        for first, last, text in blocks:
            text = text.replace("\n", "\n  ")
            lines.append(f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}")
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """Modules by name, in order."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]
        self._edited()

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()

    def clear(self) -> None:
        """Take all modules out."""
        self._modules.clear()
        self._edited()

    def pop(self, key: str) -> Any:
        """Take out and return the module `key`."""
        module = self[key]
        del self[key]
        return module

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, replacing those of the same names."""
        if not isinstance(modules, (Mapping, ModuleDict, Iterable)):
            raise ArgumentTypeError(f"ModuleDict: expected names and modules, got {type(modules).__name__}")
        for key, module in modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules:
            self[key] = module


def _as_parameter(value: Any) -> Any:
    if isinstance(value, Parameter) or not isinstance(value, Tensor):
        return value
    return Parameter(value, requires_grad=value.is_floating_point())


class ParameterList(Module):
    """A list of parameters; tensors put into it become parameters, other values are kept as they are."""

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)([self[i] for i in range(*index.indices(self._size))])
        return getattr(self, str(_place(index, self._size, "ParameterList")))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_place(index, self._size, "ParameterList")), _as_parameter(value))

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(self._size)])

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Put a value at the end."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Put all values at the end."""
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """One line a value."""
        return "\n".join(f"({i}): {_described(value)}" for i, value in enumerate(self))


class ParameterDict(Module):
    """Parameters by name, in order; tensors put into it become parameters, other values are kept as they are."""

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return [(key, self[key]) for key in self._keys]

    def update(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add parameters, replacing those of the same names."""
        for key, value in parameters.items() if isinstance(parameters, (Mapping, ParameterDict)) else parameters:
            self[key] = value

    def extra_repr(self) -> str:
        """One line a value."""
        return "\n".join(f"({key}): {_described(value)}" for key, value in self.items())


def _described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(str(size) for size in value.shape)
    return f"{kind} containing: [{value.dtype} of size {size}]"
