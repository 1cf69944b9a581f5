"""Types combine as in PyTorch: a table of every pair of operands, made by make_promotion_reference.py."""

import json
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit.errors import ArgumentTypeError, DtypeError

REFERENCE = json.loads(Path(__file__).with_name("promotion_reference.json").read_text(encoding="utf-8"))
NUMBERS = {"True": True, "1": 1, "1.0": 1.0}


def operand(name):
    if name in NUMBERS:
        return NUMBERS[name]
    kind, dims = name.split()
    return backlit.ones((1,) if dims == "1d" else (), dtype=getattr(backlit, kind))


def disagreements(table):
    """Pairs whose result type, asked for and as the type of a sum, is not the table's."""
    wrong = []
    for first, row in table.items():
        for second, expected in row.items():
            a, b = operand(first), operand(second)
            found = {backlit.result_type(a, b).name}
            if not (first in NUMBERS and second in NUMBERS):
                found.add((a + b).dtype.name)
            if found != {expected}:
                wrong.append((first, second, expected, found))
    return wrong


def test_every_pair_of_operands_has_pytorchs_result_type():
    assert disagreements(REFERENCE["result_type"]) == []


def test_a_wrong_entry_of_the_table_would_be_seen():
    planted = {"int64 1d": {"float32 0d": "int64"}}
    assert disagreements(planted) == [("int64 1d", "float32 0d", "int64", {"float32"})]


def test_conversions_that_keep_the_kind_are_pytorchs():
    for source, row in REFERENCE["can_cast"].items():
        for target, allowed in row.items():
            assert backlit.can_cast(getattr(backlit, source), getattr(backlit, target)) is allowed, (source, target)


def test_python_floats_follow_the_default_type():
    assert backlit.tensor(1.5).dtype is backlit.float32
    backlit.set_default_dtype(backlit.float64)
    try:
        assert backlit.tensor(1.5).dtype is backlit.float64
        assert (backlit.tensor(1) / 2).dtype is backlit.float64
        assert backlit.zeros(1).dtype is backlit.float64
    finally:
        backlit.set_default_dtype(backlit.float32)


def test_a_default_type_must_be_a_floating_point_type():
    with pytest.raises(ArgumentTypeError, match="floating-point"):
        backlit.set_default_dtype(backlit.int64)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([1j]), np.array([object()]), np.zeros(1, "M8[s]")])
def test_elements_that_are_no_numbers_are_refused(array):
    with pytest.raises(DtypeError, match="cannot hold"):
        backlit.from_numpy(array)


@pytest.mark.parametrize("name", ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"])
def test_a_type_survives_pickling_as_itself(name):
    import pickle

    kind = getattr(backlit, name)
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert repr(kind) == f"backlit.{name}"


def test_names_of_pytorch_for_the_same_types():
    assert backlit.float is backlit.float32
    assert backlit.double is backlit.float64
    assert backlit.half is backlit.float16
    assert backlit.long is backlit.int64
    assert backlit.int is backlit.int32
    assert backlit.short is backlit.int16
