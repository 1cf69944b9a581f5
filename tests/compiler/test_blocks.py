"""Products from copies: the same values as NumPy's, however the matrices lie and wherever blocks and bands end."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import backlit
from backlit.compiler import costs
from backlit.compiler.compiled import compile
from backlit.compiler.plan import memory
from tests.compiler.evaluation import native
from tests.compiler.texts import parsed

FORMS = {
    "plain": lambda x, w, b: x @ w + b,
    "second transposed": lambda x, w, b: backlit.relu(x @ w.t() + b),
    "first transposed": lambda x, w, b: x.t() @ w - b,
    "both transposed": lambda x, w, b: backlit.tanh(x.t() @ w.t() * b),
    "first apart": lambda x, w, b: x[:, ::2] @ w + b,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    m=st.one_of(st.integers(1, 130), st.integers(1, 1100)),
    n=st.sampled_from([2, 3, 8, 16, 17, 31, 32, 33, 64, 100, 129, 200]),
    inner=st.sampled_from([1, 2, 7, 8, 15, 16, 63, 64, 65, 255, 256, 257, 300]),
    block_bytes=st.sampled_from([2**15, 2**18]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_layout_and_size(form, dtype, m, n, inner, block_bytes, seed, monkeypatch):
    # Small matrices are as good as large ones where every one is copied, in blocks that are small, too.
    for module in (costs, memory):
        monkeypatch.setattr(module, "COPIED_BYTES", 0)
    for name in ("_COPIED_ROWS", "_COPIED_WITH_FIRST"):
        monkeypatch.setattr(costs, name, ((0, 1),))
    monkeypatch.setattr(costs, "_BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(seed)
    shapes = [(m, inner * (2 if form == "first apart" else 1)), (inner, n)]
    arrays = [rng.normal(size=s[::-1] if t else s) for s, t in zip(shapes, transposed(form), strict=True)]
    x, w, b = (backlit.from_numpy(a.astype(dtype)) for a in (*arrays, rng.normal(size=n)))
    compiled, tolerance = compile(FORMS[form]), 1e-4 if dtype == np.float32 else 1e-12
    # With more rows, too, than the code was made for.
    more = backlit.cat((x, x), dim=1 if transposed(form)[0] else 0)
    for rows in (x, more):
        found, expected = compiled(rows, w, b).numpy(), FORMS[form](rows, w, b).numpy()
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.sqrt(inner))


def transposed(form: str) -> tuple[bool, bool]:
    """Which of the matrices lie the other way round."""
    return form in ("first transposed", "both transposed"), form in ("second transposed", "both transposed")


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 9, 40, 70])
def test_threads_share_large_matrices_wherever_they_are_read(rows, threads):
    # In place and across, turned, and a gradient's, each with columns and rows left over; then with other rows.
    rng = np.random.default_rng(rows)
    w, v = (backlit.from_numpy(rng.normal(size=s).astype(np.float32)) for s in ((333, 523), (1210, 333)))
    step = compile(lambda x: (backlit.relu(x @ w), x @ v.t(), (x @ w).t() @ x))
    before = backlit.get_num_threads()
    backlit.set_num_threads(threads)
    try:
        for m in (rows, 3, 130):
            x = rng.normal(size=(m, 333)).astype(np.float32)
            product = x @ w.numpy()
            expected = np.maximum(product, 0), x @ v.numpy().T, product.T @ x
            for found, wanted in zip(step(backlit.from_numpy(x)), expected, strict=True):
                np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())
    finally:
        backlit.set_num_threads(before)


def test_no_products_give_zeros():
    x, w = backlit.ones(5, 0), backlit.ones(0, 400)
    np.testing.assert_array_equal(compile(lambda x, w: x @ w + 1)(x, w).numpy(), np.ones((5, 400)))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "b1", "u1"])
def test_transposed_copies(kind, threads):
    rng = np.random.default_rng(0)
    sizes = [(2, 2), (2, 31), (31, 2), (3, 5), (16, 16), (17, 8), (33, 40), (300, 301)]
    for rows, columns in sizes:
        text = f"""
        %0 = input() 0 : {kind}[{columns}, {rows}]
        %1 = view(%0)(0,(1, {rows})) : {kind}[{rows}, {columns}]
        return %1
        """
        values = rng.integers(0, 2 if kind == "b1" else 100, (columns, rows)).astype(kind)
        (found,) = native(parsed(text), [values], threads=threads)
        np.testing.assert_array_equal(found, values.T)
