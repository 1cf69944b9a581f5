"""What a tensor says of itself, how it converts, copies and travels."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import backlit
from backlit.errors import ArgumentTypeError, DeviceError, GradientError, MissingNameError, ShapeError

KINDS = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))))
def test_a_tensor_and_its_array_say_the_same(array):
    tensor = backlit.from_numpy(array)
    assert tensor.shape == tensor.size() == array.shape
    assert tensor.ndim == tensor.dim() == array.ndim
    assert tensor.numel() == tensor.nelement() == array.size
    assert tensor.nbytes == array.nbytes
    assert tensor.itemsize == tensor.element_size() == array.itemsize
    assert tensor.dtype.name == array.dtype.name
    assert tensor.is_floating_point() == (array.dtype.kind == "f")
    assert np.asarray(tensor) is not None
    np.testing.assert_array_equal(tensor.numpy(), array)
    np.testing.assert_equal(tensor.tolist(), array.tolist())
    if array.ndim:
        assert len(tensor) == len(array)


def test_a_shape_is_a_tuple_that_counts():
    shape = backlit.zeros(2, 3, 4).shape
    assert shape == (2, 3, 4)
    assert shape.numel() == 24
    assert repr(shape[1:]) == "backlit.Size([3, 4])"
    assert isinstance(shape + shape, backlit.Size)
    assert shape[-1] == backlit.zeros(2, 3, 4).size(-1) == 4
    assert hash(shape) == hash((2, 3, 4))


def test_strides_count_elements():
    x = backlit.zeros(2, 3)
    assert x.stride() == (3, 1)
    assert x.t().stride(0) == 1
    assert x.is_contiguous()
    assert not x.t().is_contiguous()
    assert x.data_ptr() == x.t().data_ptr()


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("float", "float32"),
        ("double", "float64"),
        ("half", "float16"),
        ("long", "int64"),
        ("int", "int32"),
        ("short", "int16"),
        ("char", "int8"),
        ("byte", "uint8"),
        ("bool", "bool"),
    ],
)
def test_conversions_by_name(method, kind):
    x = backlit.tensor([0.0, 1.0, 2.0])
    for changed in (getattr(x, method)(), x.to(getattr(backlit, kind)), x.type(getattr(backlit, kind))):
        assert changed.dtype.name == kind
        assert changed.tolist() == np.array([0, 1, 2]).astype(kind).tolist()


def test_what_to_takes():
    x = backlit.ones(2)
    assert x.to("cpu") is x.to(backlit.device("cpu")) is x.to(backlit.float32) is x.cpu() is x
    assert x.to(x.double()).dtype is backlit.float64
    assert x.to("cpu", backlit.float64).dtype is backlit.float64
    assert x.to(device="cpu", dtype=backlit.int64, non_blocking=True).dtype is backlit.int64
    assert x.to("cpu", backlit.float64, True).dtype is backlit.float64
    apart = x.to(backlit.float32, copy=True)
    assert apart is not x
    assert not np.shares_memory(apart.numpy(), x.numpy())
    assert x.type() == "backlit.FloatTensor"
    assert x.type_as(x.long()).dtype is backlit.int64
    with pytest.raises(DeviceError, match="'float'"):
        x.to("float")
    with pytest.raises(ArgumentTypeError):
        x.to(1.5)


@pytest.mark.parametrize("place", ["cuda", "cuda:0", "mps", "gpu"])
def test_other_devices_are_refused_with_a_way_out(place):
    for attempt in (lambda: backlit.zeros(2, device=place), lambda: backlit.ones(2).to(place), backlit.ones(2).cuda):
        with pytest.raises(DeviceError, match="processor"):
            attempt()
    assert not backlit.cuda.is_available()
    assert not backlit.accelerator.is_available()


def test_devices_compare_and_print():
    assert backlit.device("cpu") == backlit.zeros(1).device
    assert backlit.device("cpu:1").index == backlit.device("cpu", 1).index == 1
    assert str(backlit.device("cpu:1")) == "cpu:1"
    assert repr(backlit.device("cpu:1")) == "device(type='cpu', index=1)"
    assert pickle.loads(pickle.dumps(backlit.device("cpu", 1))) == backlit.device("cpu:1")
    with pytest.raises(DeviceError, match="number"):
        backlit.device("cpu:x")


def test_gradients_flow_through_conversions_and_copies():
    x = backlit.tensor([1.0, 2.0], requires_grad=True)
    (x.double() * 3).sum().backward()
    x.clone().sum().backward()
    assert x.grad.dtype is backlit.float32
    assert x.grad.tolist() == [4.0, 4.0]


def test_numbers_of_one_element():
    assert backlit.tensor(2.5).item() == 2.5
    assert float(backlit.tensor([[2.5]])) == 2.5
    assert int(backlit.tensor(3)) == 3
    assert bool(backlit.tensor([0])) is False
    assert [10, 20, 30][backlit.tensor(1)] == 20
    assert f"{backlit.tensor(2.5):.3f}" == "2.500"
    with pytest.raises(ShapeError, match="item"):
        backlit.zeros(2).item()
    with pytest.raises(ShapeError, match="any"):
        bool(backlit.zeros(2))
    with pytest.raises(ArgumentTypeError, match="index"):
        [1][backlit.tensor(0.0)]
    with pytest.raises(ArgumentTypeError, match="length"):
        len(backlit.tensor(1))
    with pytest.raises(ArgumentTypeError, match="rows"):
        iter(backlit.tensor(1))


def test_rows_and_membership():
    x = backlit.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [row.tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert 3.0 in x
    assert 5.0 not in x
    assert len({x, x, x.clone()}) == 2


def test_arrays_of_tensors_that_need_a_gradient_are_refused():
    x = backlit.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match="detach"):
        x.numpy()
    with pytest.raises(GradientError, match="detach"):
        np.asarray(x)
    assert x.numpy(force=True).tolist() == x.tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(np.asarray(x.detach(), dtype=np.float64), [1.0, 2.0])
    assert isinstance(np.ones(2) * x.detach(), backlit.Tensor)


def test_a_copy_of_a_leaf_is_a_leaf():
    x = backlit.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    pair = copy.deepcopy([x, x])
    assert pair[0] is pair[1]
    assert pair[0].requires_grad
    assert pair[0].grad.tolist() == [2.0, 4.0]
    with backlit.no_grad():
        pair[0].add_(1)
        pair[0].grad.add_(1)
    assert x.tolist() == [1.0, 2.0]
    assert x.grad.tolist() == [2.0, 4.0]
    with pytest.raises(GradientError, match="history"):
        copy.deepcopy(x * 2)


def test_what_is_set_on_a_tensor_travels_with_it():
    x = backlit.ones(1)
    x.label = ["weight"]
    twin, back = copy.deepcopy(x), pickle.loads(pickle.dumps(x))
    assert twin.label == back.label == x.label
    assert twin.label is not x.label


def test_a_tensor_is_pickled_with_its_values_and_its_wish_for_gradients():
    for x in (backlit.tensor([1.0], requires_grad=True), backlit.arange(6).reshape(2, 3).t()):
        back = pickle.loads(pickle.dumps(x))
        assert back.tolist() == x.tolist()
        assert back.dtype is x.dtype
        assert back.requires_grad == x.requires_grad


def test_leaves_and_history():
    x = backlit.ones(2, requires_grad=True)
    y = x * 2
    assert (x.is_leaf, y.is_leaf, x.grad_fn) == (True, False, None)
    assert y.grad_fn.name() == "MulBackward0"
    assert y.grad_fn == y.grad_fn
    (leaf, _), *_ = y.grad_fn.next_functions
    assert leaf.variable is x
    assert repr((y + y).grad_fn.next_functions[0][0]) == "<MulBackward0>"
    assert not y.detach().requires_grad
    assert y.detach_() is y
    assert y.is_leaf
    with pytest.raises(GradientError, match="floating-point"):
        backlit.ones(2, dtype=backlit.int64).requires_grad_()
    with pytest.raises(GradientError, match="detach"):
        (x * 2).requires_grad_(False)


def test_the_constructor_makes_the_default_type():
    assert backlit.Tensor(2, 3).shape == (2, 3)
    assert backlit.Tensor().shape == (0,)
    assert backlit.Tensor([1, 2]).dtype is backlit.float32
    assert backlit.Tensor(np.array([1, 2])).tolist() == [1.0, 2.0]


def test_a_method_that_does_not_exist_is_answered_with_the_nearest():
    x = backlit.ones(2)
    with pytest.raises(MissingNameError, match=r"no 'mena'.*PyTorch has no such name either.*'mean'"):
        x.mena()
    with pytest.raises(MissingNameError, match=r"PyTorch has it, backlit does not"):
        x.coalesce()
    assert not hasattr(x, "coalesce")
    assert getattr(x, "__array_interface__", None) is None


def test_small_questions():
    x = backlit.arange(6.0).reshape(2, 3)
    assert (x.is_cpu, x.is_cuda, x.get_device(), x.ndimension()) == (True, False, -1, 2)
    assert x[1].storage_offset() == 3
    assert backlit.ones(1).is_nonzero()
    assert not x.is_inference()
    with backlit.inference_mode():
        assert backlit.ones(1).is_inference()
    assert backlit.broadcast_shapes((2, 1), (3,)) == (2, 3)
    with pytest.raises(ShapeError, match="broadcast_shapes"):
        backlit.broadcast_shapes((2,), (3,))


def test_copies_as_functions():
    x = backlit.ones(2, requires_grad=True)
    assert backlit.clone(x).requires_grad
    assert not backlit.detach(x).requires_grad
    array = np.zeros(2)
    assert np.shares_memory(backlit.asarray(array).numpy(), array)
    assert not np.shares_memory(backlit.asarray(array, copy=True).numpy(), array)
    assert backlit.asarray([1.0], requires_grad=True).requires_grad
