"""Tensors print as PyTorch prints them: reference texts made by make_printing_reference.py."""

import json
from pathlib import Path

import numpy as np
import pytest

import backlit

REFERENCE = json.loads(Path(__file__).with_name("printing_reference.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def usual_options():
    with backlit.printoptions(profile="default", sci_mode=None):
        yield


def values(text):
    return eval(text, {"arange": np.arange, "zeros": np.zeros, "nan": np.nan, "inf": np.inf})


def as_torch(text):
    return text.replace("backlit.", "torch.")


@pytest.mark.parametrize(("text", "kind", "options", "expected"), REFERENCE["arrays"])
def test_values_print_as_in_pytorch(text, kind, options, expected):
    tensor = backlit.tensor(values(text), dtype=getattr(backlit, kind))
    with backlit.printoptions(**options):
        assert as_torch(repr(tensor)) == expected


@pytest.mark.parametrize(("program", "expected"), REFERENCE["programs"])
def test_programs_print_as_in_pytorch(program, expected):
    assert as_torch(str(eval(program, {"torch": backlit}))) == expected


def test_printing_after_a_block_of_other_options_is_as_before():
    before = backlit.get_printoptions()
    with backlit.printoptions(precision=9, sci_mode=True):
        assert repr(backlit.tensor(0.5)) == "tensor(5.000000000e-01)"
    assert backlit.get_printoptions() == before


def test_an_unknown_profile_is_named_with_the_nearest():
    with pytest.raises(backlit.errors.ArgumentError, match="did you mean 'short'"):
        backlit.set_printoptions(profile="shrt")


def test_the_options_hold_for_the_default_type():
    backlit.set_default_dtype(backlit.float64)
    try:
        assert repr(backlit.tensor([1.5])) == "tensor([1.5000])"
        assert repr(backlit.tensor([1.5], dtype=backlit.float32)) == "tensor([1.5000], dtype=backlit.float32)"
    finally:
        backlit.set_default_dtype(backlit.float32)
