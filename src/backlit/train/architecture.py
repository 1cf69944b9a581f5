"""Models in words: a nested description of modules of `backlit.nn` in JSON, from which they are built again."""

import inspect
from collections.abc import Mapping
from typing import Any

from backlit import nn
from backlit.errors import FileError, suggest

# Where arrays live and what they are made of are not part of what a model is.
_LEFT_OUT = ("self", "device", "dtype")
_CONTAINERS: tuple[type[nn.Module], ...] = (nn.Sequential, nn.ModuleList)


def describe(model: nn.Module) -> dict[str, Any] | None:
    """What a model consists of, in numbers and words fit for JSON.

    Returns:
        `{"class": "Sequential", "modules": {"0": {"class": "Linear", "in_features": 64, …}, …}}`; None where it cannot
        be built again from such words, because a class is not one of `backlit.nn` or its settings are not to be seen.
    """
    described = _describe(model)
    if described is None:
        return None
    try:
        rebuilt = build(described)
    except FileError:
        return None
    shapes = [{name: value.shape for name, value in m.state_dict().items()} for m in (model, rebuilt)]
    return described if repr(rebuilt) == repr(model) and shapes[0] == shapes[1] else None


def build(described: Any) -> nn.Module:
    """The model of a description, with fresh weights. Only classes of `backlit.nn` are ever made.

    Raises:
        FileError: The description is damaged or names an unknown class.
    """
    if not isinstance(described, Mapping) or not isinstance(described.get("class"), str):
        raise FileError(f"a model's description needs an entry 'class', got {described!r}")
    kind, known = described["class"], _known()
    if kind not in known:
        raise FileError(f"a model's description names an unknown class {kind!r}{suggest(kind, known)}")
    settings = {
        name: build(value) if isinstance(value, Mapping) else value
        for name, value in described.items()
        if name not in ("class", "modules")
    }
    if issubclass(known[kind], _CONTAINERS):
        container = known[kind]()
        for name, part in described.get("modules", {}).items():
            container.add_module(name, build(part))
        return container
    try:
        return known[kind](**settings)
    except (TypeError, ValueError) as error:
        raise FileError(f"a model's description does not fit {kind}: {error}") from error


def _known() -> dict[str, type[nn.Module]]:
    found = {name: getattr(nn, name) for name in nn.__all__}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, nn.Module)}


def _describe(module: nn.Module) -> dict[str, Any] | None:
    kind = type(module)
    if _known().get(kind.__name__) is not kind:
        return None
    if isinstance(module, _CONTAINERS):
        parts = {name: _describe(part) for name, part in module.named_children()}
        return None if None in parts.values() else {"class": kind.__name__, "modules": parts}
    described: dict[str, Any] = {"class": kind.__name__}
    # What a layer keeps under another name, or within its parts, it says itself.
    stated: dict[str, Any] = getattr(module, "_arguments", dict)()
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name in _LEFT_OUT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = stated[name] if name in stated else getattr(module, name, parameter.default)
        if name == "bias":
            value = value is not None and value is not False
        if isinstance(value, tuple):
            value = list(value)
        if isinstance(value, nn.Module):
            value = _describe(value)
            if value is None:
                return None
        elif value is not None and not isinstance(value, bool | int | float | str | list):
            return None
        described[name] = value
    return described
