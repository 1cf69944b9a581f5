"""`view.summary`: a network as a tree of layers with what each costs."""

import io
from dataclasses import dataclass
from typing import Any

from backlit.core.recording import record
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array, TensorBase
from backlit.errors import ArgumentError
from backlit.nn import Module, Parameter
from backlit.train.modes import in_mode
from backlit.view.calling import tensors_for
from backlit.view.counting import operations, tensors_in
from backlit.view.local import seconds
from backlit.view.theme import seconds_text, shape_text


@dataclass(frozen=True)
class Layer:
    """A module of a network, with those inside it counted in, or a function that a module calls between its layers.

    Attributes:
        path: Its path, such as "encoder.0"; empty for the whole. Functions end with brackets, "encoder.relu()".
        kind: Its class; "function".
        depth: How many modules are around it.
        calls: How often it was called.
        output_shape: Shape of its (last) output, the batch included; None where it was not called or gives no tensor.
        parameters: Numbers that it learns; those that a layer before it holds too are not counted again.
        frozen: Parameters among them that need no gradient.
        operations: Floating-point operations of one forward pass; see `view.counting`.
        value_bytes: Memory of the results of its operations, views of other memory not counted.
        gradient_bytes: Memory of the gradients of these results and of its parameters, where they need one.
        seconds: Time of its operations, forward.
        share: Of the network's time, from 0 to 1.
    """

    path: str
    kind: str
    depth: int
    calls: int
    output_shape: tuple[int, ...] | None
    parameters: int
    frozen: int
    operations: int
    value_bytes: int
    gradient_bytes: int
    seconds: float
    share: float


class Summary:
    """What `view.summary` found; printing it shows a table, in a terminal or in a notebook.

    Attributes:
        layers: The network first, then all modules and functions inside in the order of use, each before its inside.
        input_shapes: Shapes of the inputs.
    """

    def __init__(self, layers: list[Layer], input_shapes: list[tuple[int, ...]]) -> None:
        self.layers, self.input_shapes = layers, input_shapes

    @property
    def total(self) -> Layer:
        """The network as a whole."""
        return self.layers[0]

    def __getitem__(self, path: str) -> Layer:
        """The layer of a path; the last of several calls.

        Raises:
            KeyError: There is none.
        """
        return {layer.path: layer for layer in self.layers}[path]

    def __rich__(self) -> Any:
        """The table."""
        from rich import box
        from rich.table import Table

        total = self.total
        given = ", ".join(shape_text(shape) for shape in self.input_shapes)
        table = Table(
            title=f"{total.kind} of an input {given}",
            caption=f"forward pass {seconds_text(total.seconds)}, in evaluation mode\n"
            "multiplication and addition count 1 each",
            box=box.SIMPLE_HEAD,
            title_style="bold",
        )
        table.add_column("layer", no_wrap=True)
        for name in ("output", "parameters", "operations", "values", "gradients", "time"):
            table.add_column(name, justify="right", no_wrap=True)
        for layer, name in zip(self.layers, _names(self.layers), strict=True):
            table.add_row(name, *_cells(layer), style="bold" if layer is total else "", end_section=layer is total)
        return table

    def __str__(self) -> str:
        from rich.console import Console

        page = io.StringIO()
        Console(file=page, width=160, color_system=None, legacy_windows=False).print(self)
        lines = [line.rstrip() for line in page.getvalue().splitlines()]
        return "\n".join(line for line in lines if line)

    __repr__ = __str__


def summary(model: Module, input: Any) -> Summary:
    """The layers of a network with output shapes, parameters, operations, memory and share of time.

    The model runs once on `input`, in evaluation mode; nothing of it changes. Each operation is then timed by itself
    on the values that it got, the best of three runs.

    Args:
        model: The network.
        input: What it is called with: a tensor or an array; a tuple of them for several arguments.

    Raises:
        ArgumentTypeError: `model` is no module.
        ArgumentError: It takes another number of inputs; or a shape is given.
        DataError: `input` holds no numbers.
        ShapeError, DtypeError: The network does not take such an input; the message names the layer.
    """
    if isinstance(input, tuple) and all(isinstance(length, int) for length in input):
        raise ArgumentError(f"view.summary: give an input, not its shape: backlit.zeros{input}")
    args = tensors_for(model, input, "view.summary")
    shapes: dict[int, list[tuple[int, ...] | None]] = {}

    def note(module: Module, _: Any, output: Any) -> None:
        found = tensors_in(output)
        shapes.setdefault(id(module), []).append(tuple(found[0]._array.shape) if found else None)

    handles = [module.register_forward_hook(note) for module in model.modules()]
    try:
        with in_mode(model, training=False), record() as recording:
            model(*args)
    finally:
        for handle in handles:
            handle.remove()
    return Summary(_layers(model, recording.bindings, shapes), [tuple(a._array.shape) for a in args])


def _layers(model: Module, bindings: list[Binding], shapes: dict[int, list[Any]]) -> list[Layer]:
    costs = [_cost(binding) for binding in bindings]
    whole = sum(cost[3] for cost in costs)
    counted: set[int] = set()
    layers: list[Layer] = []
    first: dict[str, int] = {}
    parents = set()
    for path, module in model.named_modules():
        inside = [i for i, binding in enumerate(bindings) if not path or f"{binding.path}.".startswith(f"{path}.")]
        own = [p for p in module.parameters() if not path or id(p) not in counted]
        if list(module.children()):
            parents.add(path)
        elif path:
            counted.update(map(id, own))
        calls = shapes.get(id(module), [])
        # What was not called stands where the module before it does.
        first[path] = inside[0] if inside else first[layers[-1].path] if layers else 0
        layers.append(
            Layer(
                path=path,
                kind=type(module).__name__,
                depth=path.count(".") + bool(path),
                calls=len(calls),
                output_shape=calls[-1] if calls else None,
                parameters=sum(p.numel() for p in own),
                frozen=sum(p.numel() for p in own if not p.requires_grad),
                **_costs([costs[i] for i in inside], sum(_nbytes(p) for p in own if p.requires_grad), whole),
            )
        )
    for (path, name), inside in _functions(bindings, parents).items():
        layers.append(
            Layer(
                path=f"{path}.{name}()".removeprefix("."),
                kind="function",
                depth=path.count(".") + bool(path) + 1,
                calls=len(inside),
                output_shape=tuple(bindings[inside[-1]].outputs[0][0]),
                parameters=0,
                frozen=0,
                **_costs([costs[i] for i in inside], 0, whole),
            )
        )
        first[layers[-1].path] = inside[0]
    return _in_order(layers, first)


def _functions(bindings: list[Binding], parents: set[str]) -> dict[tuple[str, str], list[int]]:
    """The operations that modules with layers inside apply themselves, by module and name, views left out."""
    found: dict[tuple[str, str], list[int]] = {}
    for i, binding in enumerate(bindings):
        if binding.path in parents and not binding.primitive.view:
            found.setdefault((binding.path, binding.primitive.name), []).append(i)
    return found


def _in_order(layers: list[Layer], first: dict[str, int]) -> list[Layer]:
    """Each module before what is inside it, and what is inside in the order of use."""
    place = {layer.path: i for i, layer in enumerate(layers)}

    def key(layer: Layer) -> list[tuple[int, int]]:
        parts = layer.path.split(".") if layer.path else []
        around = [".".join(parts[: i + 1]) for i in range(len(parts))]
        return [(first[path], place[path]) for path in around]

    return sorted(layers, key=key)


def _costs(parts: list[tuple[int, int, int, float]], parameter_bytes: int, whole: float) -> dict[str, Any]:
    operations_, values, gradients, time = (sum(part) for part in zip(*parts, strict=True)) if parts else (0, 0, 0, 0.0)
    return {
        "operations": operations_,
        "value_bytes": values,
        "gradient_bytes": gradients + parameter_bytes,
        "seconds": time,
        "share": time / whole if whole else 0.0,
    }


def _cost(binding: Binding) -> tuple[int, int, int, float]:
    """Operations, bytes of values, bytes of their gradients, seconds."""
    size = 0 if binding.primitive.view else sum(_bytes(shape, dtype) for shape, dtype in binding.outputs)
    return operations(binding), size, size if any(binding.needs) else 0, seconds(binding) or 0.0


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    size = int(dtype.itemsize)
    for length in shape:
        size *= length
    return size


def _nbytes(parameter: Parameter | TensorBase) -> int:
    array: Array = parameter._array
    return int(array.nbytes)


# -- the table -------------------------------------------------------------------------------------------------------


def _names(layers: list[Layer]) -> list[str]:
    """Each layer's name behind the branches of the tree."""
    names = []
    for place, layer in enumerate(layers):
        branch = ""
        for depth in range(1, layer.depth + 1):
            more = _goes_on(layers[place + 1 :], depth)
            branch += ("├─ " if more else "└─ ") if depth == layer.depth else "│  " if more else "   "
        own = layer.path.rpartition(".")[2]
        names.append(branch + (own if own.endswith("()") else f"{own}: {layer.kind}" if own else layer.kind))
    return names


def _goes_on(later: list[Layer], depth: int) -> bool:
    """Whether another layer of this depth comes before the module around it ends."""
    following = next((layer for layer in later if layer.depth <= depth), None)
    return following is not None and following.depth == depth


def _cells(layer: Layer) -> list[str]:
    if not layer.calls:
        return ["not called", f"{layer.parameters:,}" if layer.parameters else "", "", "", "", ""]
    output = "no tensor" if layer.output_shape is None else shape_text(layer.output_shape)
    frozen = f" ({layer.frozen:,} frozen)" if layer.frozen else ""
    return [
        output + (f" ({layer.calls} calls)" if layer.calls > 1 else ""),
        f"{layer.parameters:,}{frozen}",
        f"{layer.operations:,}",
        bytes_text(layer.value_bytes),
        bytes_text(layer.gradient_bytes),
        f"{layer.share:.1%}",
    ]


def bytes_text(count: int) -> str:
    """A number of bytes with the unit that suits it; units are powers of 1024."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
