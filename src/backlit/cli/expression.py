"""Expressions as a person types them, read without running any of their code."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from backlit import ops
from backlit.core.primitive import Primitive
from backlit.errors import ArgumentError, ArgumentTypeError, BacklitError, suggest
from backlit.nn import functional
from backlit.ops import float64, int64, tensor

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.Mod: operator.mod,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
# Functions that are made of other operations.
_COMPOSED = ("max", "min", "dot", "mm", "t", "relu6", "selu", "celu", "flatten", "transpose")


def functions() -> dict[str, Callable[..., Any]]:
    """The library's functions that may stand in an expression: those through which gradients flow."""
    found: dict[str, Callable[..., Any]] = {}
    for home in (functional, ops):
        for name in home.__all__:
            operation = Primitive.registry.get(name)
            if (operation is not None and operation.differentiable) or (home is ops and name in _COMPOSED):
                found[name] = getattr(home, name)
    return found


def evaluate(text: str, variables: Mapping[str, Any]) -> Any:
    """The value of an expression.

    Args:
        text: Numbers, lists of numbers, variables, `+ - * / ** @ %`, brackets, and calls of the library's functions.
        variables: What the variables stand for.

    Raises:
        ArgumentError: The expression is not one, or holds anything else.
    """
    tree = _parse(text)
    try:
        return _Reader(text, variables).value(tree)
    except BacklitError:
        raise
    except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise ArgumentError(f"{text!r} cannot be computed: {error}") from error


def read_value(text: str) -> Any:
    """A number, or nested lists of numbers, as in `-2`, `[1, 2]` and `[[1, 2], [3, 4]]`.

    Raises:
        ArgumentError: It is neither.
    """
    try:
        return _numbers(_parse(text))
    except ArgumentError:
        raise ArgumentError(f"{text!r} is neither a number nor a list of numbers such as [1, 2]") from None


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "it is nested too deeply, or holds a null character"
        raise ArgumentError(f"{text!r} is no expression: {reason}") from None


def _numbers(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=ast.Constant() as inner):
            return _UNARY[type(op)](_numbers(inner))
        case ast.Name(id="nan" | "inf" as name):
            return float(name)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="inf")):
            return -float("inf")
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_numbers(e) for e in elements]
    raise ArgumentError("not a number")


class _Reader:
    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self.text = text
        self.variables = variables
        self.functions = functions()

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | None as plain):
                return plain
            case ast.Constant(value=int() | float() as number):
                # A float even where an integer is typed, because powers of integers could fill the memory.
                return float(number)
            case ast.Name(id=name):
                if name in self.variables:
                    return self.variables[name]
                near = suggest(name, self.variables) if self.variables else ""
                raise ArgumentError(f"{name!r} has no value in {self.text!r}; give it as {name}=2{near}")
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _UNARY[type(op)](self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _BINARY[type(op)](self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self.call(name, args, keywords)
            case ast.List():
                return self.constant(node)
        raise ArgumentError(
            f"{ast.unparse(node)!r} in {self.text!r}: an expression has numbers, variables, lists, + - * / ** @ % and "
            "functions such as sigmoid(x)"
        )

    def call(self, name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
        if name not in self.functions:
            raise ArgumentError(f"there is no function {name!r} to differentiate{_near(name, self.functions)}")
        settings = {k.arg: self.setting(k.value) for k in keywords if k.arg is not None}
        if len(settings) < len(keywords):
            raise ArgumentError(f"{name}: ** cannot stand in an expression")
        values = [
            self.setting(a) if i and isinstance(a, ast.Constant | ast.Tuple) else self.value(a)
            for i, a in enumerate(args)
        ]
        try:
            return self.functions[name](*values, **settings)
        except (TypeError, AttributeError) as error:
            raise ArgumentTypeError(f"{name} in {self.text!r}: {error}") from error

    def constant(self, node: ast.List) -> Any:
        """Numbers that take no gradient, such as labels: integers where all of them are written as such."""
        whole = all(isinstance(part.value, int) for part in ast.walk(node) if isinstance(part, ast.Constant))
        try:
            return tensor(_numbers(node), dtype=float64).to(int64 if whole else float64)
        except BacklitError:
            raise ArgumentError(
                f"{ast.unparse(node)!r} in {self.text!r}: lists hold numbers, as in [1, 2] and [[1, 2], [3, 4]]"
            ) from None

    def setting(self, node: ast.expr) -> Any:
        """An argument that may be an integer, such as a dimension, or a word, such as a kind of mean."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int | str):
            return node.value
        if isinstance(node, ast.Tuple):
            return tuple(self.setting(part) for part in node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            return -node.operand.value  # type: ignore[operator]
        return self.value(node)


def _near(name: str, known: Mapping[str, Any]) -> str:
    """The nearest name alone: a list of all would fill the screen."""
    words = suggest(name, known)
    return words if words.startswith("; did") else "; PyTorch's names hold, such as sigmoid, relu, exp, log, maximum"
