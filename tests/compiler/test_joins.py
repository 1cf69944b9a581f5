"""What is joined in machine code is what NumPy joins, along any dimension and on any number of threads."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlit.compiler import joins
from backlit.compiler.program import Program, ProgramBuilder
from tests.compiler.evaluation import ends, native


def joined(around: list[int], dim: int, lengths: list[int], computed: bool) -> tuple[Program, list[Any]]:
    """A program that joins arrays of these lengths, and such arrays."""
    builder, rng = ProgramBuilder(), np.random.default_rng(0)
    arrays = [rng.normal(size=(*around[:dim], n, *around[dim:])).astype(np.float32) for n in lengths]
    parts = [builder.add("input", "", (), i, a.shape, "f4") for i, a in enumerate(arrays)]
    if computed:
        parts = [builder.add("pointwise", "exp", (p,), (), a.shape, "f4") for p, a in zip(parts, arrays, strict=True)]
    shape = (*around[:dim], sum(lengths), *around[dim:])
    found = builder.add("join", "", tuple(parts), dim, shape, "f4")
    return builder.finished([builder.add("pointwise", "negative", (found,), (), shape, "f4")]), arrays


@given(
    around=st.lists(st.integers(1, 18), max_size=2),
    place=st.integers(0, 2),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    computed=st.booleans(),
    threads=st.integers(1, 3),
)
def test_joins(around: list[int], place: int, lengths: list[int], computed: bool, threads: int) -> None:
    program, arrays = joined(around, min(place, len(around)), lengths, computed)
    (found,), (expected,) = native(program, arrays, threads), ends(program, arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_parts_in_the_wrong_places_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    program, arrays = joined([3], 1, [2, 4, 1], computed=False)
    emit = joins._emit_part
    monkeypatch.setattr(joins, "_emit_part", lambda k, part, dim, begin: emit(k, part, dim, 0))
    monkeypatch.setattr("backlit.compiler.cache.load", lambda key: None)
    monkeypatch.setattr("backlit.compiler.cache.save", lambda key, code: None)
    assert (native(program, arrays)[0] != ends(program, arrays)[0]).any()
