"""Values in machine code: vectors of lanes or single numbers, and every elementwise operation on them.

`OPERATIONS` maps the name of a NumPy ufunc to what emits it. All of it works on vectors and on single numbers alike.
"""

import functools
import platform
from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir

from backlit.compiler import division, functions, trigonometry
from backlit.errors import GraphError

_BITS = {"f4": 32, "f8": 64, "i1": 8, "i2": 16, "i4": 32, "i8": 64, "u1": 8, "u8": 64, "b1": 1}
_INT, _BIT = ir.IntType(64), ir.IntType(1)
Emit = Callable[..., Any]
# Where a float is out of range for an integer, x86 processors give the lowest, others the nearest.
_HAS_INDEFINITE = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686", "x86")


# Types are made once: each knows its text, which is asked for with every instruction.
@functools.cache
def scalar_type(kind: str) -> ir.Type:
    """The type in which a number of this kind is computed with; a bool is one bit."""
    if kind == "f4":
        return ir.FloatType()
    if kind == "f8":
        return ir.DoubleType()
    if kind not in _BITS:
        raise GraphError("machine code has no numbers of type float16; compute in float32, as after module.float()")
    return ir.IntType(_BITS[kind])


@functools.cache
def memory_type(kind: str) -> ir.Type:
    """The type in which a number of this kind stands in memory; a bool is one byte."""
    return ir.IntType(8) if kind == "b1" else scalar_type(kind)


@functools.cache
def vector_type(element: ir.Type, lanes: int) -> ir.Type:
    """The type of a vector."""
    return ir.VectorType(element, lanes)


def item_size(kind: str) -> int:
    """Bytes of one element in memory."""
    return int(kind[1:])


class Repeated(ir.Constant):  # type: ignore[misc]  # LLVM's classes have no types
    """One number in every lane, which the text of a module says once and not lane by lane."""

    def __init__(self, vector: ir.VectorType, element: ir.Constant) -> None:
        super().__init__(vector, [element] * vector.count)
        self._reference = f"splat ({element})"

    def get_reference(self) -> str:
        """The constant as an operand is written."""
        return self._reference


class Code:
    """Emits instructions on values of `lanes` lanes; 1 means single numbers.

    Attributes:
        builder: The LLVM builder; set anew for each function.
        lanes: Number of lanes.
        fail: Notes a status where something is wrong in one of the lanes; kernels look at it after they have run.
    """

    def __init__(self, module: ir.Module, builder: ir.IRBuilder, lanes: int) -> None:
        self.module = module
        self.builder = builder
        self.lanes = lanes
        self.fail: Callable[[Any, int], None] = lambda wrong, status: None

    def type(self, kind: str) -> ir.Type:
        """The type of a value of this kind."""
        element = scalar_type(kind)
        return element if self.lanes == 1 else vector_type(element, self.lanes)

    def constant(self, value: Any, kind: str) -> Any:
        """One number in every lane."""
        if kind == "b1":
            value = int(bool(value))
        elif kind[0] != "f":
            value = int(value)
        element = ir.Constant(scalar_type(kind), value)
        return element if self.lanes == 1 else Repeated(self.type(kind), element)

    def splat(self, value: Any) -> Any:
        """A single number repeated in every lane."""
        if self.lanes == 1:
            return value
        vector = vector_type(value.type, self.lanes)
        if isinstance(value, ir.Constant):
            return Repeated(vector, value)
        nothing = ir.Constant(vector, None)
        first = self.builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        places = ir.Constant(vector_type(ir.IntType(32), self.lanes), None)
        return self.builder.shuffle_vector(first, nothing, places)

    def steps(self) -> Any:
        """0, 1, 2, ... in the lanes."""
        if self.lanes == 1:
            return ir.Constant(_INT, 0)
        return ir.Constant(ir.VectorType(_INT, self.lanes), list(range(self.lanes)))

    def intrinsic(self, name: str, *args: Any) -> Any:
        """Call an LLVM intrinsic that is overloaded on the type of its first argument."""
        suffix = overload(args[0].type)
        return self.call(f"llvm.{name}.{suffix}", args[0].type, *args)

    def call(self, name: str, result: ir.Type, *args: Any) -> Any:
        """Call an external function or intrinsic by its full name."""
        known = self.module.globals.get(name)
        if known is None:
            known = ir.Function(self.module, ir.FunctionType(result, [a.type for a in args]), name)
        return self.builder.call(known, args)

    def _whole(self, x: Any, before: str, after: str) -> Any:
        """A float without its fraction, as processors convert it: narrow numbers by way of 32 bits."""
        b, bits = self.builder, max(_BITS[after], 32)
        wide = f"{'u' if after == 'u8' else 'i'}{bits // 8}"
        op = "fptoui" if after == "u8" else "fptosi"
        # Saturating, so that values out of range are not undefined behaviour.
        found = self.call(f"llvm.{op}.sat.{overload(self.type(wide))}.{overload(x.type)}", self.type(wide), x)
        if _HAS_INDEFINITE and after != "u8":
            limit = 2.0 ** (bits - 1)
            low, high = self.constant(-limit, before), self.constant(limit, before)
            inside = b.and_(b.fcmp_ordered(">=", x, low), b.fcmp_ordered("<", x, high))
            found = b.select(inside, found, self.constant(-(2 ** (bits - 1)), wide))
        return found if _BITS[after] >= 32 else b.trunc(found, self.type(after))

    def any(self, mask: Any) -> Any:
        """Whether a bit is set in any lane, as one bit."""
        return mask if self.lanes == 1 else self.call(f"llvm.vector.reduce.or.{overload(mask.type)}", _BIT, mask)

    def function(self, name: str, kind: str, count: int) -> Any:
        """The module's function of this name on `count` values like these, or None if it has none yet."""
        return self.module.globals.get(self._symbol(name, kind, count))

    def begin_function(self, name: str, kind: str, count: int) -> "tuple[Any, Code, Any]":
        """A new function of the module on `count` values like these: itself, what emits its body, its arguments."""
        values = ir.FunctionType(self.type(kind), [self.type(kind)] * count)
        function = ir.Function(self.module, values, self._symbol(name, kind, count))
        function.linkage = "internal"
        builder = ir.IRBuilder(function.append_basic_block())
        return function, Code(self.module, builder, self.lanes), function.args

    def _symbol(self, name: str, kind: str, count: int) -> str:
        return f"{name}.{kind}.{self.lanes}.{count}"

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        """The product of two values plus a third, rounded once."""
        return self.intrinsic("fma", x, y, z)

    def cast(self, x: Any, before: str, after: str) -> Any:
        """A value in another kind, by NumPy's rules."""
        target, b = self.type(after), self.builder
        if before == after:
            return x
        if after == "b1":
            zero = self.constant(0, before)
            return b.fcmp_unordered("!=", x, zero) if before[0] == "f" else b.icmp_signed("!=", x, zero)
        unsigned = before[0] in "ub"
        if before[0] == "f":
            if after[0] == "f":
                return b.fpext(x, target) if after == "f8" else b.fptrunc(x, target)
            return self._whole(x, before, after)
        if after[0] == "f":
            return b.uitofp(x, target) if unsigned else b.sitofp(x, target)
        if _BITS[before] == _BITS[after]:
            return x
        if _BITS[before] > _BITS[after]:
            return b.trunc(x, target)
        return b.zext(x, target) if unsigned else b.sext(x, target)


def overload(kind: Any) -> str:
    """The suffix by which LLVM names an intrinsic for a type."""
    if isinstance(kind, ir.VectorType):
        return f"v{kind.count}{overload(kind.element)}"
    if isinstance(kind, ir.PointerType):
        return "p0"
    if isinstance(kind, ir.FloatType):
        return "f32"
    return "f64" if isinstance(kind, ir.DoubleType) else f"i{kind.width}"


# -- elementwise operations --------------------------------------------------------------------------------------------


def _arithmetic(floating: str, whole: str) -> Emit:
    def emit(code: Code, kind: str, x: Any, y: Any) -> Any:
        return getattr(code.builder, floating if kind[0] == "f" else whole)(x, y)

    return emit


def _add(code: Code, kind: str, x: Any, y: Any) -> Any:
    # Two truths are true, as in NumPy; one bit would carry and be lost.
    return code.builder.or_(x, y) if kind == "b1" else _arithmetic("fadd", "add")(code, kind, x, y)


def _comparison(sign: str) -> Emit:
    def emit(code: Code, kind: str, x: Any, y: Any) -> Any:
        if kind[0] == "f":
            compare = code.builder.fcmp_unordered if sign == "!=" else code.builder.fcmp_ordered
            return compare(sign, x, y)
        signed = kind[0] == "i"
        return (code.builder.icmp_signed if signed else code.builder.icmp_unsigned)(sign, x, y)

    return emit


def _extreme(sign: str) -> Emit:
    def emit(code: Code, kind: str, x: Any, y: Any) -> Any:
        if kind[0] == "f":
            b = code.builder
            # x where it is larger or not a number, else y: NaN comes through from either side.
            keep = b.or_(b.fcmp_ordered(sign, x, y), b.fcmp_unordered("!=", x, x))
            return b.select(keep, x, y)
        if kind == "b1":
            return code.builder.or_(x, y) if sign == ">" else code.builder.and_(x, y)
        return code.builder.select(_comparison(sign)(code, kind, x, y), x, y)

    return emit


def _through(intrinsic: str) -> Emit:
    return lambda code, kind, x: code.intrinsic(intrinsic, x) if kind[0] == "f" else x


def _negative(code: Code, kind: str, x: Any) -> Any:
    return code.builder.fneg(x) if kind[0] == "f" else code.builder.neg(x)


def _absolute(code: Code, kind: str, x: Any) -> Any:
    if kind[0] == "f":
        return code.intrinsic("fabs", x)
    if kind[0] in "ub":
        return x
    return code.builder.select(code.builder.icmp_signed("<", x, code.constant(0, kind)), code.builder.neg(x), x)


def _sign(code: Code, kind: str, x: Any) -> Any:
    b, zero = code.builder, code.constant(0, kind)
    if kind[0] == "u":
        return b.select(b.icmp_unsigned(">", x, zero), code.constant(1, kind), zero)
    if kind[0] != "f":
        negative = b.select(b.icmp_signed("<", x, zero), code.constant(-1, kind), zero)
        return b.select(b.icmp_signed(">", x, zero), code.constant(1, kind), negative)
    positive = b.select(b.fcmp_ordered(">", x, zero), code.constant(1, kind), x)
    return b.select(b.fcmp_ordered("<", x, zero), code.constant(-1, kind), positive)


def _reciprocal(code: Code, kind: str, x: Any) -> Any:
    return code.builder.fdiv(code.constant(1, kind), x)


def _isfinite(code: Code, kind: str, x: Any) -> Any:
    if kind[0] != "f":
        return code.constant(1, "b1")
    return code.builder.fcmp_ordered("<", code.intrinsic("fabs", x), code.constant(float("inf"), kind))


def _isinf(code: Code, kind: str, x: Any) -> Any:
    if kind[0] != "f":
        return code.constant(0, "b1")
    return code.builder.fcmp_ordered("==", code.intrinsic("fabs", x), code.constant(float("inf"), kind))


def _isnan(code: Code, kind: str, x: Any) -> Any:
    return code.builder.fcmp_unordered("!=", x, x) if kind[0] == "f" else code.constant(0, "b1")


# How a reduction combines two values.
COMBINED = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}
OPERATIONS: dict[str, Emit] = {
    "add": _add,
    "subtract": _arithmetic("fsub", "sub"),
    "multiply": _arithmetic("fmul", "mul"),
    "divide": lambda code, kind, x, y: code.builder.fdiv(x, y),
    "negative": _negative,
    "positive": lambda code, kind, x: x,
    "absolute": _absolute,
    "fabs": _absolute,
    "sign": _sign,
    "square": lambda code, kind, x: _arithmetic("fmul", "mul")(code, kind, x, x),
    "reciprocal": _reciprocal,
    "maximum": _extreme(">"),
    "minimum": _extreme("<"),
    "less": _comparison("<"),
    "less_equal": _comparison("<="),
    "greater": _comparison(">"),
    "greater_equal": _comparison(">="),
    "equal": _comparison("=="),
    "not_equal": _comparison("!="),
    "isnan": _isnan,
    "isinf": _isinf,
    "isfinite": _isfinite,
    "logical_and": lambda code, kind, x, y: code.builder.and_(code.cast(x, kind, "b1"), code.cast(y, kind, "b1")),
    "logical_or": lambda code, kind, x, y: code.builder.or_(code.cast(x, kind, "b1"), code.cast(y, kind, "b1")),
    "logical_xor": lambda code, kind, x, y: code.builder.xor(code.cast(x, kind, "b1"), code.cast(y, kind, "b1")),
    "logical_not": lambda code, kind, x: code.builder.not_(code.cast(x, kind, "b1")),
    "bitwise_and": lambda code, kind, x, y: code.builder.and_(x, y),
    "bitwise_or": lambda code, kind, x, y: code.builder.or_(x, y),
    "bitwise_xor": lambda code, kind, x, y: code.builder.xor(x, y),
    "invert": lambda code, kind, x: code.builder.not_(x),
    "right_shift": lambda code, kind, x, y: (code.builder.lshr if kind[0] == "u" else code.builder.ashr)(x, y),
    "left_shift": lambda code, kind, x, y: code.builder.shl(x, y),
    "sqrt": _through("sqrt"),
    "floor": _through("floor"),
    "ceil": _through("ceil"),
    "trunc": _through("trunc"),
    "rint": _through("roundeven"),
    "floor_divide": division.floor_divide,
    "remainder": division.remainder,
    "fmod": division.fmod,
    "signbit": division.signbit,
}

# These are defined on floats alone.
_OF_FLOATS = {
    functions: "exp exp2 expm1 log log1p log2 log10 logaddexp power sigmoid tanh sinh cosh erf erfc",
    trigonometry: "sin cos tan arcsin arccos arctan arctan2 arcsinh arccosh arctanh hypot",
    division: "copysign heaviside",
}
OPERATIONS |= {name: getattr(module, name) for module, names in _OF_FLOATS.items() for name in names.split()}


def can_emit(op: str, kind: str) -> bool:
    """Whether there is an operation of this name on numbers of this kind."""
    return (
        op in OPERATIONS
        and kind in _BITS
        and (kind[0] == "f" or not any(op in names.split() for names in _OF_FLOATS.values()))
    )
