"""The backward pass: one walk over the tape, from the newest binding to the oldest, without recursion.

Gradient rules bind operations again, so with `create_graph` the pass is taped itself, and under a trace it lands in
the traced graph.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backlit.core.modes import STATE
from backlit.core.tape import Binding
from backlit.core.tensor_base import TensorBase, tape_of
from backlit.errors import ArgumentTypeError, GradientError, NonFiniteError, ShapeError


class Helpers:
    """The operations that the engine itself needs; `ops` registers them, so the engine names none."""

    add: Callable[[Any, Any], Any]
    sum_to_shape: Callable[[Any, tuple[int, ...]], Any]
    cast: Callable[[Any, np.dtype[Any]], Any]
    ones_like: Callable[[Any], Any]
    copy: Callable[[Any], Any]


def run_backward(
    roots: Sequence[TensorBase],
    root_grads: Sequence[TensorBase],
    *,
    inputs: Sequence[TensorBase] | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> list[TensorBase | None] | None:
    """Send gradients from `roots` down the tape.

    Args:
        roots: Tensors to differentiate.
        root_grads: The gradient that arrives at each, of its shape.
        inputs: If given, gradients of these tensors are returned (None where nothing flows) and no `.grad` changes.
        retain_graph: Keep what the tape holds, for another pass.
        create_graph: Tape the pass itself, for gradients of gradients.
    """
    walk = _Walk(inputs, retain_graph, create_graph)
    before = STATE.grad_enabled, STATE.path, STATE.anomaly, STATE.phase
    STATE.grad_enabled, STATE.anomaly, STATE.phase = create_graph, False, "backward"
    try:
        return walk.run(roots, root_grads, check=before[2])
    finally:
        STATE.grad_enabled, STATE.path, STATE.anomaly, STATE.phase = before


class _Walk:
    def __init__(self, inputs: Sequence[TensorBase] | None, retain_graph: bool, create_graph: bool) -> None:
        self.retain_graph = retain_graph
        self.create_graph = create_graph
        # Numbers of the bindings still to visit, negative so that the newest comes first, and what has arrived there.
        self.pending: list[int] = []
        self.arrived: dict[int, tuple[Binding, list[Any]]] = {}
        self.captured: list[TensorBase | None] | None = None
        self.at_nodes: dict[tuple[int, int], list[int]] = {}
        self.at_leaves: dict[int, list[int]] = {}
        # Leaves with hooks, which see the whole gradient at once: what has arrived so far.
        self.hooked: dict[int, tuple[TensorBase, Any]] = {}
        if inputs is not None:
            self.captured = [None] * len(inputs)
            for position, tensor in enumerate(inputs):
                node, index = tape_of(tensor)
                if node is None:
                    self.at_leaves.setdefault(id(tensor), []).append(position)
                else:
                    self.at_nodes.setdefault((node.sequence, index), []).append(position)

    def run(
        self, roots: Sequence[TensorBase], root_grads: Sequence[TensorBase], check: bool
    ) -> list[TensorBase | None] | None:
        useful = None if self.captured is None else self._on_the_way(roots)
        for root, g in zip(roots, root_grads, strict=True):
            node, index = tape_of(root)
            if node is None:
                self._send_to_leaf(root, g, False)
            else:
                self._send(node, index, g)
        pending, state = self.pending, STATE
        while pending:
            number = heapq.heappop(pending)
            node, arrived = self.arrived.pop(number)
            if node.hooks or node.retained or node.record or self.captured is not None:
                self._arrive(node, arrived)
            if useful is not None and node.sequence not in useful:
                continue
            state.path = node.path
            if state.trace is not None:
                state.trace.check_own(node)
            several = len(arrived) > 1
            grads = node.primitive.gradients(node, tuple(arrived) if several else arrived[0], self.create_graph)
            if check:
                _check_finite(node, arrived, grads)
            held: list[int] | None = None
            record = node.record
            for position, edge in enumerate(node.edges):
                grad = grads[position]
                if edge is None or grad is None:
                    continue
                array = grad._array
                if array.shape != node.shapes[position] or array.dtype != node.dtypes[position]:
                    grad = self._fit(node, position, grad)
                if record is not None:
                    record.left[position] = grad._array
                if type(edge) is tuple:
                    self._send(edge[0], edge[1], grad)
                    continue
                if held is None:
                    # A gradient rule may pass on what arrived or was kept, or one array twice.
                    held = [id(v._array) for v in (*arrived, *node.held(), *grads) if isinstance(v, TensorBase)]
                self._send_to_leaf(edge, grad, record is None and held.count(id(grad._array)) < 2)
            if not self.retain_graph:
                node.release()
        for leaf, grad in self.hooked.values():
            grad = _run_hooks(leaf._hooks or {}, grad)
            if self.captured is not None:
                self._capture(leaf, grad)
            else:
                self._accumulate(leaf, grad)
                for hook in list((leaf._accumulated_hooks or {}).values()):
                    hook(leaf)
        return self.captured

    def _on_the_way(self, roots: Sequence[TensorBase]) -> set[int]:
        """Numbers of the bindings through which an asked-for input is reached."""
        reached: dict[int, Binding] = {}
        stack = [node for node in (tape_of(root)[0] for root in roots) if node is not None]
        while stack:
            node = stack.pop()
            if node.sequence not in reached:
                reached[node.sequence] = node
                stack.extend(edge[0] for edge in node.edges if isinstance(edge, tuple))
        useful: set[int] = set()
        for sequence in sorted(reached):
            for edge in reached[sequence].edges:
                if isinstance(edge, tuple):
                    found = edge[0].sequence in useful or (edge[0].sequence, edge[1]) in self.at_nodes
                else:
                    found = id(edge) in self.at_leaves
                if found:
                    useful.add(sequence)
                    break
        return useful

    def _send(self, node: Binding, index: int, grad: Any) -> None:
        """Let a gradient arrive at a result of a binding."""
        entry = self.arrived.get(-node.sequence)
        if entry is None:
            arrived = [None] * (len(node.outputs) + node.primitive.hidden)
            arrived[index] = grad
            self.arrived[-node.sequence] = node, arrived
            heapq.heappush(self.pending, -node.sequence)
        else:
            before = entry[1][index]
            entry[1][index] = grad if before is None else Helpers.add(before, grad)

    def _send_to_leaf(self, leaf: TensorBase, grad: Any, own: bool) -> None:
        """Let a gradient arrive at a leaf; `own` says that nobody else holds its memory."""
        if leaf._hooks or leaf._accumulated_hooks:
            before = self.hooked.get(id(leaf))
            self.hooked[id(leaf)] = leaf, grad if before is None else Helpers.add(before[1], grad)
        elif self.captured is not None:
            self._capture(leaf, grad)
        else:
            self._accumulate(leaf, grad, own)

    def _arrive(self, node: Binding, slots: list[Any]) -> None:
        """Run the hooks of a binding's results, note what arrived, and serve `inputs` and `retain_grad`."""
        if node.hooks is not None:
            for index, hooks in node.hooks.items():
                if slots[index] is not None:
                    slots[index] = _run_hooks(hooks, slots[index])
        if node.record is not None:
            node.record.arrived = [None if g is None else g._array for g in slots[: len(node.outputs)]]
        if self.captured is not None:
            for index, g in enumerate(slots):
                for position in self.at_nodes.get((node.sequence, index), ()):
                    self.captured[position] = g
        elif node.retained is not None:
            for index, reference in node.retained.items():
                tensor = reference()
                if tensor is not None and slots[index] is not None:
                    self._accumulate(tensor, slots[index])

    def _fit(self, node: Binding, position: int, grad: Any) -> Any:
        """Bring a gradient to its input's shape (undoing broadcasting) and type."""
        shape = node.shapes[position]
        if grad._array.shape != shape:
            if not node.primitive.elementwise:
                raise ShapeError(
                    f"backward of {node.primitive.name}: its gradient rule gave shape {grad._array.shape} for input "
                    f"{position} of shape {shape}"
                )
            grad = Helpers.sum_to_shape(grad, shape)
        kind = node.dtypes[position]
        return grad if grad._array.dtype == kind else Helpers.cast(grad, kind)

    def _capture(self, leaf: TensorBase, grad: Any) -> None:
        """Keep the gradient of a leaf for the caller, if it was asked for."""
        captured: Any = self.captured
        for position in self.at_leaves.get(id(leaf), ()):
            before = captured[position]
            captured[position] = grad if before is None else Helpers.add(before, grad)

    def _accumulate(self, tensor: TensorBase, grad: Any, own: bool = False) -> None:
        if STATE.trace is not None:
            before = tensor.grad
            fresh = own and not self.create_graph and grad._base is None
            tensor.grad = Helpers.add(before, grad) if before is not None else grad if fresh else Helpers.copy(grad)
            return
        before = tensor._grad
        if before is None:
            fresh = own and not self.create_graph and grad._array.base is None
            tensor._grad = grad if fresh else Helpers.copy(grad)
        elif self.create_graph:
            tensor._grad = Helpers.add(before, grad)
        elif before._array.flags.writeable and before._node is None and not before._storage.watchers:
            np.add(before._array, grad._array, out=before._array)
            before._storage.version = before._version + 1
            before._storage.written_by = "backward"
        else:
            tensor._grad = Helpers.add(before, grad)


def _run_hooks(hooks: dict[int, Callable[[Any], Any]], grad: Any) -> Any:
    for hook in list(hooks.values()):
        changed = hook(grad)
        if changed is not None:
            if not isinstance(changed, TensorBase) or changed._array.shape != grad._array.shape:
                raise GradientError(
                    f"a gradient hook must return None or a tensor of shape {grad._array.shape}, got "
                    f"{getattr(changed, 'shape', type(changed).__name__)}"
                )
            grad = changed
    return grad


def _check_finite(node: Binding, arrived: Sequence[Any], grads: Sequence[Any]) -> None:
    if any(g is not None and not np.isfinite(g._array).all() for g in arrived):
        return
    for position, grad in enumerate(grads):
        if grad is not None and not np.isfinite(grad._array).all():
            kind = "a NaN" if np.isnan(grad._array).any() else "an infinity"
            where = f" in {node.path}" if node.path else ""
            raise NonFiniteError(
                f"backward: the gradient of {node.primitive.name}{where} for input {position} of shape "
                f"{node.shapes[position]} became {kind} although what arrived was finite"
            )


def start_gradients(roots: Sequence[TensorBase], grads: Sequence[Any], caller: str) -> list[TensorBase]:
    """The gradients that arrive at `roots`: those given, or 1 for scalars.

    Raises:
        GradientError: A root needs no gradient, or is not a scalar and has no gradient given.
        ShapeError: A given gradient has another shape than its root.
        ArgumentTypeError: A given gradient is no tensor.
    """
    found: list[TensorBase] = []
    for root, grad in zip(roots, grads, strict=True):
        shape = root._array.shape
        if not root.requires_grad:
            raise GradientError(
                f"{caller}: the tensor of shape {shape} needs no gradient: none of the values it was computed from "
                "has requires_grad=True, or it was computed under no_grad, or by a compiled function, into which the "
                "backward pass belongs"
            )
        if grad is None:
            if root._array.size != 1:
                raise GradientError(
                    f"{caller}: a gradient starts by itself only at a scalar, this tensor has shape {shape}; "
                    "reduce it first, for example with .sum(), or pass `gradient` of that shape"
                )
            grad = Helpers.ones_like(root)
        elif not isinstance(grad, TensorBase):
            raise ArgumentTypeError(f"{caller}: a gradient must be a tensor or None, got {type(grad).__name__}")
        elif grad._array.shape != shape:
            raise ShapeError(f"{caller}: the given gradient has shape {grad._array.shape}, the tensor {shape}")
        found.append(grad)
    return found
