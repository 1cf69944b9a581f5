"""Trees of tensors and constants: taken apart and put together again."""

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.compiler.tree import Constant, constants, flatten, unflatten
from backlit.errors import ArgumentTypeError

Pair = namedtuple("Pair", "first second")


@dataclass
class Batch:
    inputs: Any
    weight: float = 1.0
    total: Any = field(init=False)

    def __post_init__(self) -> None:
        self.total = self.weight


@dataclass(frozen=True, slots=True)
class Slotted:
    first: Any
    second: Any


LEAVES = st.one_of(
    st.builds(lambda: backlit.zeros(1)), st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()
)
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.lists(parts),
        st.tuples(parts, parts),
        st.dictionaries(st.text(), parts),
        st.builds(Pair, parts, parts),
        st.builds(Batch, parts),
        st.builds(Slotted, parts, parts),
    ),
)


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, backlit.Tensor):
        return one is other
    if isinstance(one, dict):
        return type(one) is type(other) and list(one) == list(other) and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, Batch | Slotted):
        names = [f.name for f in fields(one)]
        return type(one) is type(other) and all(equal(getattr(one, n), getattr(other, n)) for n in names)
    return type(one) is type(other) and repr(one) == repr(other)


@given(TREES)
def test_there_and_back(tree: Any) -> None:
    tensors, skeleton = flatten(tree, "a tree")
    assert equal(unflatten(skeleton, iter(tensors)), tree)
    again = flatten(tree, "a tree")[1]
    assert again == skeleton
    assert hash(again) == hash(skeleton)


def test_what_is_equal_to_python_is_told_apart() -> None:
    kinds: list[Any] = [1, 1.0, True, 0, 0.0, -0.0, False, [1], (1,), Pair(1, 2), (1, 2), {"a": 1}, {"b": 1}, None, "1"]
    assert len({flatten(kind, "a tree")[1] for kind in kinds}) == len(kinds)


def test_what_is_equal_to_numpy_is_told_apart() -> None:
    kinds: list[Any] = [2, 2.0, np.int64(2), np.int8(2), np.float32(2), np.float64(2), {2: 1}, {2.0: 1}]
    assert len({flatten(kind, "a tree")[1] for kind in kinds}) == len(kinds)


def test_the_same_number_is_the_same() -> None:
    assert Constant(float("nan")) == Constant(float("nan"))
    assert Constant(np.float32("nan")) == Constant(np.float32("nan"))
    assert Constant(10**30) == Constant(10**30)


@pytest.mark.parametrize("tree", [OrderedDict(a=1), defaultdict(list, a=[1])])
def test_dicts_keep_their_kind(tree: Any) -> None:
    tensors, skeleton = flatten(tree, "a tree")
    assert equal(unflatten(skeleton, iter(tensors)), tree)


def test_one_tensor_in_several_places() -> None:
    x, y = backlit.ones(1), backlit.zeros(1)
    tensors, skeleton = flatten([x, {"a": (y, x)}, y], "a tree", once=True)
    assert len(tensors) == 2
    assert equal(unflatten(skeleton, iter(tensors)), [x, {"a": (y, x)}, y])
    assert skeleton != flatten([x, {"a": (y, y)}, y], "a tree", once=True)[1]


@pytest.mark.parametrize("once", [iter([1]), (n for n in (1, 2)), map(abs, (1, 2)), zip((1,), (2,), strict=True)])
def test_what_can_be_read_only_once_is_refused(once: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"a tree: .* can be read only once; make it a list"):
        flatten([once], "a tree")


def test_dataclasses_keep_what_else_they_hold() -> None:
    batch: Any = Batch(backlit.ones(1))
    batch.note = "first"
    tensors, skeleton = flatten(batch, "a tree")
    again = unflatten(skeleton, iter(tensors))
    assert vars(again).keys() == vars(batch).keys()
    assert again.inputs is batch.inputs
    batch.note = "second"
    assert flatten(batch, "a tree")[1] != skeleton


def test_constants_in_order() -> None:
    skeleton = flatten({"a": [1, backlit.zeros(1)], "b": (None, "x")}, "a tree")[1]
    assert list(constants(skeleton)) == [1, None, "x"]


@pytest.mark.parametrize(("leaf", "words"), [(np.zeros(1), "from_numpy"), (set(), "set is neither")])
def test_what_is_no_leaf(leaf: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError, match=rf"a tree: .*{words}"):
        flatten([leaf], "a tree")
