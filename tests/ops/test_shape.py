"""Shapes against NumPy on arrays that Hypothesis makes up, and the words for those that do not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import backlit
from backlit.errors import ArgumentError, ArgumentTypeError, BacklitError, IndexRangeError, ShapeError

KINDS = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
ARRAYS = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), elements=st.floats(-9, 9)
)


def laid_out(array, data):
    """The same values, perhaps with other strides."""
    way = data.draw(st.sampled_from(["as it is", "transposed", "reversed", "every second"]))
    if way == "transposed":
        return array.T.copy().T
    if way == "reversed":
        return np.asarray(np.flip(np.flip(array).copy()))
    return np.repeat(array, 2, axis=-1)[..., ::2] if way == "every second" and array.ndim else array


def check(array, ours, theirs):
    """The result is NumPy's, and each gradient comes back to where the element came from."""
    leaf = backlit.from_numpy(array).requires_grad_()
    found, expected = ours(leaf), np.asarray(theirs(array))
    np.testing.assert_array_equal(found.detach().numpy(), expected)
    places = theirs(np.arange(array.size).reshape(array.shape))
    weight = np.cos(np.arange(expected.size, dtype=float)).reshape(expected.shape)
    gradient = np.zeros(array.size)
    np.add.at(gradient, places, weight)
    found.backward(backlit.from_numpy(weight))
    np.testing.assert_allclose(leaf.grad.numpy(), gradient.reshape(array.shape), atol=1e-13)


@given(ARRAYS, st.data())
def test_permute_and_reshape(array, data):
    order = data.draw(st.permutations(range(array.ndim)))
    shape = [array.shape[d] for d in order]
    array = laid_out(array, data)
    check(array, lambda x: x.permute(*order), lambda a: np.transpose(a, order))
    check(array, lambda x: x.permute(order).reshape(-1), lambda a: np.transpose(a, order).reshape(-1))
    check(array, lambda x: x.reshape(shape), lambda a: a.reshape(shape))
    check(array, lambda x: x.flatten(), lambda a: a.reshape(-1))
    check(array, lambda x: x.T, lambda a: a.T)


@given(ARRAYS, st.data())
def test_unsqueeze_squeeze_and_expand(array, data):
    array = laid_out(array, data)
    dim = data.draw(st.integers(-array.ndim - 1, array.ndim))
    check(array, lambda x: x.unsqueeze(dim), lambda a: np.expand_dims(a, dim))
    ones = tuple(d for d, size in enumerate(array.shape) if size == 1)
    check(array, lambda x: x.squeeze(), lambda a: np.squeeze(a, ones))
    shape = (2, *(3 if size == 1 else size for size in array.shape))
    check(array, lambda x: x.expand(shape), lambda a: np.broadcast_to(a, shape))
    check(array, lambda x: x.expand(2, *[-1] * array.ndim), lambda a: np.broadcast_to(a, (2, *a.shape)))


@given(ARRAYS, st.data())
def test_flip_roll_and_repeat(array, data):
    array = laid_out(array, data)
    dims = tuple(d for d in range(array.ndim) if data.draw(st.booleans()))
    shifts = tuple(data.draw(st.integers(-5, 5)) for _ in dims)
    times = tuple(data.draw(st.integers(0, 3)) for _ in range(array.ndim + 1))
    check(array, lambda x: x.flip(dims), lambda a: np.flip(a, dims))
    if dims:
        check(array, lambda x: x.roll(shifts, dims), lambda a: np.roll(a, shifts, dims))
    check(array, lambda x: x.repeat(*times), lambda a: np.tile(a, times))
    check(array, lambda x: x.repeat_interleave(2), lambda a: np.repeat(a, 2))


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=4)), st.data())
def test_diagonals(array, data):
    array = laid_out(np.nan_to_num(array), data)
    first, second = data.draw(st.permutations(range(array.ndim)))[:2]
    offset = data.draw(st.integers(-array.shape[first], array.shape[second]))
    check(array, lambda x: x.diagonal(offset, first, second), lambda a: np.diagonal(a, offset, first, second))


@given(ARRAYS, st.data())
def test_parts_put_together_again(array, data):
    if array.ndim:
        x = backlit.from_numpy(array)
        dim = data.draw(st.integers(-array.ndim, array.ndim - 1))
        for parts in (x.split(2, dim), x.chunk(3, dim), x.tensor_split(3, dim), x.tensor_split([1, 1, 2], dim)):
            np.testing.assert_array_equal(backlit.cat(parts, dim).numpy(), array)
        if array.shape[dim]:
            np.testing.assert_array_equal(backlit.stack(x.unbind(dim), dim).numpy(), array)
        check(array, lambda x: backlit.cat([x, x], dim), lambda a: np.concatenate([a, a], dim))
        check(array, lambda x: backlit.stack([x, x], dim), lambda a: np.stack([a, a], dim))


@pytest.mark.parametrize("kind", KINDS)
def test_the_type_of_the_elements_stays(kind):
    x = backlit.ones(2, 3, dtype=getattr(backlit, kind))
    results = [x.t(), x.reshape(6), x[None], x.expand(2, 2, 3), x.flip(0), x.roll(1), x.tril(), x.repeat(2, 2)]
    results += [x.diagonal(), backlit.cat([x, x]), backlit.stack([x, x]), *x.split(1), backlit.diag(x[0])]
    results += [backlit.nn.functional.pad(x, (1, 1)), x.gather(1, backlit.zeros(2, 1, dtype=backlit.int64))]
    assert {r.dtype for r in results} == {x.dtype}


X = backlit.zeros(2, 3)
WRONG = {
    "reshape": (lambda: X.reshape(4, -1), ShapeError, r"reshape: .*\[2, 3\].*\(4, -1\)"),
    "reshape kind": (lambda: X.reshape(2.0, 3), ArgumentTypeError, "reshape: sizes must be integers"),
    "expand": (lambda: X.expand(2, 4), ShapeError, r"expand: shape \(2, 3\) cannot become \(2, 4\)"),
    "expand to fewer": (lambda: X.expand(3), ShapeError, r"expand: shape \(2, 3\) cannot become \(3,\)"),
    "expand new -1": (lambda: X.expand(-1, 2, 3), ShapeError, r"cannot become \(-1, 2, 3\)"),
    "permute": (lambda: X.permute(0), ArgumentError, r"permute: dims \(0,\) must name each of the 2 dimensions"),
    "transpose": (lambda: X.transpose(0, 2), IndexRangeError, "transpose: dim 2 .* expected -2 to 1"),
    "transpose kind": (lambda: X.transpose("rows", 1), ArgumentTypeError, "transpose: dim must be an integer"),
    "flatten": (lambda: X.flatten(1, 0), ArgumentError, "flatten: start_dim 1 comes after end_dim 0"),
    "unflatten": (lambda: X.unflatten(1, (2, 2)), ShapeError, r"unflatten: sizes \(2, 2\) .* 3"),
    "movedim": (lambda: X.movedim(0, (0, 1)), ArgumentError, "movedim: 1 dimensions .* 2 places"),
    "t": (lambda: X[None].t(), ShapeError, r"t: .*\(1, 2, 3\).*permute"),
    "roll": (lambda: X.roll((1, 2), 0), ArgumentError, "roll: shifts .* differ in number"),
    "tril": (lambda: X[0].tril(), ShapeError, r"tril: expected at least two dimensions, got shape \(3,\)"),
    "diag": (lambda: backlit.diag(X[None]), ShapeError, r"diag: .*\(1, 2, 3\)"),
    "repeat": (lambda: X.repeat(2), ArgumentError, "repeat: 1 numbers for a tensor of 2"),
    "repeat -1": (lambda: X.repeat(-1, 1), ArgumentError, "repeat: .* -1 times"),
    "rot90": (lambda: X.rot90(1, (0,)), ArgumentError, "rot90: expected two dimensions"),
    "cat": (lambda: backlit.cat([X, X.t()]), ShapeError, r"cat: .*\[2, 3\], .*\[3, 2\]"),
    "cat kind": (lambda: backlit.cat([X, 1]), ArgumentTypeError, "cat: item 1 is a int"),
    "cat of nothing": (lambda: backlit.cat([]), ArgumentError, "cat: expected at least one tensor"),
    "stack": (lambda: backlit.stack([X, X.t()]), ShapeError, r"stack: .*\[2, 3\], .*\[3, 2\]"),
    "stack of no sequence": (lambda: backlit.stack(3), ArgumentTypeError, "stack: expected a sequence"),
    "split": (lambda: X.split([1, 2]), ArgumentError, r"split: sizes \(1, 2\) do not add up to 2"),
    "split size": (lambda: X.split(0), ArgumentError, "split: the size of a part must be positive"),
    "split scalar": (lambda: X[0, 0].split(1), ShapeError, "split: .*without dimensions"),
    "chunk": (lambda: X.chunk(0), ArgumentError, "chunk: .*positive"),
    "narrow": (lambda: X.narrow(1, 2, 2), IndexRangeError, "narrow: start 2 and length 2 .* size 3"),
    "meshgrid": (lambda: backlit.meshgrid(X), ShapeError, r"meshgrid: .*\(2, 3\)"),
    "meshgrid order": (lambda: backlit.meshgrid(X[0], indexing="ji"), ArgumentError, "'ij' or 'xy', got 'ji'"),
    "gather kind": (lambda: X.gather(1, X), BacklitError, r"gather: the index must be an integer.*long\(\)"),
    "gather list": (lambda: X.gather(1, [0]), ArgumentTypeError, "gather: .*got list"),
    "gather": (lambda: X.gather(1, backlit.tensor([[3]])), IndexRangeError, "gather: index 3 .* expected 0 to 2"),
    "scatter": (lambda: X.scatter(1, backlit.tensor([[-1]]), 1.0), IndexRangeError, "scatter: index -1 .* 0 to 2"),
    "scatter what": (lambda: X.scatter(1, backlit.tensor([[0]])), ArgumentError, "give either src or value"),
    "scatter how": (lambda: X.scatter(1, backlit.tensor([[0]]), 1.0, reduce="max"), ArgumentError, "None or 'add'"),
    "index_add": (lambda: X.index_add(0, backlit.tensor([0]), X), ShapeError, r"source has shape .*\(1, 3\)"),
    "index_select": (lambda: X.index_select(1, backlit.tensor([5])), IndexRangeError, "index_select: index 5"),
    "masked_fill": (lambda: X.masked_fill(X, 1.0), BacklitError, r"masked_fill: the mask must be a bool.*bool\(\)"),
    "masked_fill value": (lambda: X.masked_fill(X > 0, X), ShapeError, "masked_fill: the value must have no dim"),
    "pad": (lambda: backlit.nn.functional.pad(X, (1, 2, 3)), ArgumentError, "pad: expected an even number"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_explained(name):
    program, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        program()


def test_a_wrong_gradient_is_caught(monkeypatch):
    rule = backlit.core.primitive.Primitive.registry["permute"]._rules[0]
    monkeypatch.setattr(rule, "function", lambda g, dims: g.permute(dims))
    array = np.arange(6.0).reshape(1, 2, 3)
    with pytest.raises(BacklitError):
        check(array, lambda x: x.permute(1, 2, 0), lambda a: a.transpose(1, 2, 0))
