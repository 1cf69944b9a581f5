"""Gradient rules, written out: a rule is run on recorded values, and what it computed is read off its own tape."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from backlit.core.backward import run_backward
from backlit.core.modes import STATE
from backlit.core.recording import Recording, Value
from backlit.core.tape import Binding
from backlit.core.tensor_base import Array, TensorBase, make, tape_of
from backlit.errors import BacklitError
from backlit.view.local import at_kink, runs_again
from backlit.view.symbols import constant, symbolic
from backlit.view.theme import number

_T = TypeVar("_T")
# A rule longer than this explains nothing.
_LONGEST = 90
# A mean over more elements than 1 / this is written as a decimal.
_LEAST_SHARE = 1e-7
# The shape of a number that has a name: not the factor 1, which is left out.
_ONE = "\N{MATHEMATICAL DOUBLE-STRUCK DIGIT ONE}"
_NUMBER = re.compile(r"[−-]?[\d.]+(?:/\d+|e[−+-]?\d+)?", re.ASCII)
_SHAPE = re.compile(r"\(\d+(?: × \d+)*\)")
_NAME = re.compile(r"[\w.∂/…]*'?")
_NAMED_BRACKETS = re.compile(r"[\w]*\(.*\)'?")


@dataclass(frozen=True)
class _Text:
    """A part of a formula; `factors` are those of a matrix product."""

    text: str
    factors: tuple["_Text", "_Text"] | None = None

    @property
    def bracketed(self) -> str:
        return self.text if _is_atom(self.text) else f"({self.text})"

    def transposed(self) -> "_Text":
        """The same, transposed: the transpose of a product is the product of the transposes, the other way round."""
        if self.factors is not None:
            first, second = (factor.transposed() for factor in self.factors)
            return _Text(f"{second.bracketed} {first.bracketed}", (second, first))
        return _Text(self.text[:-1] if self.text.endswith("'") else self.bracketed + "'")


def _is_atom(text: str) -> bool:
    if _NAME.fullmatch(text):
        return True
    if not _NAMED_BRACKETS.fullmatch(text):
        return False
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and depth == 0:
            return position >= len(text.rstrip("'")) - 1
    return False


@dataclass(frozen=True)
class Rule:
    """A gradient as a formula.

    Attributes:
        formula: In names: `dJ/dz' a`.
        shapes: The same with each name's shape in its place: `(10 × 8)' (8 × 512)`.
    """

    formula: str
    shapes: str


def written_rule(binding: Binding, position: int, names: Sequence[str], arriving: str, result: str) -> Rule | None:
    """The gradient rule of a binding for one input, in the names of its inputs, of what arrives and of its result.

    None where nothing was recorded, or where the formula would be too long to say anything.
    """
    if binding.primitive.role == "routes" and len(binding.edges) == 1:
        return _of_choice(binding, names[0], arriving)
    if binding.primitive.name in _POOLS and binding.record is not None:
        given, result_shape = shape_brackets(_shapes(binding)[0]), shape_brackets(binding.outputs[0][0])
        words = _POOLS[binding.primitive.name]
        return Rule(
            words.format(g=arriving, x=names[0]), words.format(g=result_shape, x=given).replace(f"({given})", given)
        )
    ran = _Ran.of(binding, position)
    if ran is None:
        return None
    write = _write_in_windows if "windows" in binding.primitive.notation else _write
    if binding.primitive.name == "cross_entropy" and position == 0:
        return _of_cross_entropy(ran, binding.settings, names, arriving)
    if binding.primitive.name in _SHORT:
        return _in_short(binding, arriving, result)
    named = {id(array): name for array, name in zip(ran.inputs, names, strict=True) if array is not None}
    named[id(ran.arrived)] = arriving
    formula = ran.fold(lambda array: _Text(named.get(id(array)) or _constant(array)), _Text(result), write)
    shapes = ran.fold(
        lambda array: _Text(_shape_of(array, named[id(array)]) if id(array) in named else _constant(array)),
        _Text(_shape_of(ran.result._array, result)),
        write,
    )
    if len(formula.text) > _LONGEST:
        return None
    shape = ran.gradient._array.shape
    if shape and _NUMBER.fullmatch(formula.text):
        # One number for each element.
        before = "" if formula.text == "1" else f"{formula.text} · "
        return Rule(f"{before}ones", before + shape_brackets(shape))
    return Rule(_bare(formula.text), _bare(shapes.text).replace(_ONE, "1"))


# What a pool's rule does, which its code, one dimension after the other, does not show.
_POOLS = {
    "max_of_windows": "{g} where {x} = max of windows({x}), else 0",
    "sum_of_windows": "sum of {g} over the windows that an element is in",
}
# What only brings the elements of windows into the order and the shape in which matrices are multiplied.
_ARRANGING = {"getitem", "pad", "permute", "reshape"}


def _shape_of(array: Array, name: str) -> str:
    return _ONE if array.ndim == 0 and name != "1" else shape_brackets(array.shape)


def _of_cross_entropy(ran: "_Ran", settings: dict[str, Any], names: Sequence[str], arriving: str) -> Rule | None:
    """The gradient of the cross-entropy of rows of logits in closed form; None where it is not what the rule gave.

    So it is where labels are ignored, or name probabilities. The rule itself, softmax and all, is too long to read.
    """
    logits, labels = ran.inputs[:2]
    if logits is None or labels is None or logits.ndim != 2 or labels.ndim != 1 or settings["reduction"] == "none":
        return None
    with np.errstate(all="ignore"):
        powers = np.exp(logits - logits.max(1, keepdims=True))
        slope = powers / powers.sum(1, keepdims=True) - (labels[:, None] == np.arange(logits.shape[1]))
    count = len(labels) if settings["reduction"] == "mean" else 1
    if not np.allclose(ran.gradient._array, slope / count, atol=1e-6, equal_nan=True):
        return None
    before = "" if arriving == "1" else f"{arriving} · "
    share = f"1/{count} · " if count > 1 else ""
    shape, rows = shape_brackets(logits.shape), shape_brackets(labels.shape)
    difference = "({})" if before or share else "{}"
    return Rule(
        before + share + difference.format(f"softmax({names[0]}) − onehot({names[1]})"),
        ("1 · " if before else "") + share + difference.format(f"softmax{shape} − onehot{rows}"),
    )


def _of_choice(binding: Binding, name: str, arriving: str) -> Rule | None:
    """The gradient of an operation that picks elements, such as the largest of each row: it goes where they were."""
    # What keeps its shape, such as a running maximum, may have one element in several places.
    if binding.record is None or _shapes(binding)[0] == binding.outputs[0][0]:
        return None
    words = f"{{}} where {{}} = {binding.primitive.notation.format(x='{}', **binding.settings)}, else 0"
    words += " (a tie: by convention)" if at_kink(binding) else ""
    shape = shape_brackets(_shapes(binding)[0])
    result = "1" if arriving == "1" else shape_brackets(binding.outputs[0][0])
    return Rule(words.format(arriving, name, name), words.format(result, shape, shape))


# Rules that no longer look like what one reads in books when they are written out: z is the result, g what arrives.
_SHORT: dict[str, tuple[str, Callable[[Array, Array, Any], Array]]] = {
    "softmax": ("{z} ⊙ ({g} − sum ({g} ⊙ {z}))", lambda g, z, dim: z * (g - (g * z).sum(dim, keepdims=True))),
    "log_softmax": ("{g} − exp({z}) ⊙ sum {g}", lambda g, z, dim: g - np.exp(z) * g.sum(dim, keepdims=True)),
}


def _in_short(binding: Binding, arriving: str, result: str) -> Rule | None:
    """The short form of a rule; None where it is not what the backward pass computed, or where none was run."""
    words, form = _SHORT[binding.primitive.name]
    record = binding.record
    arrived, left = (None, None) if record is None else (record.arrived[0], record.left[0])
    if record is None or arrived is None or left is None or not binding.outputs[0][0]:
        return None
    with np.errstate(all="ignore"):
        found = form(arrived, record.outputs[0].array, binding.settings["dim"])
    if not np.allclose(found, left, atol=1e-6, equal_nan=True):
        return None
    shape = shape_brackets(binding.outputs[0][0])
    shapes = words.format(g=shape, z=shape).replace(f"({shape})", shape)
    return Rule(words.format(g=arriving, z=result), shapes)


def symbolic_rule(binding: Binding, position: int, inputs: Sequence[Any], result: Any) -> Any:
    """The local derivative by one input as a SymPy expression in the inputs and the result, or None."""
    ran = _Ran.of(binding, position)
    if ran is None:
        return None
    known = {id(array): value for array, value in zip(ran.inputs, inputs, strict=True) if array is not None}
    known[id(ran.arrived)] = constant(1)

    def leaf(array: Any) -> Any:
        if id(array) in known:
            return known[id(array)]
        array = np.asarray(array)
        if array.size != 1 or array.dtype.kind == "b":
            raise _Unwritten
        return constant(array.item())

    try:
        return ran.fold(leaf, result, symbolic)
    except _Unwritten:
        return None


class _Unwritten(Exception):
    """A rule computes with something that no symbol stands for, such as a condition on values."""


def shape_brackets(shape: tuple[int, ...]) -> str:
    """A shape as a factor: `(8 × 512)`, `(10)`; `1` for a number."""
    return f"({' × '.join(map(str, shape))})" if shape else "1"


@dataclass
class _Ran:
    """A rule that was run.

    Attributes:
        gradient: What it gave.
        arrived: The array that arrived.
        inputs: The arrays of the operation's inputs; None for inputs that are no tensors.
        result: The operation's result.
    """

    gradient: TensorBase
    arrived: Array
    inputs: list[Array | None]
    result: TensorBase

    @classmethod
    def of(cls, binding: Binding, position: int) -> "_Ran | None":
        """Run the rule for one input on the recorded values, with ones arriving."""
        if binding.record is None or len(binding.outputs) != 1 or not runs_again(binding):
            return None
        inputs = [make(given.array.copy()) if isinstance(given, Value) else given for given in binding.record.inputs]
        for tensor in inputs:
            # All of them, so that the tape shows what the rule does to each.
            if isinstance(tensor, TensorBase) and tensor._array.dtype.kind == "f":
                tensor._requires_grad = True
        before = STATE.grad_enabled, STATE.recording, STATE.anomaly, STATE.inference
        STATE.grad_enabled, STATE.recording, STATE.anomaly, STATE.inference = True, Recording(), False, False
        try:
            result = binding.primitive.bind(*inputs, **binding.settings)
            arrived = make(np.ones_like(result._array))
            # So that all that depends on it is taped.
            arrived._requires_grad = True
            found = run_backward([result], [arrived], inputs=[inputs[position]], create_graph=True)
        except BacklitError:
            return None
        finally:
            STATE.grad_enabled, STATE.recording, STATE.anomaly, STATE.inference = before
        gradient = None if found is None else found[0]
        if gradient is None:
            return None
        arrays = [t._array if isinstance(t, TensorBase) else None for t in inputs]
        return cls(gradient, arrived._array, arrays, result)

    def fold(self, leaf: Callable[[Any], _T], result: _T, operation: Callable[[Binding, list[Any]], _T]) -> _T:
        """Go through the tape of the gradient: leaves and numbers, the operation's own result, then each operation."""
        made = tape_of(self.result)[0]

        def visit(node: Binding) -> _T:
            values: list[Any] = []
            for position, edge in enumerate(node.edges):
                given = node.record.inputs[position] if node.record is not None else None
                if isinstance(edge, tuple):
                    values.append(result if edge[0] is made else visit(edge[0]))
                elif isinstance(given, Value):
                    same = given.array is self.result._array
                    values.append(result if same else leaf(given.array))
                else:
                    values.append(None if given is None else leaf(given))
            return operation(node, values)

        node = tape_of(self.gradient)[0]
        return leaf(self.gradient._array) if node is None else result if node is made else visit(node)


def _constant(array: Any) -> str:
    """An array of one number as that number, a share as 1/n; others have no short form."""
    array = np.asarray(array)
    if not array.size or not (array == array.flat[0]).all():
        return "…"
    value = array.flat[0].item()
    parts = round(1 / value) if isinstance(value, float) and _LEAST_SHARE <= value < 1 else 0
    return f"1/{parts}" if parts > 1 and np.isclose(1 / parts, value, rtol=1e-6, atol=0) else number(value)


def _write(binding: Binding, inputs: list[_Text | None]) -> _Text:
    """One operation of a rule, by its notation, with brackets where an input is itself a formula."""
    primitive = binding.primitive
    first = inputs[0]
    if first is not None and primitive.notation == "{x}":
        return first
    if first is not None and primitive.name == "expand":
        return _repeated(binding, first)
    if first is not None and primitive.name == "reshape" and _only_ones(binding):
        return _Text(shape_brackets(binding.outputs[0][0])) if _SHAPE.fullmatch(first.text) else first
    if first is not None and primitive.name == "where" and first.text in ("true", "false"):
        return inputs[1 if first.text == "true" else 2] or first
    if first is not None and primitive.notation == "{x}'":
        return first.transposed()
    product = _of_vectors(binding, inputs)
    if product is not None:
        return product
    values: dict[str, Any] = dict(binding.settings)
    for name, text in zip(primitive.inputs, inputs, strict=False):
        enclosed = f"({{{name}}})" in primitive.notation
        values[name] = "" if text is None else _unbracketed(text.text) if enclosed else text.bracketed
    notation = primitive.notation
    if any(text is not None and _NUMBER.fullmatch(text.text) for text in inputs) or () in _shapes(binding):
        # Element by element is said between arrays only.
        notation = notation.replace(" * ", " · ")
    try:
        formula = notation.format(**values)
    except (KeyError, IndexError, ValueError):
        formula = f"{primitive.name}({', '.join(i.text for i in inputs if i)})"
    of_matrices = primitive.notation == "{x} {y}" and len(inputs) == 2 and all(inputs)
    factors = (inputs[0], inputs[1]) if of_matrices else None
    return _Text(re.sub(r"\b1 [*·] | [*·/] 1\b(?!/)", "", formula), factors)  # type: ignore[arg-type]


def _write_in_windows(binding: Binding, inputs: list[_Text | None]) -> _Text:
    """As `_write`, without what only arranges elements: the formula tells what is multiplied and added up."""
    first = inputs[0]
    if first is not None and binding.primitive.name in _ARRANGING:
        return first
    return _write(binding, inputs)


def _repeated(binding: Binding, given: _Text) -> _Text:
    """An array made larger by repeating it; a number stands for an array of it."""
    before, after = _shapes(binding)[0], binding.outputs[0][0]
    if _NUMBER.fullmatch(given.text):
        return given
    if not before:
        return _Text(f"{given.bracketed} · {shape_brackets(after) if _ONE in given.text else 'ones'}")
    wider = [dim for dim, (old, new) in enumerate(zip(before, after[-len(before) :], strict=True)) if old != new]
    dims = [*range(len(after) - len(before)), *(dim + len(after) - len(before) for dim in wider)]
    along = ", ".join(f"{after[dim]} times along dim {dim}" for dim in dims)
    return _Text(f"{given.bracketed} repeated {along}") if along else given


def _only_ones(binding: Binding) -> bool:
    """Whether a reshape only adds or drops dimensions of size 1, which reads as nothing."""
    before, after = ([size for size in shape if size != 1] for shape in (_shapes(binding)[0], binding.outputs[0][0]))
    return before == after


def _of_vectors(binding: Binding, inputs: list[_Text | None]) -> _Text | None:
    """A vector taken for a column or a row, or their product; None for other operations. By itself it is a column."""
    name, first, shapes = binding.primitive.name, inputs[0], _shapes(binding)
    before, after = len(shapes[0]), len(binding.outputs[0][0])
    if first is None or len(inputs) > 2:
        return None
    if (name, before, after) in (("unsqueeze", 1, 2), ("squeeze", 2, 1)):
        matrix = shapes[0] if name == "squeeze" else binding.outputs[0][0]
        return first if matrix[1] == 1 else first.transposed()
    second = inputs[-1]
    if name != "mul" or second is None or before != 2 or shapes[0][1] != 1 or shapes[1][-1:] in ((), (1,)):
        return None
    if len(shapes[1]) == 1:
        second = second.transposed()
    elif shapes[1][0] != 1:
        return None
    return _Text(f"{first.bracketed} {second.bracketed}", (first, second))


def _shapes(binding: Binding) -> list[tuple[int, ...]]:
    """The shapes of a binding's inputs."""
    given = () if binding.record is None else binding.record.inputs
    return [value.array.shape if isinstance(value, Value) else () for value in given]


def _unbracketed(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") and _is_atom(text) else text


def _bare(formula: str) -> str:
    return formula.replace(" * ", " ⊙ ").replace("-", "−")
