"""Where results are defined by what processors and NumPy do: compiled code gives what eager code gives."""

import numpy as np
import pytest

import backlit
from backlit import compile
from backlit.compiler import cache, values
from backlit.errors import NonFiniteError

FLOATS = [np.nan, np.inf, -np.inf, 0.5, -0.5, 127.9, 128.0, -129.0, 255.0, 256.0, 300.0, 70000.0, -1.0]
FLOATS += [2.0**31 - 128, 2.0**31, -(2.0**31), 2.0**62, 2.0**63, -(2.0**63), 1e30, -1e30]


@pytest.mark.parametrize("dtype", [backlit.uint8, backlit.int8, backlit.int16, backlit.int32, backlit.int64])
@pytest.mark.parametrize("floats", [backlit.float32, backlit.float64])
def test_floats_as_integers(floats, dtype):
    with np.errstate(invalid="ignore"):
        for count in (1, 3, len(FLOATS)):
            x = backlit.tensor(FLOATS[:count], dtype=floats)
            np.testing.assert_array_equal(compile(lambda x: x.to(dtype))(x).numpy(), x.to(dtype).numpy())


def test_a_cast_by_another_processors_rule_would_be_seen(monkeypatch):
    monkeypatch.setattr(values, "_HAS_INDEFINITE", not values._HAS_INDEFINITE)
    monkeypatch.setattr(cache, "load", lambda key: None)
    monkeypatch.setattr(cache, "save", lambda key, code: None)
    x = backlit.tensor(FLOATS, dtype=backlit.float64)
    with np.errstate(invalid="ignore"):
        # No other test's program, whose code would be taken from the cache.
        eager, compiled = x.to(backlit.int32), compile(lambda x: (x + 0.25).to(backlit.int32))(x)
    assert not np.array_equal(eager.numpy(), compiled.numpy())


@pytest.mark.parametrize("exponent", [0.5, -0.5, 2, 3, -1, 0, 1 / 3])
def test_powers_of_zeros_and_infinities(exponent):
    x = backlit.tensor([-np.inf, -0.0, 0.0, np.inf, np.nan, -1.0, 4.0], dtype=backlit.float64)
    with np.errstate(all="ignore"):
        expected, found = (x**exponent).numpy(), compile(lambda x: x**exponent)(x).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    numbers = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[numbers]), np.signbit(expected[numbers]))


DIVISIONS = {
    "floor_divide": lambda x, y: x // y,
    "remainder": lambda x, y: x % y,
    "fmod": lambda x, y: backlit.fmod(x, y),
    "the number": lambda x, y: x // 0,
}


@pytest.mark.parametrize("name", DIVISIONS)
@pytest.mark.parametrize("size", [1, 4, 37])
def test_integers_divided_by_zero(name, size):
    x, y = backlit.arange(size), backlit.ones(size, dtype=backlit.int64)
    divided = compile(DIVISIONS[name])
    if name != "the number":
        np.testing.assert_array_equal(divided(x, y).numpy(), DIVISIONS[name](x, y).numpy())
    y[size - 1] = 0
    for run in (DIVISIONS[name], divided):
        with pytest.raises(NonFiniteError, match=r"zero.*\.float\(\)"):
            run(x, y)


def test_a_division_by_zero_leaves_everything_as_it_was():
    count = backlit.zeros(1)

    @compile
    def counted(x, y):
        count.add_(1)
        return x // y

    counted(backlit.tensor([6]), backlit.tensor([3]))
    with pytest.raises(NonFiniteError):
        counted(backlit.tensor([6]), backlit.tensor([0]))
    assert count.item() == 1
    assert counted(backlit.tensor([6]), backlit.tensor([4])).item() == 1


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_of_any_size(name):
    x = backlit.tensor([1.0, 1e15, -1e16, 1e22, 1e300, -3e307], dtype=backlit.float64)
    function = getattr(backlit, name)
    np.testing.assert_allclose(compile(lambda x: function(x))(x).numpy(), function(x).numpy(), rtol=1e-12)


@pytest.mark.parametrize("kind", ["int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize(
    "shapes", [((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4, 5)), ((1, 70), (70, 33))]
)
def test_products_of_integers_wrap_and_are_native(kind, shapes):
    rng = np.random.default_rng(0)
    x, y = (backlit.from_numpy(rng.integers(0, 100, shape).astype(kind)) for shape in shapes)
    product = compile(lambda x, y: x @ y)
    found, expected = product(x, y), x @ y
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert not product.explain().called_back


@pytest.mark.parametrize("dtype", [backlit.float32, backlit.float64])
def test_quotients_and_remainders_in_one_program(dtype):
    x = backlit.tensor([-3.5, -1.0, -0.3, 0.0, 0.7, 2.0, 9.9], dtype=dtype)

    def function(x):
        return x % 2, x // 0.5, x % 0.5, x // 2, backlit.fmod(x, 2)

    for found, expected in zip(compile(function)(x), function(x), strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
