"""What a trace knows: which node each piece of memory holds at this point of the program that is traced.

The table goes from memory to node: a write changes the table, never a tensor of the outside, so an abandoned trace
leaves nothing behind.
"""

from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from backlit.core.backward import Helpers
from backlit.core.modes import STATE
from backlit.core.primitive import Primitive
from backlit.core.rules import needs_gradient
from backlit.core.stateful import Stateful
from backlit.core.stepped import Stepped
from backlit.core.tape import Binding, now
from backlit.core.tensor_base import Storage, Symbol, TensorBase, make, no_program
from backlit.core.writing import view_write
from backlit.errors import BacklitError, GraphError
from backlit.graph.graph import Graph, Node, Ref, Type, types_of
from backlit.graph.schedule import Schedule
from backlit.graph.verify import verify

_FLOATS = {np.dtype(kind) for kind in ("f2", "f4", "f8")}


@dataclass
class _Memory:
    """What a piece of memory holds at this point of the trace."""

    ref: Ref
    version: int = 0
    rebased: int = 0
    written_by: str = ""


class Trace:
    """The table of one trace. Implements `core.modes.Tracer`."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.nodes: list[Node] = []
        self.composites: list[tuple[Ref, Node]] = []
        self.captured: dict[int, TensorBase] = {}
        # Where memory of the outside begins and ends, in order, and the tensors that show it.
        self._claimed: list[tuple[int, int, list[TensorBase]]] = []
        self.used: list[Stateful] = []
        self.schedule = Schedule()
        self.stepping = False
        self.refusal: GraphError | None = None
        self._names = dict(names)
        self._begin = now()
        self._memory: dict[int, _Memory] = {}
        self._views: dict[int, tuple[Ref, int]] = {}
        self._tapes: dict[int, tuple[Binding | None, int, int]] = {}
        self.grads: dict[int, tuple[TensorBase, TensorBase | None]] = {}
        # Gradients from before the trace that the program asked for, and so depends on.
        self.found: dict[int, tuple[TensorBase, TensorBase | None]] = {}
        # Attributes that the program sets, and what they were before.
        self._set: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        # Tables are keyed by identity, which is only unique while the objects live.
        self._alive: list[Any] = []

    # -- nodes -------------------------------------------------------------------------------------------------------

    def argument(self, tensor: TensorBase, name: str) -> Any:
        """A symbolic tensor in place of an argument of the traced function."""
        stand_in = make(Symbol(tensor._array.shape, tensor._array.dtype))
        stand_in._requires_grad = tensor._requires_grad
        self._hold(stand_in, self._input(tensor, name))
        return stand_in

    def _input(self, tensor: TensorBase, name: str) -> Ref:
        self.nodes.append(Node(None, (), {}, (Type.of(tensor._array),), STATE.path, STATE.phase, name))
        return Ref(len(self.nodes) - 1)

    def _hold(self, tensor: TensorBase, ref: Ref) -> _Memory:
        memory = _Memory(ref)
        self._memory[id(tensor._storage)] = memory
        self._alive.append(tensor)
        return memory

    def _step(self, operation: Primitive, inputs: tuple[Any, ...], settings: dict[str, Any]) -> int:
        operands = [self.nodes[i.node].results[i.result] if isinstance(i, Ref) else i for i in inputs]
        try:
            results = types_of(operation, operands, settings)
        except (ValueError, TypeError, IndexError) as error:
            if isinstance(error, BacklitError):
                raise
            given = [o.symbol() if isinstance(o, Type) else o for o in operands]
            raise operation.failure(error, given, settings) from error
        self.nodes.append(Node(operation, inputs, settings, results, STATE.path, STATE.phase))
        return len(self.nodes) - 1

    def memory(self, tensor: TensorBase) -> _Memory:
        """What the memory under a tensor holds; a tensor of the outside becomes an input when first seen."""
        found = self._memory.get(id(tensor._storage))
        if found is not None:
            return found
        root = tensor if tensor._base is None else tensor._base
        if self.schedule.sets(root):
            stand_in, name = self.schedule.stand_in(root)
            self._names[id(stand_in)] = name
            found = self._memory[id(root._storage)] = self.memory(stand_in)
            return found
        if isinstance(root._array, Symbol):
            raise no_program(
                "a tensor that was made while another program was traced has no value to use "
                "here; return from a traced function what is needed outside"
            )
        self._claim(root)
        ref = self._input(root, self._names.get(id(root), f"tensor {len(self.captured)}"))
        self.captured[ref.node] = root
        return self._hold(root, ref)

    def _claim(self, root: TensorBase) -> None:
        """Note where the memory of an outside tensor lies, and which others show a part of it."""
        if not root._array.size:
            return
        begin, end = byte_bounds(root._array)
        roots = [root]
        first = bisect(self._claimed, begin, key=lambda claim: claim[0])
        # What was claimed before lies apart, so that before this only the neighbour can reach in here.
        first -= first > 0 and self._claimed[first - 1][1] > begin
        last = first
        while last < len(self._claimed) and self._claimed[last][0] < end:
            roots += self._claimed[last][2]
            begin, end = min(begin, self._claimed[last][0]), max(end, self._claimed[last][1])
            last += 1
        self._claimed[first:last] = [(begin, end, roots)]

    def _check_claims(self, written: set[int]) -> None:
        """Raise `GraphError` if memory that several outside tensors show is written: to each it would be its own.

        Args:
            written: The identities of the tensors that are written.
        """
        for _, _, roots in self._claimed:
            if len(roots) > 1 and any(id(root) in written for root in roots):
                shapes = " and ".join(str(root._array.shape) for root in roots[:2])
                raise GraphError(
                    f"two tensors of shapes {shapes} show the same memory, which is written, without knowing of each "
                    "other (from_numpy twice on one array?); make one a view of the other, or clone it"
                )

    def ref(self, tensor: TensorBase) -> Ref:
        """The result that a tensor stands for at this point of the trace."""
        memory = self.memory(tensor)
        if tensor._base is None:
            return memory.ref
        own = self._views.get(id(tensor))
        if own is not None and own[1] == memory.version:
            return own[0]
        ref = memory.ref
        for operation, settings in tensor._chain:
            ref = Ref(self._step(operation, (ref,), settings))
        self._views[id(tensor)] = (ref, memory.version)
        self._alive.append(tensor)
        return ref

    # -- what core.modes.Tracer asks for -----------------------------------------------------------------------------

    def bind(self, operation: Primitive, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Record one application of an operation; see `Primitive.bind`."""
        if operation.dynamic:
            raise no_program(
                f"{operation.name}: the shape of its result depends on values, so a program that uses it cannot be "
                "traced; keep all elements and choose with backlit.where, or do it outside"
            )
        operands, inputs = list(args), list(args)
        kinds = set()
        for position, a in enumerate(args):
            if isinstance(a, TensorBase):
                operands[position], inputs[position] = a._array, self.ref(a)
                kinds.add(a._array.dtype)
        # Floats of one type stay as they are.
        if operation.promote is not None and (len(kinds) > 1 or not kinds <= _FLOATS):
            target = operation.common_dtype(operands)
            for position, ref in enumerate(inputs):
                if isinstance(ref, Ref) and not operation.keeps_dtype(position) and operands[position].dtype != target:
                    inputs[position] = Ref(self._step(Primitive.registry["cast"], (ref,), {"kind": target}))
        number = self._step(operation, tuple(inputs), settings)
        types = self.nodes[number].results
        visible = len(types) - operation.hidden
        results = [make(t.symbol()) for t in types[:visible]]
        storages = [r._storage for r in results]
        if operation.hidden:
            storages += [Storage() for _ in range(operation.hidden)]
        binding = None
        if STATE.grad_enabled and operation.differentiable and any(map(needs_gradient, args)):
            binding = Binding(
                operation, args, settings, tuple((t.symbol(), s) for t, s in zip(types, storages, strict=True))
            )
        for index, storage in enumerate(storages):
            if index < visible and operation.view:
                self._as_view(results[index], args[0], operation, settings, Ref(number, index))
            else:
                self._memory[id(storage)] = _Memory(Ref(number, index))
        self._alive += storages
        self._alive += results
        if binding is not None or operation.view:
            # A view without history is noted as such, or it would be given one for writes from before it.
            for index, result in enumerate(results):
                if types[index].dtype.kind == "f":
                    self._tapes[id(result)] = (binding, index, self.memory(result).rebased)
        return results[0] if len(results) == 1 else tuple(results)

    def _as_view(
        self, result: TensorBase, source: TensorBase, operation: Primitive, settings: dict[str, Any], ref: Ref
    ) -> None:
        result._storage = source._storage
        result._base = source if source._base is None else source._base
        result._chain = (*source._chain, (operation, settings))
        self._views[id(result)] = (ref, self.memory(source).version)

    def note(self, composite: Primitive, args: tuple[Any, ...], settings: dict[str, Any], result: Any) -> Any:
        """Note what a composite's formula has made, see `Traced.composites`; the same in memory of its own."""
        if not isinstance(result, TensorBase):
            return result
        ref = self.ref(result)
        inputs = tuple(self.ref(a) if isinstance(a, TensorBase) else a for a in args)
        node = Node(composite, inputs, settings, (Type.of(result._array),), STATE.path, STATE.phase)
        if all(given.node < ref.node for given in node.refs()):
            self.composites.append((ref, node))
        if result._base is None:
            return result
        # The kernel's result is no view either, and what is written to it is written to nothing else.
        alone = make(Type.of(result._array).symbol())
        memory = self._hold(alone, ref)
        self._tapes[id(alone)] = (*self.tape(result), memory.rebased)
        return alone

    def write(self, target: TensorBase, source: TensorBase, operation: str) -> None:
        """Record that a tensor now holds other values; see `core.writing.write`."""
        ref, memory = self.ref(source), self.memory(target)
        base = target if target._base is None else target._base
        taped = STATE.grad_enabled and (base.requires_grad or source.requires_grad)
        if target._base is None:
            node, index = self.tape(Helpers.copy(source)) if source._requires_grad else self.tape(source)
        else:
            symbol = Type.of(base._array).symbol()
            taped = taped and all(step.differentiable for step, _ in target._chain)
            settings = {"chain": target._chain}
            node, index = None, 0
            if taped:
                node = Binding(view_write, (base, source), settings, ((symbol, target._storage),))
            ref = Ref(self._step(view_write, (memory.ref, ref), settings))
        memory.ref, memory.written_by = ref, operation
        memory.version += 1
        if taped:
            memory.rebased += 1
            self._tapes[id(base)] = (node, index, memory.rebased)
            self._alive.append(base)

    def tape(self, tensor: TensorBase) -> tuple[Binding | None, int]:
        """The binding that made a tensor, as seen inside the trace."""
        own = self._tapes.get(id(tensor))
        rebased = 0
        if tensor._base is not None:
            rebased = self.memory(tensor).rebased
            seen = own[2] if own is not None else 0
            if rebased != seen:
                return self._retape(tensor, rebased)
        if own is not None:
            return own[0], own[1]
        return tensor._node, tensor._index

    def _retape(self, view: TensorBase, rebased: int) -> tuple[Binding | None, int]:
        """Give a view its history anew after a write to its base."""
        before, STATE.grad_enabled = STATE.grad_enabled, True
        try:
            fresh: Any = view._base
            for operation, settings in view._chain:
                fresh = operation.bind(fresh, **settings)
        finally:
            STATE.grad_enabled = before
        node, index = self.tape(fresh)
        self._tapes[id(view)] = (node, index, rebased)
        self._alive.append(view)
        return node, index

    def writes(self, tensor: TensorBase) -> tuple[int, str]:
        """Number of writes to the memory of a tensor since the trace began, and the operation of the last."""
        memory = self.memory(tensor)
        return memory.version, memory.written_by

    def forget(self, tensor: TensorBase) -> None:
        """Record that a tensor has no history from here on."""
        self._tapes[id(tensor)] = (None, 0, self.memory(tensor).rebased)
        self._alive.append(tensor)

    def about_to_set(self, owner: Any, name: str) -> None:
        """Note an attribute before it is set inside the trace."""
        if (id(owner), name) not in self._set:
            self._set[id(owner), name] = owner, name, getattr(owner, name)

    def refuse(self, error: GraphError) -> GraphError:
        """Note why there can be no program, should the traced function catch the error and do something else."""
        self.refusal = self.refusal or error
        return error

    def check_own(self, binding: Binding) -> None:
        """Raise `GraphError` for a binding from before the trace, whose values the program cannot compute anew."""
        if binding.sequence < self._begin:
            raise no_program(
                f"a traced backward pass reached {binding.primitive.name}, which ran before tracing "
                "began; compute what is differentiated inside the traced function, or detach() what comes from outside"
            )

    def use(self, owner: Stateful) -> None:
        """Note that the program depends on the structure of a module or an optimizer."""
        if owner not in self.used:
            self.used.append(owner)

    def take_step(
        self, stepped: Stepped, step: Callable[..., None], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Note a step that Python is to take before each run, and what the program reads is set by it from here on."""
        self.use(stepped.step_owner())
        self.stepping = True
        try:
            self.schedule.add(stepped, step, args, kwargs)
        finally:
            self.stepping = False
        for tensor in stepped.step_tensors():
            self._memory.pop(id(tensor._storage), None)

    def get_grad(self, tensor: TensorBase) -> TensorBase | None:
        """The gradient of a tensor, as seen inside the trace."""
        if id(tensor) in self.grads:
            return self.grads[id(tensor)][1]
        self.found.setdefault(id(tensor), (tensor, tensor._grad))
        return tensor._grad

    def set_grad(self, tensor: TensorBase, grad: TensorBase | None) -> None:
        """Replace the gradient of a tensor inside the trace alone."""
        self.grads[id(tensor)] = (tensor, grad)

    def put_back(self) -> list[tuple[Any, str, Any]]:
        """Undo what was done to objects of the outside, once the trace is over.

        Returns:
            (owner, name, value) for each attribute that the program leaves another way.
        """
        self.schedule.put_back()
        changed = []
        for owner, name, before in self._set.values():
            value = getattr(owner, name)
            if value is not before:
                changed.append((owner, name, value))
                setattr(owner, name, before)
        return changed

    # -- the end -----------------------------------------------------------------------------------------------------

    def finish(self, arguments: list[TensorBase], outputs: list[TensorBase]) -> tuple[Graph, list[TensorBase]]:
        """The graph, and the tensors on which it leaves gradients, in the order of `graph.grads`."""
        inputs = {id(t): self.memory(t) for t in arguments}
        argument_nodes = [
            number for number, n in enumerate(self.nodes) if n.operation is None and number not in self.captured
        ]
        places = {id(t): number for number, t in self.captured.items()}
        places |= {id(t): number for t, number in zip(arguments, argument_nodes, strict=True)}
        returned = tuple(self.ref(t) for t in outputs)
        final: dict[int, Ref] = {}
        grads: list[tuple[int, Ref | None]] = []
        owners: list[TensorBase] = []
        for tensor, grad in list(self.grads.values()):
            if isinstance(tensor._array, Symbol) and id(tensor) not in inputs:
                continue
            if grad is not None and id(tensor) in self.found and tensor._grad is not None:
                # It was there before: the program adds to its memory, as eager execution does.
                self.memory(tensor._grad)
                number = next(n for n, t in self.captured.items() if t._storage is tensor._grad._storage)
                if tensor._grad._base is None:
                    final[number] = self.ref(grad)
                    continue
            if id(tensor) not in places:
                self.memory(tensor)
                places = {id(t): number for number, t in self.captured.items()} | places
            grads.append((places[id(tensor)], None if grad is None else self.ref(grad)))
            owners.append(tensor)
        # Inputs that only a gradient or an output needed have joined by now.
        memories = {n: self.memory(t) for n, t in self.captured.items() if not self.schedule.sets(t)} | {
            places[id(t)]: inputs[id(t)] for t in arguments
        }
        final = {number: memory.ref for number, memory in memories.items() if memory.version} | final
        self._check_claims({id(self.captured[number]) for number in final if number in self.captured})
        writes = tuple(sorted(final.items()))
        graph = Graph(tuple(self.nodes), tuple(argument_nodes), tuple(self.captured), returned, writes, tuple(grads))
        return verify(graph, "tracing"), owners
