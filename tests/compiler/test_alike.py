"""Kernels that do the same share one function, and no others do."""

import re

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler import cache, driver, llvm
from backlit.compiler.alike import Outline, outline
from backlit.compiler.compiled import compile
from backlit.compiler.costs import ways
from backlit.compiler.plan import plan
from backlit.compiler.plan.result import Plan
from tests.compiler.evaluation import ends, native
from tests.compiler.texts import parsed

# Kernels apart from each other: each is the end of a column of sums.
SIGNS = """
%0 = input() 0 : f4[5, 40]
%1 = constant() -0.0 : f4[]
%2 = constant() 0.0 : f4[]
%3 = view(%1)(0,(0,)) : f4[40]
%4 = view(%2)(0,(0,)) : f4[40]
%5 = reduce sum(%0)(0,) : f4[40]
%6 = pointwise copysign(%5, %3) : f4[40]
%7 = reduce sum(%0)(0,) : f4[40]
%8 = pointwise copysign(%7, %4) : f4[40]
return %6, %8
"""


def network(depth: int) -> nn.Sequential:
    layers = [layer for _ in range(depth) for layer in (nn.Linear(24, 24), nn.Tanh())]
    return nn.Sequential(nn.Linear(7, 24), *layers, nn.Linear(24, 3))


def step_of(model: nn.Module) -> tuple[optim.Adam, object]:
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x: backlit.Tensor, y: backlit.Tensor) -> backlit.Tensor:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return optimizer, step


def batch() -> tuple[backlit.Tensor, backlit.Tensor]:
    return backlit.randn(9, 7), backlit.randint(0, 3, (9,))


def functions(depth: int) -> tuple[int, int]:
    """How many kernels a step of a network has, and how many functions are compiled for them."""
    _, step = step_of(network(depth))
    compiled = compile(step)
    compiled(*batch())
    return len(compiled.explain().kernels), sum(line.startswith("define") for line in compiled.llvm().splitlines())


def test_a_deeper_network_has_no_more_machine_code() -> None:
    (few, code), (many, same) = functions(3), functions(7)
    assert many > 1.5 * few
    assert same == code


def trained(depth: int, compiled: bool) -> list[np.ndarray]:
    backlit.manual_seed(3)
    model = network(depth)
    _, step = step_of(model)
    run = compile(step) if compiled else step
    for _ in range(3):
        run(*batch())
    return [p.detach().numpy().copy() for p in model.parameters()]


def test_layers_that_share_code_learn_each_by_itself() -> None:
    for found, expected in zip(trained(5, True), trained(5, False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def outlines(text: str) -> list[Outline]:
    planned: Plan = plan(parsed(text))
    return [outline(planned, k, way) for k, way in zip(planned.kernels, ways(planned, 1), strict=True)]


@pytest.mark.parametrize("rows", [5, 6])
def test_zeros_of_either_sign_are_not_alike(rows: int) -> None:
    text = SIGNS.replace("[5", f"[{rows}")
    program, values = parsed(text), np.zeros((rows, 40), np.float32)
    assert len({o.text for o in outlines(text)}) == 2
    for found, expected in zip(native(program, [values]), ends(program, [values]), strict=True):
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_parts_of_an_array_are_read_by_one_function() -> None:
    """What begins elsewhere is told; what begins at 0, or goes in other steps, is another function."""
    text = """
        %0 = input() 0 : f4[8, 40]
        %1 = view(%0)(3,(40, 1)) : f4[8, 5]
        %2 = pointwise exp(%1) : f4[8, 5]
        %3 = view(%0)(17,(40, 1)) : f4[8, 5]
        %4 = pointwise exp(%3) : f4[8, 5]
        %5 = view(%0)(0,(40, 1)) : f4[8, 5]
        %6 = pointwise exp(%5) : f4[8, 5]
        %7 = view(%0)(3,(40, 2)) : f4[8, 5]
        %8 = pointwise exp(%7) : f4[8, 5]
        %9 = input() 1 : f4[5, 3]
        %10 = product(%2, %9) : f4[8, 3]
        %11 = product(%1, %9) : f4[8, 3]
        %12 = product(%3, %9) : f4[8, 3]
        return %10, %11, %12, %4, %6, %8
    """
    found = outlines(text)
    begins = sorted(b for o in found for b in o.begins.values())
    assert begins == [3, 3, 3, 17, 17]
    assert len({o.text for o in found if o.begins}) < len([o for o in found if o.begins])
    program, rng = parsed(text), np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((8, 40), (5, 3))]
    for one, other in zip(native(program, arrays), ends(program, arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_place_that_is_read_and_written_is_not_two_places() -> None:
    apart = "%0 = input() 0 : f4[6]\n%1 = pointwise negative(%0) : f4[6]\nreturn %1"
    (elsewhere,) = outlines(apart)
    (in_place,) = outlines(apart.replace("return %1", "write input 0 := %1\nreturn"))
    assert len(elsewhere.places) == 2
    assert in_place.places == (("input", 0),)
    assert in_place.text != elsewhere.text


def test_an_outline_that_forgets_constants_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = outline

    def forgetful(*args: object) -> Outline:
        found = real(*args)
        return Outline(found.text.replace("-0.0", "0.0"), found.places)

    monkeypatch.setattr(driver, "outline", forgetful)
    monkeypatch.setattr(cache, "load", lambda key: None)
    monkeypatch.setattr(cache, "save", lambda key, code: None)
    with pytest.raises(AssertionError):
        test_zeros_of_either_sign_are_not_alike(7)


def test_shared_functions_are_compiled_once() -> None:
    model = nn.Sequential(nn.Linear(300, 400), nn.ReLU(), nn.Linear(400, 350), nn.Tanh(), nn.Linear(350, 2))
    compiled = compile(lambda x: model(x))
    compiled(backlit.randn(64, 300))
    text = compiled.llvm()
    lanes = llvm.vector_bytes() // 4
    assert len(re.findall(rf'define void @"?tile\.rows\.8\.2\.f4\.{lanes}"?\(', text)) == 1
