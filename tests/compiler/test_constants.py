"""Numbers that Python calls equal make different programs: 1, 1.0 and True; 0.0 and -0.0."""

from typing import Any

import numpy as np
import pytest

import backlit as bl
from backlit.compiler.compiled import compile


def times(x: Any, factor: Any) -> Any:
    return x * factor


@pytest.mark.parametrize("factors", [(1, 1.0, True), (True, 1, 1.0), (1.0, True, 1)])
def test_the_type_of_a_number_counts(factors: tuple[Any, ...]) -> None:
    compiled = compile(times)
    x = bl.tensor([1, 2])
    for factor in factors:
        found, expected = compiled(x, factor), times(x, factor)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_numbers_inside_a_tuple_count() -> None:
    compiled = compile(lambda x, numbers: x * numbers[0])
    x = bl.tensor([1, 2])
    assert compiled(x, (1,)).dtype == bl.int64
    assert compiled(x, (1.0,)).dtype == bl.float32


def test_the_sign_of_zero_counts_in_an_argument() -> None:
    compiled = compile(times)
    x = bl.tensor([1.0, 2.0])
    for zero in (0.0, -0.0, 0.0):
        np.testing.assert_array_equal(np.signbit(compiled(x, zero).numpy()), np.signbit([zero, zero]))


def test_both_zeros_live_in_one_program() -> None:
    both = compile(lambda x: (x * 0.0, x * -0.0, x * 0.0))
    signs = [np.signbit(y.numpy()).tolist() for y in both(bl.tensor([1.0, 2.0]))]
    assert signs == [[False, False], [True, True], [False, False]]


def test_an_array_of_constants_is_looked_up() -> None:
    """Made while the program is traced, by a step that has no arguments."""
    places = np.arange(40)[::-1].copy()
    x = bl.rand(3, 1, 40)
    found = compile(lambda z: z.index_select(2, bl.tensor(places)) + 1)(x)
    np.testing.assert_array_equal(found.numpy(), x.numpy()[:, :, ::-1] + 1)
