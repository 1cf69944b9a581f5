"""Random words and shuffles in machine code are those of the generator, bit for bit."""

import ctypes
import functools

import llvmlite.ir as ir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import backlit as bl
from backlit.compiler import llvm, random_words, shuffle
from backlit.compiler.compiled import compile as compile_function
from backlit.compiler.cores import emit_core
from backlit.compiler.costs import Share, Way
from backlit.compiler.kernels import KernelEmitter
from backlit.compiler.plan import plan
from backlit.compiler.program import ProgramBuilder
from backlit.compiler.rows import Affine
from backlit.core.namespace import NUMPY

WORD = ctypes.c_int64
ADDRESS = ctypes.c_void_p
GUARD = 0x5A5A5A5A5A5A5A5A
STATES = [
    (0, 0, 0),
    (1, 0, 5),
    (-1, -1, -1),
    (-(2**63), 3, 2**62),
    (0x1234_5678_9ABC_DEF0, -7, -(2**63)),
]
words_64 = st.integers(-(2**63), 2**63 - 1)


def compiled(module, *symbols):
    return llvm.Library([llvm.machine_code(str(module))], symbols, {})


@functools.cache
def random_kernel(count):
    """A native function (rows, state, words, thread, threads) of a program that is one "random" step, and its life."""
    program = ProgramBuilder()
    state = program.add("input", "", (), 0, (3,), "i8")
    words = program.add("random", "", (state,), (), (count,), "u8")
    planned = plan(program.finished([words]))
    places = list(planned.memory.values())
    module = ir.Module()
    emitter = KernelEmitter(
        module, planned, planned.kernels[0], "kernel", places, llvm.vector_bytes(), Way(Share.SPREAD), set()
    )
    emit_core(emitter)
    emitter.function.linkage = "external"
    library = compiled(module, "kernel")
    return library.function("kernel", ctypes.CFUNCTYPE(None, ADDRESS, WORD, WORD, WORD, ADDRESS, ADDRESS)), library


def drawn(state, count, rows=1, threads=1, size=None):
    """The words that a compiled draw of `count`, a number or one affine in rows, gives; and that it gives no more."""
    function, _ = random_kernel(count)
    state = np.array(state, np.int64)
    size = count if size is None else size
    words = np.full(size + 4, GUARD, np.uint64)
    for thread in reversed(range(threads)):
        function(None, rows, thread, threads, state.ctypes.data, words.ctypes.data)
    np.testing.assert_array_equal(words[size:], GUARD)
    return words[:size]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("count", [*range(10), 1000])
def test_words_are_those_of_numpy(state, count):
    np.testing.assert_array_equal(drawn(state, count), NUMPY.random_bits(np.array(state), count))


@given(seed=words_64, stream=words_64, draw=words_64, rows=st.integers(0, 40), threads=st.integers(1, 5))
def test_words_for_any_rows_and_threads(seed, stream, draw, rows, threads):
    state, size = (seed, stream, draw), 3 * rows + 2
    got = drawn(state, Affine(3, 2), rows, threads, size)
    np.testing.assert_array_equal(got, NUMPY.random_bits(np.array(state), size))


@pytest.mark.parametrize("fault", [{"_ROUNDS": 9}, {"_WEYL": (1, 2)}, {"_MULTIPLIERS": (3, 5)}])
def test_another_generator_is_caught(monkeypatch, fault):
    for name, value in fault.items():
        monkeypatch.setattr(random_words, name, value)
    random_kernel.cache_clear()
    try:
        got = drawn((1, 0, 5), 8)
    finally:
        random_kernel.cache_clear()
    assert (got != NUMPY.random_bits(np.array([1, 0, 5]), 8)).all()


def native_shuffling(lanes=1):
    """The native `permute` and `stable_order`, and what keeps them alive."""
    module = ir.Module()
    shuffle.emit_permute(module, lanes)
    library = compiled(module, "permute", "stable_order")
    permute = library.function("permute", ctypes.CFUNCTYPE(None, ADDRESS, WORD, ADDRESS, ADDRESS))
    stable_order = library.function("stable_order", ctypes.CFUNCTYPE(None, WORD, ADDRESS, ADDRESS))
    return permute, stable_order, library


@pytest.fixture(scope="module", params=[1, 2, 4, 8])
def shuffling(request):
    return native_shuffling(request.param)


def guarded(size):
    return np.full(size + 1, GUARD)


def permuted(shuffling, state, n):
    """One order from a state, which counts the draw; nothing beyond the memory asked for is touched."""
    order, scratch = guarded(n), guarded(shuffle.scratch_words(n))
    shuffling[0](state.ctypes.data, n, order.ctypes.data, scratch.ctypes.data)
    assert order[n] == GUARD
    assert scratch[-1] == GUARD
    return order[:n]


def ordered(shuffling, words):
    """The native stable order of words of our own choice."""
    n = len(words)
    order, scratch = guarded(n), guarded(shuffle.scratch_words(n))
    scratch[:n] = words.view(np.int64)
    shuffling[1](n, order.ctypes.data, scratch.ctypes.data)
    assert order[n] == GUARD
    assert scratch[-1] == GUARD
    return order[:n]


@pytest.mark.parametrize("n", [*range(9), 100, 1437, 2048, 2049, 60_000])
def test_shuffles_are_those_of_randperm(shuffling, n):
    generator = bl.Generator().manual_seed(2**64 - 3)
    state = generator.get_state().numpy()
    for _ in range(3):
        np.testing.assert_array_equal(permuted(shuffling, state, n), bl.randperm(n, generator=generator).numpy())
    np.testing.assert_array_equal(state, generator.get_state().numpy())


@given(seed=words_64, stream=words_64, draw=words_64, n=st.integers(0, 300))
def test_shuffles_from_any_state(shuffling, seed, stream, draw, n):
    state = np.array([seed, stream, draw])
    want = np.argsort(NUMPY.random_bits(state, n), stable=True)
    np.testing.assert_array_equal(permuted(shuffling, state, n), want)
    # The number of the draw wraps around, as the eager one does.
    np.testing.assert_array_equal(state, np.array([seed, stream, draw]) + np.array([0, 0, 1]))


def test_more_than_two_passes(shuffling):
    n = 2**22 + 1
    state = np.array([1, 0, 5])
    order = permuted(shuffling, state, n)
    words = NUMPY.random_bits(np.array([1, 0, 5]), n)[order]
    assert (words[1:] > words[:-1]).all()
    assert np.bincount(order, minlength=n).max() == 1


# Words that differ in few bits, at either end: equal words, equal digits, and the sign bit.
few = st.sampled_from([0, 1, 2, 2**42, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1])


@given(words=arrays.arrays(np.uint64, st.integers(0, 60), elements=few | st.integers(0, 2**64 - 1)))
def test_equal_words_keep_their_order(shuffling, words):
    np.testing.assert_array_equal(ordered(shuffling, words), np.argsort(words, stable=True))


@pytest.mark.parametrize("n", [700, 3000])
@pytest.mark.parametrize("spread", [1, 5, 1 << 40])
def test_equal_words_keep_their_order_over_several_passes(shuffling, n, spread):
    rng = np.random.default_rng(n + spread)
    words = rng.integers(0, 40, n, dtype=np.uint64) * np.uint64(spread << 10) + np.uint64(2**63)
    np.testing.assert_array_equal(ordered(shuffling, words), np.argsort(words, stable=True))


def test_an_order_by_the_topmost_bits_alone_is_caught(monkeypatch):
    monkeypatch.setattr(shuffle, "_insertion", lambda *_: None)
    words = np.array([1, 0], np.uint64)
    assert (ordered(native_shuffling(), words) != np.argsort(words, stable=True)).all()


def test_compiled_draws_are_the_eager_ones():
    """Two draws in one function, each with its own number, and the state left where eager code leaves it."""

    def draws(x):
        return x + bl.rand_like(x), bl.rand(7)

    compiled_draws = compile_function(draws)
    x = bl.ones(5, 3)
    for _ in range(2):
        bl.manual_seed(-4)
        want, state = draws(x), bl.get_rng_state()
        bl.manual_seed(-4)
        got = compiled_draws(x)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(bl.get_rng_state().numpy(), state.numpy())
