"""Names: how modules, parameters and buffers are found in a module, and where a module stands in a running call."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from backlit.errors import MissingNameError, suggest
from backlit.nn.parameter import Edits, Parameter
from backlit.ops.tensor import Tensor

if TYPE_CHECKING:
    from backlit.nn.module.module import Module


class Tree:
    """What a module knows of everything below it, valid until the next edit anywhere.

    Attributes:
        checked_at: The number of the edit at which it was last found valid.
        version: The module's structure version.
        paths: The path of each module below, by the module's id.
        below: The modules below, each once. Not the module itself, which would then outlive its last user.
    """

    __slots__ = ("below", "checked_at", "paths", "version")

    def __init__(self, version: int, paths: dict[int, str], below: "tuple[Module, ...]") -> None:
        self.checked_at = Edits.latest
        self.version = version
        self.paths = paths
        self.below = below


class Naming:
    """The part of a module that names what it holds."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: "dict[str, Module | None]"
    _tree: Tree | None
    _versions: dict[tuple[int, tuple[bool, ...]], int]
    _edited_at: int
    _is_traced: bool
    training: bool

    def _named_members(
        self, members: "Callable[[Module], Iterable[tuple[str, Any]]]", prefix: str, recurse: bool, unique: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=unique) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in members(module):  # type: ignore[arg-type]
                if member is None or id(member) in seen:
                    continue
                if unique:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def _members(self, members: "Callable[[Module], dict[str, Any]]", recurse: bool) -> Iterator[Any]:
        modules: Any = self.listed_modules() if recurse else (self,)
        found = {id(member): member for module in modules for member in members(module).values() if member is not None}
        return iter(found.values())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Names such as `"layers.0.weight"` and parameters; a shared one once, unless `remove_duplicate=False`."""
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, those of submodules included if `recurse`."""
        if type(self).named_parameters is not Naming.named_parameters:
            # A subclass may know of others.
            return (parameter for _, parameter in self.named_parameters(recurse=recurse))
        return self._members(lambda m: m._parameters, recurse)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Names and buffers, as `named_parameters`."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, those of submodules included if `recurse`."""
        if type(self).named_buffers is not Naming.named_buffers:
            return (buffer for _, buffer in self.named_buffers(recurse=recurse))
        return self._members(lambda m: m._buffers, recurse)

    def named_children(self) -> "Iterator[tuple[str, Module]]":
        """Names and modules held directly; a module held twice comes once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> "Iterator[Module]":
        """Modules held directly."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: "set[Module] | None" = None, prefix: str = "", remove_duplicate: bool = True
    ) -> "Iterator[tuple[str, Module]]":
        """Paths and modules, this one first, with the path `prefix`."""
        memo = set() if memo is None else memo
        stack: list[tuple[str, Any]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate:
                if module in memo:
                    continue
                memo.add(module)
            yield path, module
            stack += [
                (f"{path}.{name}" if path else name, child)
                for name, child in reversed(module._modules.items())
                if child is not None
            ]

    def modules(self) -> "Iterator[Module]":
        """This module and all modules below it."""
        return (module for _, module in self.named_modules())

    def get_submodule(self, target: str) -> "Module":
        """The module at a path such as `"layers.0"`; this module for the empty path.

        Raises:
            MissingNameError: There is no such module; the nearest existing path is named.
        """
        found: Any = self
        for name in target.split(".") if target else ():
            found = found._modules.get(name)
            if found is None:
                known = [path for path, _ in self.named_modules() if path]
                raise MissingNameError(f"{type(self).__name__} has no submodule {target!r}{suggest(target, known)}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as `"layers.0.weight"`.

        Raises:
            MissingNameError: There is no such parameter; the nearest existing name is named.
        """
        return self._get_member(target, "parameter", lambda m: m._parameters, (n for n, _ in self.named_parameters()))

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as `"layers.1.running_mean"`.

        Raises:
            MissingNameError: There is no such buffer; the nearest existing name is named.
        """
        return self._get_member(target, "buffer", lambda m: m._buffers, (n for n, _ in self.named_buffers()))

    def _get_member(
        self, target: str, kind: str, members: "Callable[[Module], dict[str, Any]]", known: Iterable[str]
    ) -> Any:
        path, _, name = target.rpartition(".")
        found = members(self.get_submodule(path)).get(name)
        if found is None:
            raise MissingNameError(f"{type(self).__name__} has no {kind} {target!r}{suggest(target, known)}")
        return found

    # -- what a compiler asks ----------------------------------------------------------------------------------------

    @property
    def structure_version(self) -> int:
        """A number that changes with every edit that matters to a compiled program.

        It changes when parameters, buffers or modules come, go or are replaced, when a parameter starts or stops
        being learnt, and when the mode changes; it is the same again when only the latter two were changed, and back.
        """
        return self._current_tree().version

    def listed_modules(self) -> "tuple[Module, ...]":
        """What `modules` gives, without a walk where nothing was edited since the last."""
        return (self, *self._current_tree().below)  # type: ignore[arg-type]

    def state_tensors(self) -> Iterable[Tensor]:
        """All parameters and buffers, in a fixed order."""
        return [*self.parameters(), *self.buffers()]

    def _current_tree(self) -> Tree:
        tree = self._tree
        if tree is not None and tree.checked_at == Edits.latest:
            return tree
        edited_at = 0
        # Which of the modules are in training mode, and which of their parameters are learnt.
        flags: list[bool] = []
        paths: dict[int, str] = {}
        modules: list[Module] = []
        for path, module in self.named_modules():
            paths[id(module)] = path
            modules.append(module)
            # Tensors may stand in for parameters, as in a function of the parameters that is to be differentiated.
            flags += [module.training, *(p._requires_grad for p in module._parameters.values() if p is not None)]
            edited_at = max(edited_at, module._edited_at)
        version = self._versions.setdefault((edited_at, tuple(flags)), Edits.latest)
        tree = self._tree = Tree(version, paths, tuple(modules[1:]))
        return tree
