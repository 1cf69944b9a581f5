"""Indexing in all of NumPy's ways: values and gradients against NumPy's own, for keys that Hypothesis makes up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import backlit
from backlit.errors import GradientError, IndexRangeError, ShapeError

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


def numbered(shape):
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


@st.composite
def basic_keys(draw):
    """An array and a key of integers, slices (negative steps too), None and Ellipsis."""
    shape = draw(SHAPES)
    return numbered(shape), draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))


@st.composite
def picking_keys(draw):
    """An array and a key of index arrays that broadcast, on the first dimensions."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    dims = draw(st.integers(1, len(shape)))
    return numbered(shape), draw(hnp.integer_array_indices(shape[:dims], result_shape=hnp.array_shapes(max_dims=2)))


@st.composite
def mixed_keys(draw):
    """An array and a key of slices, Nones and one index array or mask."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    dim = draw(st.integers(0, len(shape) - 1))
    size = shape[dim]
    picks = hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=3), elements=st.integers(-size, size - 1))
    key = [draw(st.slices(n)) for n in shape]
    key[dim] = draw(st.one_of(picks, hnp.arrays(bool, size)))
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), None)
    return numbered(shape), tuple(key)


def as_tensors(key):
    entries = key if isinstance(key, tuple) else (key,)
    return tuple(backlit.from_numpy(np.array(e)) if isinstance(e, np.ndarray) else e for e in entries)


def check_reading(x, key, own_key):
    leaf = backlit.from_numpy(x.copy()).requires_grad_()
    expected = np.asarray(x[key])
    found = leaf[own_key]
    np.testing.assert_array_equal(found.detach().numpy(), expected)
    assert found.dtype == leaf.dtype
    weight = np.cos(np.arange(expected.size, dtype=float)).reshape(expected.shape)
    (found * backlit.from_numpy(weight)).sum().backward()
    gradient = np.zeros_like(x)
    np.add.at(gradient, key, weight)
    np.testing.assert_allclose(leaf.grad.numpy(), gradient, atol=1e-14)


def check_writing(x, key, own_key):
    """Writing, without a gradient and with one: places are written once here, for NumPy's order is not promised."""
    part = np.asarray(x[key])
    values = np.arange(100.0, 100.0 + part.size).reshape(part.shape)
    expected = x.copy()
    expected[key] = values
    plain = backlit.from_numpy(x.copy())
    plain[own_key] = backlit.from_numpy(values)
    np.testing.assert_array_equal(plain.numpy(), expected)
    source = backlit.from_numpy(values).requires_grad_()
    taped = backlit.from_numpy(x.copy()).requires_grad_()
    written = taped.clone()
    written[own_key] = source
    np.testing.assert_array_equal(written.detach().numpy(), expected)
    (written * written).sum().backward()
    untouched = np.ones_like(x)
    untouched[key] = 0
    np.testing.assert_array_equal(taped.grad.numpy(), 2 * x * untouched)
    np.testing.assert_array_equal(source.grad.numpy(), 2 * np.asarray(expected[key]))


@given(basic_keys())
def test_basic_keys_read(case):
    check_reading(*case, case[1])


@given(basic_keys())
def test_basic_keys_write(case):
    check_writing(*case, case[1])


@given(picking_keys())
def test_index_tensors_read(case):
    check_reading(*case, as_tensors(case[1]))


@given(mixed_keys())
def test_mixed_keys_read(case):
    check_reading(*case, as_tensors(case[1]))


@given(mixed_keys())
def test_mixed_keys_write(case):
    x, key = case
    if np.unique(numbered(x.shape)[key]).size == x[key].size:
        check_writing(x, key, as_tensors(key))


@given(SHAPES, st.data())
def test_masks(shape, data):
    x = numbered(shape)
    mask = data.draw(hnp.arrays(bool, shape[: data.draw(st.integers(1, len(shape)))]))
    check_reading(x, mask, as_tensors(mask))
    check_writing(x, mask, as_tensors(mask))


@pytest.mark.parametrize("kind", ["int8", "int32", "int64", "uint8"])
def test_every_integer_type_is_an_index(kind):
    x = backlit.arange(6.0).reshape(3, 2)
    index = np.array([2, 0], dtype=kind)
    assert x[backlit.from_numpy(index)].tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert x[index].tolist() == x[index.tolist()].tolist() == x[range(2, -1, -2)].tolist()


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_the_type_of_the_elements_stays(kind):
    x = backlit.ones(3, 2, dtype=getattr(backlit, kind))
    assert x[1:].dtype == x[[0, 2]].dtype == x[x > 0].dtype == x.dtype


def test_numbers_are_converted_when_written():
    x = backlit.zeros(3, dtype=backlit.int64)
    x[0], x[1], x[2] = 1.7, backlit.tensor(2.9), True
    assert x.tolist() == [1, 2, 1]
    y = backlit.zeros(2, dtype=backlit.float64)
    y[:] = [0.1, 0.2]
    assert y.tolist() == [0.1, 0.2]
    y[0] = 0.3
    assert y.tolist() == [0.3, 0.2]


def test_an_integer_applies_before_an_index_tensor():
    x = backlit.arange(24.0).reshape(2, 3, 4)
    assert x[0, :, [1, 2]].shape == (3, 2)
    assert x[0, :, [1, 2]].tolist() == x[0][:, [1, 2]].tolist()


KEYS_OUT_OF_RANGE = [3, -4, (0, 4), (slice(None), -5), [0, 3], (slice(None), [4]), ([0, 1], [0, 4]), (0, [9])]


@pytest.mark.parametrize("key", KEYS_OUT_OF_RANGE, ids=str)
def test_an_index_out_of_range_is_named_and_nothing_changes(key):
    x = backlit.arange(12.0).reshape(3, 4)
    with pytest.raises(IndexRangeError, match=r"index -?\d is out of bounds .* size \d") as error:
        x[key]
    assert isinstance(error.value, IndexError)
    for needed in (False, True):
        y = x.clone().requires_grad_(needed)
        y = y * 1
        with pytest.raises(IndexRangeError, match="out of bounds"):
            y[key] = 7.0
        assert y.tolist() == x.tolist()
        assert y._version == 0


@pytest.mark.parametrize("needed", [False, True])
def test_nothing_can_be_picked_from_nothing(needed):
    x = backlit.zeros(0, 3).requires_grad_(needed).clone()
    with pytest.raises(IndexRangeError, match="non-empty take from an empty"):
        x[[0]]
    with pytest.raises(IndexRangeError, match="out of bounds"):
        x[[0]] = 1.0
    assert x[[]].shape == (0, 3)
    x[[]] = 1.0


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ((0, 0, 0), r"too many indices: 3 for a tensor of shape \(3, 4\)"),
        (1.5, "integers or booleans.*float"),
        ("name", "integers or booleans"),
        (slice(0.5, None), "slice bounds must be integers"),
        ((Ellipsis, Ellipsis), "only one Ellipsis"),
        (np.ones(4, bool), r"mask of shape \(4,\) does not fit dimensions 0 to 0 .*\(3, 4\)"),
        (([0, 1], [0, 1, 2]), r"broadcast.*\(2,\),? \(3,\)|\(2,\), \(3,\) do not broadcast"),
    ],
    ids=str,
)
def test_a_key_that_cannot_index_is_explained(key, words):
    x = backlit.zeros(3, 4)
    with pytest.raises(IndexRangeError, match=words):
        x[key]
    with pytest.raises(IndexRangeError, match=words):
        x[key] = 1.0


@pytest.mark.parametrize("key", [0, slice(1), [0, 2], (slice(None), [1, 2, 3])], ids=str)
@pytest.mark.parametrize("needed", [False, True])
def test_values_of_another_shape_change_nothing(key, needed):
    x = backlit.zeros(3, 4).requires_grad_(needed).clone()
    with pytest.raises(ShapeError):
        x[key] = backlit.ones(5)
    assert x.tolist() == backlit.zeros(3, 4).tolist()


def test_memory_that_cannot_be_written():
    x = backlit.zeros(1, 3).expand(2, 3)
    with pytest.raises(ShapeError, match="clone"):
        x[0] = 1.0
    with pytest.raises(ShapeError, match="clone"):
        x[[0]] = 1.0


def test_a_leaf_is_not_written_while_operations_are_taped():
    x = backlit.zeros(2, 3, requires_grad=True)
    for key in (0, [0], x > 1):
        with pytest.raises(GradientError, match="no_grad"):
            x[key] = 1.0
    with backlit.no_grad():
        x[0] = 1.0
    assert x.tolist() == [[1.0] * 3, [0.0] * 3]


def test_a_write_is_counted_and_named():
    x = backlit.ones(3, requires_grad=True)
    y = x * 1
    z = y * y
    with backlit.no_grad():
        y[0] = 5.0
    with pytest.raises(GradientError, match="`setitem` changed it"):
        z.sum().backward()


def test_recorded_values_stay_as_they_were():
    with backlit.record() as recording:
        x = backlit.zeros(3)
        y = x * 2
        y[0] = 5.0
    assert [b.primitive.name for b in recording.bindings][:2] == ["full", "mul"]
    assert recording.bindings[1].record.outputs[0].array.tolist() == [0.0, 0.0, 0.0]
    assert y.tolist() == [5.0, 0.0, 0.0]


def test_a_wrong_gradient_is_caught(monkeypatch):
    rule = backlit.core.primitive.Primitive.registry["index_select"]._rules[0]
    right = rule.function
    monkeypatch.setattr(rule, "function", lambda g, index, x_shape, dim: right(g * 2, index, x_shape, dim))
    with pytest.raises(AssertionError):
        check_reading(numbered((3, 2)), np.array([0, 0, 2]), as_tensors(np.array([0, 0, 2])))
