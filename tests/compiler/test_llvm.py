"""LLVM: modules compiled side by side, and linked together."""

import ctypes

import llvmlite.ir as ir
import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.compiler import llvm

_I64 = ir.IntType(64)


def adds(name: str, amount: int, calls: str | None = None) -> ir.Module:
    """A module with a function that adds to what it is given, or to what another module's function makes of that."""
    module = ir.Module(name)
    kind = ir.FunctionType(_I64, [_I64])
    function = ir.Function(module, kind, name)
    builder = ir.IRBuilder(function.append_basic_block())
    before = function.args[0]
    if calls is not None:
        before = builder.call(ir.Function(module, kind, calls), [before])
    builder.ret(builder.add(before, ir.Constant(_I64, amount)))
    return module


def test_modules_compiled_side_by_side_call_each_other() -> None:
    modules = [adds("f0", 1), *(adds(f"f{n}", 1, f"f{n - 1}") for n in range(1, 20))]
    objects = llvm.side_by_side(modules)
    library = llvm.Library(llvm.unpacked(llvm.packed(objects)), ("f19",), {})
    assert library.function("f19", ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64))(100) == 120


def test_a_module_that_llvm_refuses_is_an_error_from_whichever_thread() -> None:
    broken = adds("broken", 1)
    broken.get_global("broken").blocks[0].instructions.pop()
    with pytest.raises(RuntimeError, match=r"terminator|instruction"):
        llvm.side_by_side([adds("f", 1), broken, adds("g", 1)])


def test_a_large_program_is_compiled_in_parts() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(5 + n, 6 + n), nn.GELU()) for n in range(6)))
    compiled = backlit.compile(model)
    x = backlit.randn(7, 5)
    np.testing.assert_allclose(compiled(x).numpy(), model(x).detach().numpy(), rtol=1e-4, atol=1e-6)
    assert len(compiled.specialised().executable.code.modules()) > 1
    assert compiled.llvm().count("define void @kernel") >= 6
    assert "kernel0" in compiled.assembly()
