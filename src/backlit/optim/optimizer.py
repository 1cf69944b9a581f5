"""What all optimizers share: parameter groups, state, saving and loading, and the walk over parameters of a step."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from operator import is_
from typing import Any, ClassVar, TypeVar

import numpy as np

from backlit.core.composite import Update
from backlit.core.modes import STATE, enable_grad
from backlit.core.tensor_base import TensorBase, make, no_program
from backlit.core.writing import write
from backlit.errors import ArgumentError, ArgumentTypeError, StateError, suggest
from backlit.ops.hooks import RemovableHandle
from backlit.ops.tensor import Tensor
from backlit.optim.checks import made_outside, number
from backlit.optim.param_group import ParamGroup

Params = Iterable[Tensor] | Iterable[tuple[str, Tensor]] | Iterable[Mapping[str, Any]]
Loss = TypeVar("Loss")

# What a group may hold besides an optimizer's own options.
_ALSO = ("params", "param_names", "name", "initial_lr")


_NOTHING: dict[str, Any] = {}
_FLAGS = {"amsgrad", "centered", "maximize", "nesterov"}


class Optimizer:
    """Base of all optimizers.

    A subclass names its update `rule` and the state that the rule writes; `step` then walks over the parameters. A
    subclass with a `step` of its own needs neither.

    Attributes:
        defaults: Options of groups that do not give their own.
        param_groups: The groups, each a mapping of options and its list `"params"`.
        state: For each parameter its state, by name.
        rule: The update: `rule(param, *slots, grad, **options)`, which writes the parameter and the slots.
        slots: Names of the state that the rule writes, in the order of its arguments.
    """

    rule: ClassVar[Update]
    slots: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        made_outside(self.name)
        self.defaults = dict(defaults)
        self.param_groups: list[ParamGroup] = []
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self._edits = 0
        self._owned: list[Any] = []
        self._pre_hooks: dict[int, Callable[..., None]] = {}
        self._post_hooks: dict[int, Callable[..., None]] = {}
        if isinstance(params, (TensorBase, Mapping, str)):
            raise ArgumentTypeError(
                f"{self.name}: params must be an iterable of tensors, (name, tensor) pairs or dicts, got one "
                f"{type(params).__name__}; put it in a list"
            )
        if not isinstance(params, Iterable):
            raise ArgumentTypeError(f"{self.name}: params must be an iterable of tensors, got {type(params).__name__}")
        given: list[Any] = list(params)
        if not given:
            raise ArgumentError(f"{self.name}: the parameter list is empty; has the model any parameters?")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    @property
    def name(self) -> str:
        """The name of the optimizer's class, for messages."""
        return type(self).__name__

    def __repr__(self) -> str:
        lines = [f"{self.name} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    def __getstate__(self) -> dict[str, Any]:
        # A copy has no hooks, as in PyTorch: they are usually closures over what surrounds this one.
        return {**vars(self), "_pre_hooks": {}, "_post_hooks": {}, "_owned": []}

    # -- what a subclass says ----------------------------------------------------------------------------------------

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise `ArgumentError` for an option that is out of range."""

    def _check(self, options: Mapping[str, Any]) -> None:
        for name in _FLAGS & options.keys():
            if not isinstance(options[name], bool | int | np.bool_):
                raise ArgumentTypeError(f"{self.name}: {name} must be True or False, got {options[name]!r}")
        self.check_options(options)

    def state_names(self, group: ParamGroup) -> tuple[str | None, ...]:
        """The slots that the group's options ask for, with None for the others."""
        return self.slots

    def initial(self, name: str, param: Tensor, group: ParamGroup) -> Tensor:
        """The value of a slot before the first step: zeros, and a 0-d float64 zero for `"step"`."""
        return make(np.zeros(()) if name == "step" else np.zeros_like(param._array))

    # -- groups ------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Add a group of parameters.

        Args:
            param_group: `"params"`, a tensor, tensors or `(name, tensor)` pairs, and options that differ from the
                defaults.

        Raises:
            ArgumentTypeError: Something in `"params"` is not a tensor.
            ArgumentError: An option is unknown or out of range; a parameter came twice, has a history, or is one of
                none; some have names and others have not. Nothing has changed.
        """
        if STATE.trace is not None:
            raise no_program(
                f"{self.name}: parameters are added inside a compiled function, which would add them only once; add "
                "them outside"
            )
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise ArgumentTypeError(f"{self.name}: a parameter group must be a dict with 'params', got {param_group!r}")
        for option in param_group:
            if option not in self.defaults and option not in _ALSO:
                raise ArgumentError(f"{self.name}: unknown option {option!r}{suggest(option, self.defaults)}")
        values = {**self.defaults, **param_group}
        names, values["params"] = self._parameters(param_group["params"])
        if names:
            values["param_names"] = names
        self._check(values)
        if any(("param_names" in group) != bool(names) for group in self.param_groups):
            raise ArgumentError(f"{self.name}: either all parameters come with names or none do")
        self.param_groups.append(ParamGroup(self.name, values))
        self._edits += 1

    def _parameters(self, given: Any) -> tuple[list[str], list[Tensor]]:
        if isinstance(given, set):
            raise ArgumentTypeError(f"{self.name}: params is a set, whose order changes from run to run; use a list")
        items: list[Any] = list(given) if isinstance(given, Iterable) and not isinstance(given, TensorBase) else [given]
        names = [item[0] for item in items if isinstance(item, tuple)]
        params = [item[1] if isinstance(item, tuple) else item for item in items]
        if names and len(names) != len(params):
            raise ArgumentError(f"{self.name}: either all parameters come with names or none do")
        if not params:
            raise ArgumentError(f"{self.name}: a parameter group is empty")
        seen = {id(p) for group in self.param_groups for p in group["params"]}
        for position, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise ArgumentTypeError(f"{self.name}: parameter {position} must be a Tensor, got {type(p).__name__}")
            if not p.is_leaf:
                raise ArgumentError(
                    f"{self.name}: parameter {position} of shape {tuple(p._array.shape)} is the result of an "
                    "operation; give the tensors it was made from, or its .detach()"
                )
            if p._array.dtype.kind != "f":
                raise ArgumentError(
                    f"{self.name}: parameter {position} is of type {p._array.dtype}, which has no gradients"
                )
            if id(p) in seen:
                raise ArgumentError(f"{self.name}: parameter {position} was given twice")
            seen.add(id(p))
        return names, params

    # -- steps -------------------------------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    write(p.grad, make(np.zeros((), p._array.dtype)), "zero_")

    def prepare(self) -> None:
        """Create the state of all parameters that need gradients, as the first step would.

        A program that is traced, saved or compiled before its first step wants it.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if p.requires_grad:
                    self._prepare(p, group)

    def _prepare(self, param: Tensor, group: ParamGroup) -> dict[str, Any]:
        state = self.state.get(param, {})
        wanted = [name for name in self.state_names(group) if name is not None and name not in state]
        fresh = {name: self.initial(name, param, group) for name in wanted}
        if fresh:
            self.state[param].update(fresh)
            self._edits += 1
        return self.state.get(param, {})

    def step(self, closure: Callable[[], Loss] | None = None) -> Loss | None:
        """Update all parameters that have a gradient.

        Args:
            closure: Evaluates the model anew, gradients included, and returns the loss.

        Returns:
            What `closure` returned.
        """
        if STATE.trace is not None:
            STATE.trace.use(self)
        args = () if closure is None else (closure,)
        for hook in list(self._pre_hooks.values()):
            hook(self, args, {})
        loss = self._step(closure)
        for hook in list(self._post_hooks.values()):
            hook(self, args, {})
        return loss

    def _step(self, closure: Callable[[], Loss] | None) -> Loss | None:
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        before, STATE.grad_enabled = STATE.grad_enabled, False
        try:
            for group in self.param_groups:
                self._step_group(group)
        finally:
            STATE.grad_enabled = before
        return loss

    def _step_group(self, group: ParamGroup) -> None:
        if group.plan is None:
            group.plan = self.state_names(group), group.settings(self.rule.options)
        names, settings = group.plan
        stateless = not any(names)
        rows: list[tuple[Any, ...]] = []
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            if stateless:
                rows.append((p, *names, grad))
                continue
            state = self.state.get(p, {})
            try:
                slots = [name and state[name] for name in names]
            except KeyError:
                state = self._prepare(p, group)
                slots = [name and state[name] for name in names]
            rows.append((p, *slots, grad))
        self.rule.each(rows, **settings)

    def register_step_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step, until the handle removes it."""
        return RemovableHandle(self._pre_hooks, hook, self._edited)

    def register_step_post_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step, until the handle removes it."""
        return RemovableHandle(self._post_hooks, hook, self._edited)

    def hook_functions(self) -> list[Callable[..., None]]:
        """The functions that are called before and after each step."""
        return [*self._pre_hooks.values(), *self._post_hooks.values()]

    # -- state -------------------------------------------------------------------------------------------------------

    @property
    def structure_version(self) -> int:
        """Number of edits of groups, options and state that make a trace of a step out of date."""
        params = [p for group in self.param_groups for p in group["params"]]
        owned = [v for p in params for v in (p, *self.state.get(p, _NOTHING).values())]
        # Lists and dicts that anybody may edit tell nobody. Tensors compare their elements, hence `is`.
        if len(owned) != len(self._owned) or not all(map(is_, owned, self._owned)):
            self._owned = owned
            self._edits += 1
        return self._edits + sum(group.version for group in self.param_groups)

    def _edited(self) -> None:
        self._edits += 1

    def state_tensors(self) -> Iterator[TensorBase]:
        """All rates, then all state, in the order of the parameters."""
        for group in self.param_groups:
            yield from group.tensors()
        for group in self.param_groups:
            for p in group["params"]:
                yield from (v for v in self.state.get(p, {}).values() if isinstance(v, TensorBase))

    def state_dict(self) -> dict[str, Any]:
        """The state by number of the parameter, and the groups with such numbers in place of parameters.

        Returns:
            `{"state": {0: {"exp_avg": …}, …}, "param_groups": [{"lr": …, "params": [0, …]}, …]}`. Tensors are not
            copied.
        """
        numbers: dict[Tensor, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                numbers[p] = len(numbers)
        return {
            "state": {n: dict(self.state[p]) for p, n in numbers.items() if self.state.get(p)},
            "param_groups": [{**group, "params": [numbers[p] for p in group["params"]]} for group in self.param_groups],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state, copying its tensors, and the options of its groups.

        Args:
            state_dict: What `state_dict` gave, here or in PyTorch. Parameters are matched by their order.

        Raises:
            StateError: It belongs to other groups or to parameters of other shapes. Nothing has changed.
            ArgumentError: An option is out of range. Nothing has changed.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise StateError(f"{self.name}: a state dict has the entries 'state' and 'param_groups'")
        saved = state_dict["param_groups"]
        if not isinstance(saved, Sequence) or not all(isinstance(g, Mapping) and "params" in g for g in saved):
            raise StateError(f"{self.name}: each of the saved 'param_groups' must be a dict with 'params'")
        sizes, expected = [len(g["params"]) for g in saved], [len(g["params"]) for g in self.param_groups]
        if sizes != expected:
            raise StateError(
                f"{self.name}: the saved groups have {sizes} parameters, those of this optimizer {expected}"
            )
        options = [{k: v for k, v in g.items() if k not in ("params", "param_names")} for g in saved]
        for group, new in zip(self.param_groups, options, strict=True):
            merged = {**group, **new}
            self._check(merged)
            ParamGroup(self.name, merged)
        pairs = zip(saved, self.param_groups, strict=True)
        params = {n: p for old, group in pairs for n, p in zip(old["params"], group["params"], strict=True)}
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for n, values in state_dict["state"].items():
            if n not in params:
                raise StateError(f"{self.name}: there is state for parameter {n!r}, which is in no saved group")
            state[params[n]] = {
                name: self._loaded(f"state {name!r} of parameter {n}", name, value, params[n])
                for name, value in values.items()
                if value is not None
            }
        for group, new in zip(self.param_groups, options, strict=True):
            group.update(deepcopy(new))
        self.state = state
        self._edits += 1

    def _loaded(self, what: str, name: str, value: Any, param: Tensor) -> Any:
        """A copy of a saved value, tensors in the parameter's type."""
        if name == "step":
            return make(np.array(number(self.name, what, value)))
        if name not in self.slots:
            return _copied(value, param)
        if not isinstance(value, TensorBase):
            raise StateError(f"{self.name}: {what} must be a tensor, got {type(value).__name__}")
        if value._array.shape != param._array.shape:
            raise StateError(
                f"{self.name}: {what} has shape {value._array.shape}, the parameter has {param._array.shape}"
            )
        return _copied(value, param)


def _copied(value: Any, param: Tensor) -> Any:
    if isinstance(value, TensorBase):
        is_float = value._array.dtype.kind == "f"
        return make(np.array(value._array, param._array.dtype if is_float else None))
    if isinstance(value, list):
        return [_copied(v, param) for v in value]
    return deepcopy(value)
