"""Operations in SymPy, read from their notation: `"1 / (1 + exp(-{x}))"` is all that is known of an operation here."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from backlit.core.tape import Binding
from backlit.errors import MissingPackageError

_PRODUCT = re.compile(r"(?<=[})\w]) (?!if\b|else\b|and\b|or\b)(?=[{(]|[A-Za-z]\w*\()")
_CHOICE = re.compile(r"\bM(?:ax|in)(?=\()")
_CONDITION_WORD = re.compile(r"\b(if|else) \* ")


def sympy_or_error() -> Any:
    """SymPy.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        import sympy
    except ImportError:
        raise MissingPackageError(
            "view.explain: formulas need SymPy, which is not installed; pip install 'backlit[view]'"
        ) from None
    return sympy


def symbolic(binding: Binding, inputs: list[Any], *, to_derive: bool = True) -> Any:
    """The operation applied to SymPy expressions; an unknown function of them where its notation is no formula.

    The larger or smaller of two is a choice, whose derivative is one too; without `to_derive` it is called max or min.
    """
    sympy = sympy_or_error()
    primitive = binding.primitive
    values: dict[str, Any] = {name: _plain(sympy, value) for name, value in binding.settings.items()}
    values.update(zip(primitive.inputs, inputs, strict=False))
    try:
        return _Reader(sympy, values, to_derive).read(primitive.notation)
    except (SyntaxError, KeyError, TypeError):
        return sympy.Function(primitive.name)(*(v for v in inputs if v is not None))


def _plain(sympy: Any, value: Any) -> Any:
    if isinstance(value, int):
        return sympy.Integer(int(value))
    if not isinstance(value, float):
        return value
    if value != value or abs(value) == float("inf"):
        return sympy.Float(value)
    exact = sympy.Rational(repr(value))
    # Fractions that are not short as one writes them would hide the formula.
    return exact if exact.q <= 10**6 else sympy.Float(value, 6)


def symbol(name: str) -> Any:
    """A real number of that name."""
    return sympy_or_error().Symbol(name, real=True)


def constant(value: float) -> Any:
    """A number as SymPy writes it shortest: 2, 1/10."""
    return _plain(sympy_or_error(), value)


class _Reader:
    """Reads the language of notations, which is Python's arithmetic with `^`, `|x|` and products without a sign."""

    def __init__(self, sympy: Any, values: Mapping[str, Any], to_derive: bool) -> None:
        self.sympy = sympy
        self.values = values

        def as_choice(x: Any, y: Any) -> bool:
            return to_derive and not _chooses(x, y)

        self.functions: dict[str, Callable[..., Any]] = {
            **{name: getattr(sympy, name) for name in ("exp", "log", "sqrt", "sign", "erf", "erfc", "erfinv")},
            **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2")},
            **{name: getattr(sympy, name) for name in ("sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
            **{name: getattr(sympy, name) for name in ("floor", "digamma")},
            "ceil": sympy.ceiling,
            "abs": sympy.Abs,
            "Gamma": sympy.gamma,
            "log2": lambda x: sympy.log(x, 2),
            "log10": lambda x: sympy.log(x, 10),
            # At a tie the first wins, so that the slope of max(0, x) at 0 is 0.
            "max": lambda x, y: sympy.Piecewise((y, y > x), (x, True)) if as_choice(x, y) else sympy.Max(x, y),
            "min": lambda x, y: sympy.Piecewise((y, y < x), (x, True)) if as_choice(x, y) else sympy.Min(x, y),
            "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
            "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
            "Phi": lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
        }

    def read(self, notation: str) -> Any:
        text = re.sub(r"\|([^|]*)\|", r"abs(\1)", notation).replace("^", "**")
        text = _PRODUCT.sub(" * ", text)
        text = _CONDITION_WORD.sub(r"\1 ", text)
        text = re.sub(r"\{(\w+)\}", r"_\1", text)
        return self.visit(ast.parse(text, mode="eval").body)

    def visit(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=int() | float() as value):
                return _plain(self.sympy, value)
            case ast.Name(id=name) if name.startswith("_"):
                return self.values[name[1:]]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.visit(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](self.visit(left), self.visit(right))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.functions[name](*map(self.visit, args))
            case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=other):
                condition = _COMPARE[type(op)](self.visit(left), self.visit(right))
                return self.sympy.Piecewise((self.visit(body), condition), (self.visit(other), True))
        raise SyntaxError(ast.dump(node))


def _chooses(*expressions: Any) -> bool:
    """Whether one is itself a choice, which SymPy would not nest readably."""
    return any(e.atoms(sympy_or_error().Piecewise) for e in expressions)


_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
    ast.Pow: lambda x, y: x**y,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: lambda x, y: x > y,
    ast.GtE: lambda x, y: x >= y,
    ast.Lt: lambda x, y: x < y,
    ast.LtE: lambda x, y: x <= y,
}


def simplified(expression: Any) -> Any:
    """The expression, simplified; a sum of products where that is not much longer, as one writes it by hand."""
    sympy = sympy_or_error()
    short, spread = sympy.simplify(expression), sympy.expand(expression)
    return spread if spread.count_ops() <= 1.5 * short.count_ops() + 2 else short


def in_text(expression: Any) -> str:
    """The expression in one line: `2·x·y^2`."""
    sympy = sympy_or_error()
    for part in expression.atoms(sympy.Piecewise):
        words = " else ".join(f"{in_text(e)} if {in_text(c)}" if c != sympy.true else in_text(e) for e, c in part.args)
        expression = expression.subs(part, sympy.Symbol(f"({words})"))
    # `zoo` is what SymPy makes of a division by zero.
    expression = expression.subs({sympy.zoo: sympy.Symbol("∞"), sympy.oo: sympy.Symbol("∞")})
    for part in expression.atoms(sympy.Derivative):
        expression = expression.subs(part, sympy.Symbol(f"[d {in_text(part.expr)} / d {in_text(part.variables[0])}]"))
    text = _CHOICE.sub(lambda found: found[0].lower(), str(expression))
    return text.replace("**", "^").replace("*", "·").replace("-", "−")
