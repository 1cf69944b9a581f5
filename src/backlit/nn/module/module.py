"""`Module`: a part of a network that holds parameters and other modules, and computes when it is called."""

import threading
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from backlit.core.dtypes import as_numpy_dtype, dtype, float16, float32, float64
from backlit.core.entrance import answer_for
from backlit.core.modes import STATE, no_grad
from backlit.core.tensor_base import Storage, Symbol, TensorBase, no_program, values_of
from backlit.errors import (
    ArgumentError,
    ArgumentTypeError,
    MissingNameError,
    StateError,
    suggest,
)
from backlit.nn.module.state_dict import StateDict
from backlit.nn.parameter import Edits, Parameter
from backlit.ops.devices import check_device
from backlit.ops.tensor import Tensor


class _Running(threading.local):
    """The paths of the modules below the one whose call is the outermost of this thread."""

    def __init__(self) -> None:
        self.paths: dict[int, str] | None = None


_RUNNING = _Running()
# Attributes that a compiled program has fixed, such as the probability of a dropout.
_SETTINGS = (bool, int, float, str, tuple, type(None))
_MEMBERS = ("_parameters", "_buffers", "_modules")


class Module(StateDict):
    """Base class of everything in a network that computes.

    A subclass calls `super().__init__()`, assigns its parameters and modules to attributes, and defines `forward`.
    While a module runs, everything it computes is marked with its path from the outermost running module, such as
    `"layers.0"`.

    Attributes:
        training: Whether the module is in training mode; layers such as dropout compute something else outside of it.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: "dict[str, Module | None]"

    def __init__(self) -> None:
        fields = self.__dict__
        fields["training"] = True
        fields["_parameters"] = {}
        fields["_buffers"] = {}
        fields["_modules"] = {}
        fields["_non_persistent"] = set()
        fields["_hooks"] = {}
        fields["_tree"] = None
        fields["_versions"] = {}
        fields["_edited_at"] = Edits.next()
        fields["_is_traced"] = STATE.trace is not None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it.

        Raises:
            NotImplementedError: The subclass does not.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, and the hooks around it."""
        running, state = _RUNNING, STATE
        paths, before = running.paths, state.path
        if paths is None:
            running.paths = self._current_tree().paths
            state.path = ""
            if state.trace is not None:
                state.trace.use(self)
        else:
            # A module that is no part of the outermost one runs under its caller's path.
            state.path = paths.get(id(self), before)
        try:
            return self._call_with_hooks(args, kwargs) if self._hooks else self.forward(*args, **kwargs)
        finally:
            running.paths, state.path = paths, before

    # -- attributes --------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        for kind in _MEMBERS:
            members = fields.get(kind)
            if members is not None and name in members:
                return members[name]
        if name.startswith("__"):
            raise AttributeError(name)
        if "_parameters" not in fields:
            raise self._not_initialised(f"use {name!r}")
        known = [n for n in dir(self) if not n.startswith("_")]
        near = suggest(name, known)
        raise MissingNameError(
            f"{type(self).__name__!r} object has no attribute {name!r}{near if near.startswith('; did') else ''}"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        if STATE.trace is not None and self._is_known(name) and getattr(self, name, None) is not value:
            raise no_program(
                f"{type(self).__name__}.{name} was set inside a traced program, which would set it only once; make it "
                f"a buffer and write into it with self.{name}.copy_(...), or keep it outside"
            )
        if isinstance(value, Parameter):
            if "_parameters" not in fields:
                raise self._not_initialised("assign parameters")
            self._make_way("_parameters", name)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            if "_modules" not in fields:
                raise self._not_initialised("assign modules")
            self._make_way("_modules", name)
            self.add_module(name, value)
        elif name in fields.get("_parameters", ()):
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign {type(value).__name__} as parameter {name!r} of {type(self).__name__}; expected "
                    "an nn.Parameter or None"
                )
            self.register_parameter(name, None)
        elif name in fields.get("_modules", ()):
            if value is not None:
                raise ArgumentTypeError(
                    f"cannot assign {type(value).__name__} as module {name!r} of {type(self).__name__}; expected an "
                    "nn.Module or None"
                )
            self.add_module(name, None)
        elif name in fields.get("_buffers", ()):
            self.register_buffer(name, value, persistent=name not in self._non_persistent)
        else:
            before = fields.get(name, fields)
            if name == "training" and before != value:
                if STATE.trace is not None and not self._is_traced:
                    STATE.trace.about_to_set(self, name)
                Edits.next()
            elif isinstance(value, _SETTINGS) and (type(before) is not type(value) or before != value):
                self._edited()
            elif callable(value):
                # Such as another activation, or another `forward`.
                self._edited()
            super().__setattr__(name, value)

    def _is_known(self, name: str) -> bool:
        """Whether an attribute belongs to a module that runs, or holds a tensor with values."""
        if id(self) in (_RUNNING.paths or ()):
            return True
        value = getattr(self, name, None)
        return isinstance(value, TensorBase) and not isinstance(value._array, Symbol)

    def __delattr__(self, name: str) -> None:
        for kind in _MEMBERS:
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent.discard(name)
                self._edited()
                return
        super().__delattr__(name)
        self._edited()

    def __dir__(self) -> list[str]:
        fields = self.__dict__
        members = {name for kind in _MEMBERS for name in fields.get(kind, ())}
        return sorted({*super().__dir__(), *(name for name in members if name.isidentifier())})

    def _make_way(self, kind: str, name: str) -> None:
        """Let go of attribute `name`, unless it is one of `kind`, which keeps its place in the order."""
        for members in self._other_members(kind):
            members.pop(name, None)
        self._non_persistent.discard(name)
        if name not in Module.__annotations__:
            self.__dict__.pop(name, None)

    def _other_members(self, kind: str) -> list[dict[str, Any]]:
        return [self.__dict__[members] for members in _MEMBERS if members != kind]

    def _edited(self) -> None:
        self.__dict__["_edited_at"] = Edits.next()

    def _not_initialised(self, action: str) -> AttributeError:
        return MissingNameError(
            f"{type(self).__name__}: cannot {action} before Module.__init__() call; "
            "begin the class's __init__ with super().__init__()"
        )

    def _check_name(self, kind: str, name: str) -> None:
        if "_parameters" not in self.__dict__:
            raise self._not_initialised(f"register {kind}s")
        if not isinstance(name, str):
            raise ArgumentTypeError(f"a {kind}'s name must be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise ArgumentError(f"a {kind}'s name can't be empty or contain \".\", got {name!r}")
        others = self._other_members(f"_{kind}s")
        if name in self.__dict__ or hasattr(type(self), name) or any(name in members for members in others):
            raise ArgumentError(f"{type(self).__name__} already has an attribute {name!r}; choose another name")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Hold `param` as parameter `name`; None keeps the name for a parameter that is not there.

        Raises:
            ArgumentTypeError: It is not a `Parameter`.
            ArgumentError: The name is taken, or is not one.
        """
        self._check_name("parameter", name)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentTypeError(
                f"cannot assign {type(param).__name__} as parameter {name!r}; expected an nn.Parameter or None"
            )
        self._parameters[name] = param
        self._edited()

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Hold `tensor`, which is not learnt, as buffer `name`.

        Args:
            name: The attribute by which it is reached.
            tensor: The values; None keeps the name for a buffer that is not there.
            persistent: Whether it is part of the state dict.

        Raises:
            ArgumentTypeError: It is not a tensor.
            ArgumentError: The name is taken, or is not one.
        """
        self._check_name("buffer", name)
        if tensor is not None and not isinstance(tensor, TensorBase):
            raise ArgumentTypeError(
                f"cannot assign {type(tensor).__name__} as buffer {name!r}; expected a tensor or None"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent.discard(name)
        else:
            self._non_persistent.add(name)
        self._edited()

    def add_module(self, name: str, module: "Module | None") -> None:
        """Hold `module` as submodule `name`.

        Raises:
            ArgumentTypeError: It is not a module.
            ArgumentError: The name is taken, or is not one.
        """
        self._check_name("module", name)
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module; it cannot be submodule {name!r}")
        self._modules[name] = module
        self._edited()

    register_module = add_module

    # -- everything at once ------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put this module and all below it in training mode, or with False in evaluation mode."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Put this module and all below it in evaluation mode."""
        return self.train(False)

    def apply(self, fn: "Callable[[Module], Any]") -> Self:
        """Call `fn` with every module below this one, then with this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Let all parameters be learnt, or with False none of them."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` make them zero."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                with no_grad():
                    parameter.grad.zero_()

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Change the element type of all floating-point parameters and buffers, in place.

        Args:
            *args: An element type, a device ("cpu", the only one), a device and a type, or a tensor to be like.
            **kwargs: `device`, `dtype` by name; `non_blocking` and `copy` have no effect on the only device.

        Raises:
            DeviceError: Another device than the CPU.
            ArgumentTypeError: The type is not a floating-point type.
        """
        kind = kwargs.get("dtype")
        for argument in (*args, kwargs.get("device")):
            if isinstance(argument, TensorBase):
                kind = argument.dtype  # type: ignore[attr-defined]
            elif isinstance(argument, dtype) or argument is float:
                kind = argument
            elif not isinstance(argument, bool):
                check_device(argument)
        if kind is None:
            return self
        target = as_numpy_dtype(kind)
        if target.kind != "f":
            raise ArgumentTypeError(f"Module.to: modules can only become a floating-point type, got {kind}")
        for module in self.modules():
            for tensor in (*module._parameters.values(), *module._buffers.values()):
                if tensor is not None and tensor._array.dtype.kind == "f" and tensor._array.dtype != target:
                    _convert(tensor, target)
                    module._edited()
        return self

    def float(self) -> Self:
        """Make all floating-point parameters and buffers float32."""
        return self.to(float32)

    def double(self) -> Self:
        """Make all floating-point parameters and buffers float64."""
        return self.to(float64)

    def half(self) -> Self:
        """Make all floating-point parameters and buffers float16."""
        return self.to(float16)

    def cpu(self) -> Self:
        """The module itself: there is no other device."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raise `DeviceError`: there is no such device."""
        return self.to("cuda" if device is None else device)

    # -- words, copies, pickles --------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands in the brackets of the printed module; subclasses say their settings here."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        lines = extra_lines + child_lines
        if not lines:
            return f"{self._get_name()}()"
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"

    def __getstate__(self) -> dict[str, Any]:
        # Paths are found by identity, which a copy does not share.
        return {**self.__dict__, "_tree": None, "_versions": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_parameters" not in state:
            raise StateError(f"{type(self).__name__}: the saved object was not a complete module")
        self.__dict__.update(state)
        self._edited()


def _convert(tensor: Tensor, target: np.dtype[Any]) -> None:
    """Give a parameter or buffer another element type, keeping the object, which optimizers and users hold."""
    array = values_of(tensor).astype(target)
    grad = tensor._grad
    if grad is not None:
        tensor._grad = None
        _convert(grad, target)  # type: ignore[arg-type]
    tensor._array = array
    tensor._storage = Storage()
    tensor._grad = grad


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


answer_for(Module)
