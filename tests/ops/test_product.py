"""Products: values and gradients beside JAX and NumPy, over all shapes that multiply; errors that name both shapes."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backlit
from backlit.autograd import gradcheck, gradgradcheck
from backlit.errors import ArgumentError, DtypeError, ShapeError
from tests.ops.beside_jax import beside_jax


def arrays(*shapes):
    rng = np.random.default_rng(len(shapes))
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3,)),
        ((3,), (5, 3, 2)),
        ((5, 2, 3), (3,)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (4, 3, 2)),
        ((2, 0), (0, 4)),
        ((0, 3), (3, 1)),
    ],
    ids=str,
)
def test_matmul_agrees_with_jax(shapes):
    beside_jax(lambda x, y: x @ y, jnp.matmul, *arrays(*shapes))


@st.composite
def factors(draw):
    """Two arrays of any layout that multiply."""
    m, n, k = (draw(st.integers(0, 3)) for _ in range(3))
    batch = draw(st.lists(st.integers(0, 2), max_size=2))
    found = []
    for matrix in ((m, n), (n, k)):
        kept = batch[draw(st.integers(0, len(batch))) :]
        kept = [1 if draw(st.booleans()) else size for size in kept]
        shape = (n,) if not kept and draw(st.booleans()) else (*kept, *matrix)
        x = np.random.default_rng(draw(st.integers(0, 9))).normal(size=shape)
        layout = draw(st.sampled_from(["rows", "columns", "reversed"]))
        if layout == "columns":
            x = np.asfortranarray(x)
        found.append(np.flip(np.flip(x).copy()) if layout == "reversed" else x)
    return found


@given(factors())
def test_matmul_in_all_shapes_and_layouts(pair):
    x, y = (backlit.tensor(a, requires_grad=True) for a in pair)
    np.testing.assert_allclose((x @ y).detach().numpy(), np.matmul(*pair), atol=1e-12)
    assert gradcheck(backlit.matmul, (x, y))


def test_gradient_of_a_gradient():
    for shapes in (((2, 3), (3, 2)), ((3,), (2, 3, 2)), ((2, 2, 3), (3,))):
        x, y = (backlit.tensor(a, requires_grad=True) for a in arrays(*shapes))
        assert gradgradcheck(backlit.matmul, (x, y))
    x, w, b = (backlit.tensor(a, requires_grad=True) for a in arrays((4, 3), (2, 3), (2,)))
    assert gradgradcheck(backlit.nn.functional.linear, (x, w, b))


def test_gradient_of_matrices_takes_two_products_and_no_copy(monkeypatch):
    """Transposes reach the linear algebra library as they are: copying large operands costs more than multiplying."""
    products = []
    matmul = np.matmul

    def watched(x, y, *args, **kwargs):
        products.append((x, y))
        return matmul(x, y, *args, **kwargs)

    x, y = (backlit.tensor(a, requires_grad=True) for a in arrays((3, 4), (4, 5)))
    z = x @ y
    g = backlit.ones(3, 5, dtype=backlit.float64)
    monkeypatch.setattr(backlit.core.namespace.NUMPY, "matmul", watched, raising=False)
    z.backward(g)
    assert len(products) == 2
    for first, second in products:
        assert all(any(np.shares_memory(a, t.numpy()) for t in (x.detach(), y.detach(), g)) for a in (first, second))


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 4, 3), (0, 3)], ids=str)
@pytest.mark.parametrize("with_bias", [True, False])
def test_linear_agrees_with_jax(shape, with_bias):
    shapes = (shape, (2, 3), (2,)) if with_bias else (shape, (2, 3))
    beside_jax(backlit.nn.functional.linear, lambda x, w, b=0.0: x @ w.T + b, *arrays(*shapes))


@pytest.mark.parametrize(
    ("function", "reference", "shapes"),
    [
        (backlit.mm, jnp.matmul, ((2, 3), (3, 4))),
        (backlit.mv, jnp.matmul, ((2, 3), (3,))),
        (backlit.dot, jnp.dot, ((3,), (3,))),
        (backlit.bmm, jnp.matmul, ((5, 2, 3), (5, 3, 4))),
        (backlit.outer, jnp.outer, ((3,), (4,))),
        (
            lambda c, a, b: backlit.addmm(c, a, b, beta=0.5, alpha=2),
            lambda c, a, b: 0.5 * c + 2 * a @ b,
            ((4,), (3, 2), (2, 4)),
        ),
        (backlit.addmv, lambda c, a, b: c + a @ b, ((3,), (3, 2), (2,))),
        (backlit.baddbmm, lambda c, a, b: c + a @ b, ((5, 1, 1), (5, 3, 2), (5, 2, 4))),
        (backlit.tensordot, jnp.tensordot, ((2, 3, 4), (3, 4, 5))),
        (lambda a, b: backlit.tensordot(a, b, 0), lambda a, b: jnp.tensordot(a, b, 0), ((2, 3), (4,))),
        (
            lambda a, b: backlit.tensordot(a, b, ([0, -2], [1, 2])),
            lambda a, b: jnp.tensordot(a, b, ((0, 1), (1, 2))),
            ((2, 3, 4), (4, 2, 3)),
        ),
    ],
)
def test_other_products_agree_with_jax(function, reference, shapes):
    beside_jax(function, reference, *arrays(*shapes))


def test_with_beta_zero_the_input_does_not_count():
    bad = backlit.full((2, 2), float("nan"))
    assert backlit.addmm(bad, backlit.ones(2, 3), backlit.ones(3, 2), beta=0).tolist() == [[3, 3], [3, 3]]


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("ijij->ji", (2, 3, 2, 3)),
    ("iij,j->i", (3, 3, 2), (2,)),
    ("ij->ji", (2, 3)),
    ("ba", (2, 3)),
    ("ij->", (2, 3)),
    ("i,j->ij", (2,), (3,)),
    ("i,i->i", (3,), (3,)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bij,jk->kbi", (5, 2, 3), (3, 4)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)),
    ("...ij,...jk", (1, 5, 2, 3), (4, 1, 3, 4)),
    ("i...,i...->...", (3, 2), (3, 4, 2)),
    ("b...->...", (2, 3, 4)),
    ("ij,ij,ij->i", (2, 3), (2, 3), (2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    ("ij,kl->jl", (2, 3), (4, 5)),
    ("a,b,c->cba", (2,), (3,), (4,)),
    ("ij,->ij", (2, 3), ()),
    ("Ab,bA", (2, 3), (3, 2)),
    ("ij,ij->ij", (0, 3), (0, 3)),
    ("ij,jk->ik", (2, 0), (0, 4)),
    (" i j , j k -> i k ", (2, 3), (3, 4)),
]


@pytest.mark.parametrize("case", EQUATIONS, ids=lambda case: case[0])
def test_einsum_agrees_with_numpy_and_finite_differences(case):
    equation, *shapes = case
    operands = arrays(*shapes)
    tensors = [backlit.tensor(a, requires_grad=True) for a in operands]
    expected = np.einsum(equation, *operands)
    np.testing.assert_allclose(backlit.einsum(equation, *tensors).detach().numpy(), expected, atol=1e-12)
    assert gradcheck(lambda *given: backlit.einsum(equation, *given), tensors)


@given(st.data())
def test_einsum_of_random_equations(data):
    sizes = dict(zip("abcd", (1, 2, 3, 2), strict=True))
    terms = [data.draw(st.text("abcd", max_size=3)) for _ in range(data.draw(st.integers(1, 3)))]
    labels = sorted(set("".join(terms)))
    output = (
        "".join(data.draw(st.permutations(data.draw(st.lists(st.sampled_from(labels), unique=True))))) if labels else ""
    )
    equation = f"{','.join(terms)}->{output}"
    operands = arrays(*(tuple(sizes[label] for label in term) for term in terms))
    found = backlit.einsum(equation, *map(backlit.tensor, operands))
    np.testing.assert_allclose(found.numpy(), np.einsum(equation, *operands), atol=1e-12)


def test_einsum_takes_a_list_and_broadcasts_sizes_of_one():
    x, y = arrays((2, 1), (3, 4))
    found = backlit.einsum("ij,jk->ik", [backlit.tensor(x), backlit.tensor(y)])
    np.testing.assert_allclose(found.numpy(), x @ y.sum(axis=0, keepdims=True), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda z: z(2, 3) @ z(2, 3), ShapeError, r"\[2, 3\].*\[2, 3\].*3 columns, the second 2 rows"),
        (lambda z: z(5, 2, 3) @ z(4, 3, 2), ShapeError, r"\[5, 2, 3\].*\[4, 3, 2\].*do not broadcast"),
        (lambda z: z() @ z(2), ShapeError, "at least one dimension"),
        (lambda z: z(2, 3) @ z(3, 2).double(), DtypeError, "float32 and float64"),
        (
            lambda z: backlit.nn.functional.linear(z(2, 3), z(2, 4)),
            ShapeError,
            r"linear.*\[2, 3\].*\[2, 4\].*in_features",
        ),
        (lambda z: backlit.nn.functional.linear(z(2, 3), z(2, 3), z(3)), ShapeError, "linear.*bias.*out_features"),
        (lambda z: backlit.nn.functional.linear(z(2, 3), z(2, 3).double()), DtypeError, "linear.*float32.*float64"),
        (lambda z: z(2).mm(z(2)), ShapeError, r"mm: expected 2 and 2 dimensions, got shapes \(2,\) and \(2,\)"),
        (lambda z: z(1, 2, 3).bmm(z(2, 3, 4)), ShapeError, r"bmm: .*\(1, 2, 3\) and \(2, 3, 4\)"),
        (lambda z: z(2).dot(z(3)), ShapeError, r"\[2\].*\[3\].*do not multiply"),
        (lambda z: backlit.einsum("ij,jk->ik", z(2, 3), z(4, 5)), ShapeError, "label 'j' has size 4 .*size 3 before"),
        (lambda z: backlit.einsum("ii", z(2, 3)), ShapeError, r"label 'i'"),
        (lambda z: backlit.einsum("i", z(2, 3)), ShapeError, r"names 1 dimensions .*\(2, 3\)"),
        (lambda z: backlit.einsum("ij->ik", z(2, 3)), ArgumentError, r"\['k'\], which no operand has"),
        (lambda z: backlit.einsum("ij->ii", z(2, 3)), ArgumentError, "twice"),
        (lambda z: backlit.einsum("ij,jk", z(2, 3)), ArgumentError, "names 2 operands, got 1"),
        (lambda z: backlit.einsum("i1", z(2, 3)), ArgumentError, "letters"),
        (lambda z: backlit.tensordot(z(2, 3), z(2, 3), ([1], [0])), ShapeError, "must have one size"),
        (lambda z: backlit.tensordot(z(2, 3), z(2, 3), ([1, 0], [0])), ArgumentError, "different lengths"),
        (lambda z: backlit.tensordot(z(2, 3), z(2, 3), 3), ArgumentError, "3 dimensions"),
    ],
    ids=itertools.count(),
)
def test_errors_name_both_shapes(call, error, words):
    with pytest.raises(error, match=words):
        call(backlit.zeros)
