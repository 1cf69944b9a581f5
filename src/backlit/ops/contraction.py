"""Sums of products by Einstein's notation, and contractions, as matrix products."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backlit.errors import ArgumentError, ShapeError
from backlit.ops.dims import one_dim
from backlit.ops.product import matmul

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = ["einsum", "tensordot"]

Term = tuple[str, "Tensor"]

# Labels of the dimensions that an ellipsis stands for, counted from the right.
_FILL = "".join(map(chr, range(0x3B1, 0x3B1 + 24)))


def einsum(equation: str, *operands: "Tensor | Sequence[Tensor]") -> "Tensor":
    """Products of `operands`, added up over every label that the result does not name.

    Operands are multiplied from left to right, each step as one (batched) matrix product.

    Args:
        equation: One letter for each dimension, commas between operands, and after `->` the result's labels; without
            an arrow, the labels that occur once, in the order of the alphabet. `...` stands for dimensions that
            broadcast. A label twice in one operand takes the diagonal.
        *operands: Tensors, or one list of them.

    Raises:
        ArgumentError: The equation is not well formed.
        ShapeError: It does not fit the operands' shapes, or sizes of one label differ.
    """
    tensors: list[Any] = list(
        operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    )
    labels, output = _parse(equation, tensors)
    sizes = _sizes(equation, labels, tensors)
    terms = [_single(term, tensor, sizes) for term, tensor in zip(labels, tensors, strict=True)]
    while len(terms) > 1:
        first, second, *rest = terms
        later = set(output).union(*(term for term, _ in rest))
        terms = [_contract(first, second, later), *rest]
    term, result = _sum_out(*terms[0], set(output))
    # A label of the result whose only sizes were 1 was squeezed away everywhere.
    for label in output:
        if label not in term:
            term, result = term + label, result.unsqueeze(-1)
    return result if term == output else result.permute([term.index(label) for label in output])


def _parse(equation: str, tensors: list[Any]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with letters in place of every ellipsis."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ArgumentError(f"einsum: {equation!r} names {len(terms)} operands, got {len(tensors)}")
    spread = 0
    expanded: list[str] = []
    for position, (term, tensor) in enumerate(zip(terms, tensors, strict=True)):
        shape = tensor._array.shape
        named = len(term.replace("...", "", 1))
        _check_letters(equation, term)
        extra = len(shape) - named
        if extra < 0 or (extra and "..." not in term):
            raise ShapeError(
                f"einsum: {equation!r} names {named} dimensions of operand {position}, which has shape {shape}"
            )
        spread = max(spread, extra)
        expanded.append(term.replace("...", _FILL[:extra][::-1]))
    every = _FILL[:spread][::-1]
    if not arrow:
        seen = "".join(terms).replace("...", "")
        right = every + "".join(sorted(label for label in set(seen) if seen.count(label) == 1))
    else:
        _check_letters(equation, right)
        right = right.replace("...", every)
        if len(set(right)) < len(right):
            raise ArgumentError(f"einsum: the result of {equation!r} names a label twice")
        unknown = set(right).difference(*expanded)
        if unknown:
            raise ArgumentError(f"einsum: the result of {equation!r} names {sorted(unknown)}, which no operand has")
    return expanded, right


def _check_letters(equation: str, term: str) -> None:
    letters = term.replace("...", "", 1)
    if letters and not (letters.isascii() and letters.isalpha()):
        raise ArgumentError(f"einsum: {equation!r} must consist of letters, commas, one '->' and '...', got {term!r}")


def _sizes(equation: str, labels: list[str], tensors: list[Any]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for position, (term, tensor) in enumerate(zip(labels, tensors, strict=True)):
        for label, size in zip(term, tensor._array.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                name = "..." if label in _FILL else label
                raise ShapeError(
                    f"einsum: in {equation!r} the label {name!r} has size {size} in operand {position} of shape "
                    f"{tensor._array.shape}, but size {known} before"
                )
    return sizes


def _single(term: str, tensor: Any, sizes: dict[str, int]) -> Term:
    """One operand with each label once, and without dimensions of size 1 that broadcast against others."""
    for label in sorted(set(term)):
        while term.count(label) > 1:
            first = term.index(label)
            second = term.index(label, first + 1)
            if tensor._array.shape[first] != tensor._array.shape[second]:
                raise ShapeError(
                    f"einsum: the label {label!r} stands twice for dimensions of different sizes in shape "
                    f"{tensor._array.shape}"
                )
            tensor = tensor.diagonal(0, first, second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + label
    narrow = [d for d, label in enumerate(term) if tensor._array.shape[d] == 1 and sizes[label] != 1]
    if narrow:
        tensor = tensor.squeeze(tuple(narrow))
        term = "".join(label for d, label in enumerate(term) if d not in narrow)
    return term, tensor


def _sum_out(term: str, tensor: Any, wanted: set[str]) -> Term:
    """Add up over the labels that nobody wants any more."""
    spare = tuple(d for d, label in enumerate(term) if label not in wanted)
    if not spare:
        return term, tensor
    return "".join(label for label in term if label in wanted), tensor.sum(spare)


def _contract(first: Term, second: Term, later: set[str]) -> Term:
    """Two operands multiplied, and added up over the labels that occur nowhere later."""
    (left, x), (right, y) = (
        _sum_out(*term, later | set(other)) for term, other in ((first, second[0]), (second, first[0]))
    )
    batch = [label for label in left if label in right and label in later]
    inner = [label for label in left if label in right and label not in later]
    rows = [label for label in left if label not in right]
    columns = [label for label in right if label not in left]
    size = dict(zip(left + right, x._array.shape + y._array.shape, strict=True))
    x, y = _ordered(x, left, batch + rows + inner), _ordered(y, right, batch + inner + columns)
    outer = [size[label] for label in batch]
    m, n, k = (math.prod(size[label] for label in group) for group in (rows, inner, columns))
    product = matmul(x.reshape((*outer, m, n)), y.reshape((*outer, n, k)))
    found = batch + rows + columns
    return "".join(found), product.reshape(tuple(size[label] for label in found))


def _ordered(tensor: Any, term: str, wanted: list[str]) -> Any:
    return tensor if list(term) == wanted else tensor.permute([term.index(label) for label in wanted])


def tensordot(a: "Tensor", b: "Tensor", dims: int | Sequence[Sequence[int]] = 2) -> "Tensor":
    """The product of `a` and `b`, added up over pairs of dimensions.

    Args:
        a: Any shape.
        b: Any shape.
        dims: How many of the last dimensions of `a` to pair with the first ones of `b`, or the two lists of dimensions.

    Raises:
        ArgumentError: The lists have different lengths, or there are not so many dimensions.
        ShapeError: The sizes of a pair differ.
    """
    left_shape, right_shape = a._array.shape, b._array.shape
    if isinstance(dims, int):
        if not 0 <= dims <= min(len(left_shape), len(right_shape)):
            raise ArgumentError(
                f"tensordot: shapes {left_shape} and {right_shape} do not have {dims} dimensions to pair"
            )
        over = list(range(len(left_shape) - dims, len(left_shape))), list(range(dims))
    else:
        over = tuple(  # type: ignore[assignment]
            [one_dim(d, len(shape), "tensordot") for d in chosen]
            for chosen, shape in zip(dims, (left_shape, right_shape), strict=True)
        )
        if len(over[0]) != len(over[1]):
            raise ArgumentError(f"tensordot: the lists of dimensions {dims} have different lengths")
    for i, j in zip(*over, strict=True):
        if left_shape[i] != right_shape[j]:
            raise ShapeError(
                f"tensordot: dim {i} of shape {left_shape} and dim {j} of shape {right_shape} must have one size"
            )
    rows = [i for i in range(len(left_shape)) if i not in over[0]]
    columns = [j for j in range(len(right_shape)) if j not in over[1]]
    m, n, k = (
        math.prod(shape[d] for d in group)
        for shape, group in ((left_shape, rows), (left_shape, over[0]), (right_shape, columns))
    )
    product = matmul(a.permute(rows + over[0]).reshape((m, n)), b.permute(over[1] + columns).reshape((n, k)))
    return product.reshape((*(left_shape[d] for d in rows), *(right_shape[d] for d in columns)))
