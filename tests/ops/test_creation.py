"""New tensors have the values, types and shapes that PyTorch gives them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError


@pytest.mark.parametrize(
    ("data", "kind", "shape"),
    [
        (1, "int64", ()),
        (1.0, "float32", ()),
        (True, "bool", ()),
        ([1, 2.0], "float32", (2,)),
        ([True, 2], "int64", (2,)),
        ([[1], [2]], "int64", (2, 1)),
        ([], "float32", (0,)),
        ([[], []], "float32", (2, 0)),
        (np.float64(1), "float64", ()),
        ([np.float64(1)], "float64", (1,)),
        ([np.zeros(2)], "float64", (1, 2)),
        (np.int32(1), "int32", ()),
        (np.zeros((2, 3), np.float16), "float16", (2, 3)),
        ((1, 2), "int64", (2,)),
        (range(3), "int64", (3,)),
    ],
)
def test_the_type_follows_the_data_as_in_pytorch(data, kind, shape):
    found = backlit.tensor(data)
    assert found.dtype.name == kind
    assert found.shape == shape


def test_tensors_inside_data_and_copies():
    x = backlit.tensor([1.0, 2.0], dtype=backlit.float64, requires_grad=True)
    assert backlit.tensor([x[0], x[1]]).tolist() == [1.0, 2.0]
    assert backlit.tensor([[1.0, backlit.tensor(2.0)]]).tolist() == [[1.0, 2.0]]
    copied = backlit.tensor(x)
    assert not copied.requires_grad
    assert not np.shares_memory(copied.numpy(), x.detach().numpy())
    assert backlit.tensor([1, 2], dtype=backlit.float64, requires_grad=True).requires_grad


@pytest.mark.parametrize("data", ["text", ["a"], [None], object(), [1j], {"a": 1}])
def test_data_that_is_no_number_is_refused(data):
    with pytest.raises(TypeError):
        backlit.tensor(data)


def test_other_bad_data():
    with pytest.raises(ShapeError, match="unequal lengths"):
        backlit.tensor([[1, 2], [3]])
    with pytest.raises(DtypeError, match="tensor"):
        backlit.tensor([2**70])
    with pytest.raises(DtypeError, match="300"):
        backlit.tensor([300], dtype=backlit.uint8)
    with pytest.raises(ArgumentTypeError, match="from_numpy"):
        backlit.from_numpy([1, 2])
    with pytest.raises(ArgumentTypeError, match="data type"):
        backlit.tensor([1], dtype="colour")


def test_memory_is_shared_where_pytorch_shares_it():
    array = np.arange(3.0)
    for shared in (backlit.from_numpy(array), backlit.as_tensor(array)):
        assert np.shares_memory(shared.numpy(), array)
    assert not np.shares_memory(backlit.tensor(array).numpy(), array)
    assert not np.shares_memory(backlit.as_tensor(array, dtype=backlit.float32).numpy(), array)
    x = backlit.ones(2, requires_grad=True)
    assert backlit.as_tensor(x) is x


@pytest.mark.parametrize(("name", "value"), [("zeros", 0), ("ones", 1), ("empty", None)])
def test_filled_tensors(name, value):
    make = getattr(backlit, name)
    for found in (make(2, 3), make((2, 3)), make([2, 3]), make(backlit.Size([2, 3])), make(size=(2, 3))):
        assert found.shape == (2, 3)
        assert found.dtype is backlit.float32
    assert make(()).shape == make().shape == ()
    assert make(0, 3).numel() == 0
    assert make(2, dtype=backlit.int8, device="cpu").dtype is backlit.int8
    assert make(2, requires_grad=True).requires_grad
    if value is not None:
        assert make(2).tolist() == [value] * 2
    x = backlit.zeros(2, 3, dtype=backlit.float64)
    like, new = getattr(backlit, f"{name}_like")(x), getattr(x, f"new_{name}")(4)
    assert (like.shape, like.dtype) == ((2, 3), backlit.float64)
    assert (new.shape, new.dtype) == ((4,), backlit.float64)


def test_full():
    assert backlit.full((2,), 1).dtype is backlit.int64
    assert backlit.full((2,), True).dtype is backlit.bool
    assert backlit.full((2,), 1.5).tolist() == [1.5, 1.5]
    assert backlit.full((2,), 1, dtype=backlit.float64).dtype is backlit.float64
    assert backlit.full_like(backlit.zeros(2), 3).tolist() == [3.0, 3.0]
    assert backlit.zeros(1).new_full((2,), 3).tolist() == [3.0, 3.0]
    assert backlit.zeros(1).new_tensor([1, 2]).dtype is backlit.float32
    with pytest.raises(ArgumentTypeError, match="number"):
        backlit.full((2,), "x")


@pytest.mark.parametrize("bad", [(-1,), (2, -3)])
def test_negative_sizes_are_refused(bad):
    with pytest.raises(ShapeError, match="negative"):
        backlit.zeros(*bad)
    with pytest.raises(ArgumentTypeError, match="integers"):
        backlit.zeros(2.5)


@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-7, 7).filter(bool))
def test_integer_ranges_are_pythons(start, end, step):
    if (end - start) * step < 0:
        with pytest.raises(ArgumentError, match="do not lead"):
            backlit.arange(start, end, step)
        return
    found = backlit.arange(start, end, step)
    assert found.tolist() == list(range(start, end, step))
    assert found.dtype is backlit.int64


def test_other_ranges():
    assert backlit.arange(3).tolist() == backlit.arange(end=3).tolist() == [0, 1, 2]
    assert backlit.arange(0, 1, 0.25).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert backlit.arange(3.0).dtype is backlit.float32
    assert backlit.arange(3, dtype=backlit.float64).dtype is backlit.float64
    with pytest.raises(ArgumentError, match="steps of 0"):
        backlit.arange(0, 3, 0)
    with pytest.raises(ArgumentError, match="do not lead"):
        backlit.arange(0, float("inf"))


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 12))
def test_equal_steps_are_numpys(start, end, steps):
    found = backlit.linspace(start, end, steps, dtype=backlit.float64)
    np.testing.assert_allclose(found.numpy(), np.linspace(start, end, steps), rtol=1e-12, atol=1e-12)


def test_equal_ratios_and_the_identity():
    assert backlit.logspace(0, 2, 3).tolist() == [1.0, 10.0, 100.0]
    assert backlit.logspace(0, 3, 4, base=2).tolist() == [1.0, 2.0, 4.0, 8.0]
    assert backlit.eye(2, 3).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    assert backlit.eye(2, dtype=backlit.int64).tolist() == [[1, 0], [0, 1]]
    for bad in (lambda: backlit.eye(-1), lambda: backlit.linspace(0, 1, -1), lambda: backlit.logspace(0, 1, -1)):
        with pytest.raises(ShapeError, match="negative"):
            bad()


def test_limits_of_types():
    assert repr(backlit.finfo(backlit.float32)) == (
        "finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282e+38, eps=1.19209e-07, smallest_normal=1.17549e-38, "
        "tiny=1.17549e-38, dtype=float32)"
    )
    assert backlit.finfo().dtype == "float32"
    assert backlit.finfo(backlit.float64).eps == np.finfo(np.float64).eps
    assert repr(backlit.iinfo(backlit.int8)) == "iinfo(min=-128, max=127, dtype=int8)"
    with pytest.raises(DtypeError, match="iinfo"):
        backlit.finfo(backlit.int64)
    with pytest.raises(DtypeError, match="finfo"):
        backlit.iinfo(backlit.float32)


def test_questions():
    assert backlit.is_tensor(backlit.ones(1))
    assert not backlit.is_tensor([1])
    assert backlit.is_floating_point(backlit.ones(1))
    assert not backlit.is_complex(backlit.ones(1))
    assert backlit.is_nonzero(backlit.ones(1))
    assert backlit.numel(backlit.ones(2, 3)) == 6
    assert backlit.promote_types(backlit.int64, backlit.float16) is backlit.float16
    with pytest.raises(ShapeError, match="one element"):
        backlit.is_nonzero(backlit.ones(2))
