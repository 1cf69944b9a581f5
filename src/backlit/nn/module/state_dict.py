"""State dicts: a module's values by name, and how they come back."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from backlit.core.tensor_base import TensorBase
from backlit.core.writing import write_arrays
from backlit.errors import ArgumentTypeError, StateError, suggest
from backlit.nn.module.hooks import Hook, Hooks
from backlit.nn.module.naming import Naming
from backlit.nn.parameter import Edits, Parameter
from backlit.ops.hooks import RemovableHandle
from backlit.ops.tensor import Tensor

if TYPE_CHECKING:
    pass

_EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What did not match in `load_state_dict(strict=False)`."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class StateDict(Naming, Hooks):
    """The part of a module that gives and takes its values by name."""

    _non_persistent: set[str]

    def get_extra_state(self) -> Any:
        """Override, with `set_extra_state`, to keep something besides tensors in the state dict."""
        raise NotImplementedError(f"{type(self).__name__} keeps no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise NotImplementedError(f"{type(self).__name__} keeps no extra state")

    def _own_state(self) -> dict[str, Tensor]:
        """The module's own parameters and persistent buffers by name."""
        named: list[tuple[str, Any]] = [*self._parameters.items()]
        named += [(n, b) for n, b in self._buffers.items() if n not in self._non_persistent]
        return {name: tensor for name, tensor in named if tensor is not None}

    def _keeps_extra_state(self) -> bool:
        return type(self).get_extra_state is not StateDict.get_extra_state

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by name.

        Args:
            destination: The dict to fill; a new one by default.
            prefix: Put before each name.
            keep_vars: Give the parameters themselves; by default they are detached, and share memory with them.
        """
        destination = {} if destination is None else destination
        for hook in self._hooks_of("state_dict_pre"):
            hook.function(self, prefix, keep_vars)
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._keeps_extra_state():
            destination[prefix + _EXTRA] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._hooks_of("state_dict_post"):
            hook.function(self, destination, prefix, {})
        return destination

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Take values by name; if anything is wrong, nothing is changed.

        Args:
            state_dict: Names and tensors, as `state_dict()` gives them.
            strict: Whether missing and unexpected names are errors.
            assign: Let the module hold the given tensors themselves instead of copying their values.

        Returns:
            The missing and the unexpected names.

        Raises:
            StateError: Names are missing or unexpected (`strict`), or shapes differ; all of them are listed.
            ArgumentTypeError: `state_dict` is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"load_state_dict: expected a dict, got {type(state_dict).__name__}")
        given = dict(state_dict)
        load = _Load(given, strict, assign)
        load.plan(self, "")
        missing, problems = load.missing, load.problems
        unexpected = load.unexpected + [name for name in given if name not in load.known]
        if strict and unexpected:
            told = (f"{name!r}{suggest(name, missing) if missing else ''}" for name in unexpected)
            problems.insert(0, f"unexpected names: {', '.join(told)}")
        if strict and missing:
            problems.insert(0, f"missing names: {', '.join(map(repr, missing))}")
        if problems:
            listed = "".join(f"\n    {problem}" for problem in problems)
            raise StateError(f"load_state_dict: nothing was loaded into {type(self).__name__}:{listed}")
        load.carry_out()
        result = IncompatibleKeys(missing, unexpected)
        for module in self.modules():
            for hook in module._hooks_of("load_post"):
                hook.function(module, result)
        return result

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the module's part of a state dict is collected."""
        return self._add_hook("state_dict_pre", Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it; the hook may change the dict."""
        return self._add_hook("state_dict_post", Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before loading.

        The hook may change the dict, for example to rename what an older version saved.
        """
        return self._add_hook("load_pre", Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading."""
        return self._add_hook("load_post", Hook(hook))


class _Load:
    """Compares a state dict with a module first, and only then changes the module."""

    def __init__(self, given: dict[str, Any], strict: bool, assign: bool) -> None:
        self.given = given
        self.strict = strict
        self.assign = assign
        self.known: set[str] = set()
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.problems: list[str] = []
        self.steps: list[Callable[[], None]] = []

    def plan(self, module: "StateDict", prefix: str) -> None:
        for hook in module._hooks_of("load_pre"):
            hook.function(module, self.given, prefix, {}, self.strict, self.missing, self.unexpected, self.problems)
        for name, tensor in module._own_state().items():
            full = prefix + name
            self.known.add(full)
            if full not in self.given:
                self.missing.append(full)
                continue
            value = self.given[full]
            if not isinstance(value, TensorBase):
                kind = f"{type(value).__module__}.{type(value).__name__}"
                self.problems.append(
                    f"{full}: expected a tensor of backlit, got {kind}; backlit.interop.load_weights takes others'"
                )
            elif value._array.shape != tensor._array.shape:
                self.problems.append(
                    f"{full}: the given shape {tuple(value._array.shape)} is not the module's {tensor._array.shape}"
                )
            elif self.assign:
                self.steps.append(lambda m=module, n=name, v=value: _assign(m, n, v))  # type: ignore[misc]
            else:
                values = value._array.astype(tensor._array.dtype)
                self.steps.append(lambda t=tensor, v=values: write_arrays("load_state_dict", (t, v)))  # type: ignore[misc]
        if module._keeps_extra_state():
            full = prefix + _EXTRA
            self.known.add(full)
            if full in self.given:
                self.steps.append(lambda m=module, v=self.given[full]: m.set_extra_state(v))  # type: ignore[misc]
            else:
                self.missing.append(full)
        for name, child in module._modules.items():
            if child is not None:
                self.plan(child, f"{prefix}{name}.")

    def carry_out(self) -> None:
        for step in self.steps:
            step()


def _assign(module: StateDict, name: str, value: Any) -> None:
    if name in module._parameters:
        before = module._parameters[name]
        if not isinstance(value, Parameter):
            value = Parameter(value, requires_grad=before is not None and before.requires_grad)
        module._parameters[name] = value
    else:
        module._buffers[name] = value
    module._edited_at = Edits.next()
