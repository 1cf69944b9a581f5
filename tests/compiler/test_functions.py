"""Functions in machine code against NumPy's, over every exponent, both signs, and the values that are special."""

import ctypes
import functools
import math

import llvmlite.ir as ir
import numpy as np
import pytest
import scipy.special

from backlit.compiler import division, functions, llvm, trigonometry
from backlit.compiler.reals import Function, function
from backlit.compiler.values import Code, item_size, memory_type

INF, NAN = np.inf, np.nan
WIDEST = {"f4": 16, "f8": 8}
# Where long doubles are no longer than doubles, the reference itself is off by as much as it is checked to.
SLACK = 0.0 if np.finfo(np.longdouble).eps < np.finfo(np.float64).eps else 1.0


@functools.cache
def native(emit, kind, lanes, inputs=1, result=None):
    """`emit` as a function of NumPy arrays whose length is a multiple of `lanes`."""
    result = result or kind
    pointer, size = ir.PointerType(), ir.IntType(64)
    module = ir.Module()
    built = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer] * (inputs + 1) + [size]), "loop")
    before, body, after = (built.append_basic_block() for _ in range(3))
    b = ir.IRBuilder(before)
    b.branch(body)
    b.position_at_end(body)
    i = b.phi(size)
    i.add_incoming(ir.Constant(size, 0), before)
    code = Code(module, b, lanes)
    values = []
    for argument in built.args[:inputs]:
        values.append(b.load(b.gep(argument, [i], source_etype=memory_type(kind)), typ=code.type(kind)))
        values[-1].align = item_size(kind)
    value = emit(code, kind, *values)
    if result == "b1":
        value = b.zext(value, ir.IntType(8) if lanes == 1 else ir.VectorType(ir.IntType(8), lanes))
    stored = b.store(value, b.gep(built.args[inputs], [i], source_etype=memory_type(result)))
    stored.align = item_size(result)
    following = b.add(i, ir.Constant(size, lanes))
    i.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, built.args[inputs + 1]), body, after)
    b.position_at_end(after)
    b.ret_void()
    library = llvm.Library([llvm.machine_code(str(module))], ("loop",), {})
    loop = library.function("loop", ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (inputs + 1), ctypes.c_int64))

    def run(*arrays):
        arrays = [np.ascontiguousarray(a, kind) for a in arrays]
        count = len(arrays[0])
        padded = [np.concatenate([a, np.ones(-count % lanes, kind)]) for a in arrays]
        out = np.empty(len(padded[0]), "?" if result == "b1" else result)
        loop(*(a.ctypes.data for a in padded), out.ctypes.data, len(out))
        return out[:count]

    run.library = library
    return run


def spread(kind):
    """Mantissas at the edges and at random in every exponent, of both signs; denormals and special values."""
    bits, exponents, unsigned = (23, 255, np.uint32) if kind == "f4" else (52, 2047, np.uint64)
    rng = np.random.default_rng(0)
    count = 40 if kind == "f4" else 8
    mantissas = [0, 1, 2 ** (bits - 1), 2**bits - 1, *rng.integers(0, 2**bits, count).tolist()]
    raw = (np.arange(exponents, dtype=unsigned)[:, None] << unsigned(bits)) | np.array(mantissas, unsigned)
    x = raw.ravel().view(kind)
    return np.concatenate([x, -x, np.array([0.0, -0.0, INF, -INF, NAN], kind)])


def samples(kind):
    """`spread`, and more where functions bend, overflow and underflow."""
    rng = np.random.default_rng(1)
    edges = (-104.5, -103.0, -88.0, -87.0, 88.5, 89.5) if kind == "f4" else (-746.0, -744.0, -709.0, 709.0, 711.0)
    parts = [rng.uniform(-1.5, 1.5, 3000), rng.uniform(-12, 12, 3000), rng.uniform(edges[0], edges[-1], 3000)]
    parts += [edge + rng.uniform(-1, 1, 200) for edge in edges]
    return np.concatenate([spread(kind), *(p.astype(kind) for p in parts)])


def error(got, exact):
    """The distance of each number from the exact one, in units in the last place of the rounded exact one."""
    kind = got.dtype
    with np.errstate(all="ignore"):
        rounded = exact.astype(kind)
        largest = np.finfo(kind).max
        unit = np.spacing(np.minimum(np.abs(rounded), largest)).astype(exact.dtype)
        distance = np.abs(got.astype(exact.dtype) - exact) / unit
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    # An overflow is right up to the rounding of the largest number.
    right = np.where(np.isfinite(rounded), np.minimum(distance, 0.5), 0.0)
    return np.where(same, right, np.nan_to_num(distance, nan=INF))


def assert_close(got, exact, units, *inputs):
    assert got.dtype == inputs[0].dtype
    off = error(got, exact)
    worst = int(off.argmax())
    place = [float(x[worst]) for x in inputs]
    assert off[worst] <= units, f"{off[worst]:.2f} units at {place}: {got[worst]} instead of {exact[worst]}"
    zero = (got == 0) & (exact == 0)
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(exact[zero]))


def exactly(name, kind, *inputs):
    """The reference: in 64 bits for 32, in long doubles or by the C library for 64."""
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            x = inputs[0].astype("f8" if kind == "f4" else np.longdouble)
            e = np.exp(-np.abs(x))
            return np.where(x < 0, e, 1) / (1 + e)
        if kind == "f4":
            return getattr(scipy.special if name in ("erf", "erfc") else np, name)(*(x.astype("f8") for x in inputs))
        if name in ("erf", "erfc"):
            return np.array([getattr(math, name)(x) for x in inputs[0].tolist()])
        return getattr(np, name)(*(x.astype(np.longdouble) for x in inputs))


# Name: units in the last place in 32 bits, in 64 bits.
LIMITS = {
    "exp": (1.0, 1.0),
    "exp2": (1.0, 1.0),
    "expm1": (1.5, 2.0),
    "log": (1.0, 1.0),
    "log1p": (1.0, 1.0),
    "log2": (0.51, 2.0),
    "log10": (0.51, 3.0),
    "tanh": (1.5, 1.5),
    "sigmoid": (1.6, 1.6),
    "sinh": (0.51, 3.0),
    "cosh": (0.51, 2.0),
    "erf": (1.5, 2.0),
    "erfc": (4.0, 4.0),
    "sin": (0.51, 2.0),
    "cos": (0.51, 2.0),
    "tan": (0.51, 4.0),
    "arcsin": (0.51, 3.0),
    "arccos": (0.51, 3.0),
    "arctan": (0.51, 2.0),
    "arcsinh": (0.51, 3.0),
    "arccosh": (0.51, 3.0),
    "arctanh": (0.51, 3.0),
}
CIRCULAR = {"sin", "cos", "tan"}


def emitter(name):
    return next(getattr(m, name) for m in (functions, trigonometry, division) if hasattr(m, name))


def inputs_of(name, kind):
    x = samples(kind)
    if name in CIRCULAR:
        far = np.random.default_rng(2).uniform(-1, 1, 5000) * (1e5 if kind == "f4" else 1e8)
        quarters = np.arange(-2000, 2000) * (np.pi / 2)
        x = np.concatenate([x, far.astype(kind), quarters.astype(kind)])
    return x


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("name", LIMITS)
def test_error_over_every_exponent(name, kind):
    x = inputs_of(name, kind)
    got = native(emitter(name), kind, WIDEST[kind])(x)
    limit = LIMITS[name][kind == "f8"]
    assert_close(got, exactly(name, kind, x), limit + (SLACK if kind == "f8" else 0.0), x)


@pytest.mark.parametrize("name", LIMITS)
def test_single_numbers_and_narrow_vectors_agree_with_wide_ones(name):
    for kind, narrow in (("f4", (1, 4, 8)), ("f8", (1, 4))):
        x = inputs_of(name, kind)[::7]
        wide = native(emitter(name), kind, WIDEST[kind])(x)
        for lanes in narrow[:: 1 if name == "exp" else 2]:
            np.testing.assert_array_equal(native(emitter(name), kind, lanes)(x), wide)


def pairs(kind):
    """Numbers of all sizes, whole and not, special ones with one another."""
    rng = np.random.default_rng(3)
    special = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1e-3, 1e20, -1e20, 1e-40, INF, -INF, NAN, 7.5]
    x, y = (a.ravel() for a in np.meshgrid(special, special))
    sizes = 10.0 ** rng.uniform(-4, 4, 4000) * rng.choice([-1, 1], 4000)
    whole = np.rint(rng.uniform(-40, 40, 4000))
    x = np.concatenate([x, sizes, sizes, whole, rng.uniform(-3, 3, 4000), rng.uniform(0, 3, 4000)])
    y = np.concatenate([y, sizes[::-1], whole, whole[::-1], rng.uniform(-3, 3, 4000), rng.uniform(-700, 700, 4000)])
    return x.astype(kind), y.astype(kind)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize(
    ("name", "single", "double"),
    [("power", 0.51, 2.0), ("arctan2", 0.51, 3.0), ("hypot", 0.51, 2.0), ("logaddexp", 2.0, 2.0), ("fmod", 0.5, 0.5)],
)
def test_functions_of_two_numbers(name, single, double, kind):
    x, y = pairs(kind)
    if name == "logaddexp":
        # Where the result is much smaller than what it is made of, its digits are lost to any formula.
        kept = ~(np.abs(exactly(name, kind, x, y)) < 0.5 * np.fmax(np.abs(x), np.abs(y)))
        x, y = x[kept], y[kept]
    for lanes in (WIDEST[kind], 1):
        got = native(emitter(name), kind, lanes, 2)(x, y)
        assert_close(got, exactly(name, kind, x, y), single if kind == "f4" else double + SLACK, x, y)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "copysign", "heaviside"])
def test_division_and_signs_are_numpys(name, kind):
    x, y = pairs(kind)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    for lanes in (WIDEST[kind], 1):
        got = native(emitter(name), kind, lanes, 2)(x, y)
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got[want == 0]), np.signbit(want[want == 0]))


@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "i8", "u1", "u8"])
@pytest.mark.parametrize("name", ["floor_divide", "remainder", "fmod"])
def test_division_of_integers_is_numpys(name, kind):
    info = np.iinfo(kind)
    edges = [0, 1, 2, 3, 7, 100, info.max, info.max - 1, info.min, info.min + 1]
    edges = np.array(edges + ([-1, -2, -3, -7, -100] if kind[0] == "i" else []), kind)
    x, y = (a.ravel() for a in np.meshgrid(edges, edges))
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    for lanes in (8, 1):
        np.testing.assert_array_equal(native(emitter(name), kind, lanes, 2)(x, y), want)


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "u1"])
def test_sign_bit_is_numpys(kind):
    x = spread(kind) if kind[0] == "f" else np.arange(-3, 4).astype(kind)
    for lanes in (8, 1):
        np.testing.assert_array_equal(native(division.signbit, kind, lanes, 1, "b1")(x), np.signbit(x))


def test_no_two_functions_of_a_program_have_one_name():
    """A program that used both would compute one of them twice."""
    found = {id(f): f for module in (division, functions, trigonometry) for f in vars(module).values()}
    names = [f.__name__ for f in found.values() if isinstance(f, Function)]
    assert len(names) > 20
    assert "<lambda>" not in names
    assert len(set(names)) == len(names)


def test_a_coefficient_that_is_wrong_in_its_eighth_digit_is_seen():
    wrong = function(lambda x: functions.exp.of(x) * (1 + 3e-7))
    x = samples("f4")
    with pytest.raises(AssertionError, match="units at"):
        assert_close(native(wrong, "f4", 16)(x), exactly("exp", "f4", x), LIMITS["exp"][0], x)


def test_a_nan_that_is_lost_is_seen():
    wrong = function(lambda x: (x == x).where(functions.tanh.of(x), 1.0))
    x = samples("f4")
    with pytest.raises(AssertionError, match="instead of nan"):
        assert_close(native(wrong, "f4", 16)(x), exactly("tanh", "f4", x), LIMITS["tanh"][0], x)
