"""What programs compute: step by step in NumPy, by the definition of each kind of step, and as machine code."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from backlit.compiler.executable import Executable, code_for
from backlit.compiler.program import Program
from backlit.core.namespace import NUMPY
from backlit.core.primitive import Primitive
from tests.ops.operation_checks import results_of

REDUCTIONS = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "argmax": np.argmax, "argmin": np.argmin}


def evaluate(program: Program, arrays: list[Any]) -> dict[int, Any]:
    """The value of every step that the ends need."""
    values: dict[int, Any] = {}
    for number in program.alive():
        step = program.steps[number]
        args = [values[a] for a in step.args]
        with np.errstate(all="ignore"):
            value = computed(step, args, arrays)
        values[number] = np.ascontiguousarray(np.asarray(value).astype(step.dtype)).reshape(step.shape)
    return values


def computed(step: Any, args: list[Any], arrays: list[Any]) -> Any:
    """The value of one step."""
    if step.kind == "input":
        return arrays[step.attrs]
    if step.kind == "constant":
        return np.full(step.shape, step.attrs)
    if step.kind == "iota":
        return np.arange(step.shape[0])
    if step.kind == "pointwise":
        if step.op in ("cast", "select"):
            return args[0] if step.op == "cast" else np.where(*args)
        if step.op == "sigmoid":
            return 1 / (1 + np.exp(-args[0]))
        return NUMPY.erf(*args) if step.op == "erf" else getattr(NUMPY, step.op)(*args)
    if step.kind == "view":
        offset, strides = step.attrs
        size = args[0].itemsize
        source = args[0].reshape(-1)[offset:]
        return (
            as_strided(source, step.shape, [s * size for s in strides]) if 0 not in step.shape else np.zeros(step.shape)
        )
    if step.kind == "pad":
        lows, strides, value = step.attrs
        result = np.full(step.shape, value, args[0].dtype)
        ends = [low + stride * n for low, stride, n in zip(lows, strides, args[0].shape, strict=True)]
        result[tuple(slice(*one) for one in zip(lows, ends, strides, strict=True))] = args[0]
        return result
    if step.kind == "join":
        return np.concatenate(args, step.attrs)
    if step.kind == "reduce":
        return REDUCTIONS[step.op](args[0], axis=step.attrs if "arg" not in step.op else step.attrs[0])
    if step.kind == "product":
        return args[0] @ args[1]
    first = 2 if step.kind == "scatter" else 1
    key = (*[slice(None)] * step.attrs[0], *args[first:]) if step.kind in ("take", "scatter") else ()
    if step.kind == "take":
        if step.op == "inside":
            assert ((args[1] >= 0) & (args[1] < args[0].shape[step.attrs[0]])).all(), "an index inside that is outside"
        return args[0][key]
    if step.kind == "scatter":
        result = args[0].copy()
        np.add.at(result, key, args[1]) if step.op == "add" else result.__setitem__(key, args[1])
        return result
    if step.kind == "scan":
        return getattr(np, step.op).accumulate(args[0], axis=step.attrs)
    if step.kind == "measure":
        return getattr(NUMPY, step.op)(*args)
    if step.kind == "random":
        return NUMPY.random_bits(args[0], step.shape[0])
    places, settings, index = step.attrs
    left = iter(args)
    operands = [next(left) if p is None else p[0] for p in places]
    return results_of(Primitive.registry[step.op].forward(NUMPY, *operands, **dict(settings)))[index]


def ends(program: Program, arrays: list[Any]) -> list[Any]:
    """The outputs and final values of a program of fixed sizes."""
    values = evaluate(program, arrays)
    return [values[end] for end in program.ends()]


def native(program: Program, inputs: list[Any], threads: int = 1) -> list[Any]:
    """The same, by machine code made of the program as it is, on so many threads."""
    executable = Executable(code_for(program, rows=1, guards=0, arguments=0))
    arrays = [a.copy() for a in inputs]
    executable.prepare(1, threads)
    for number, array in enumerate(arrays):
        executable.put(("input", number), array.ctypes.data)
    with ThreadPoolExecutor(threads) as pool:
        control = executable.control.address
        pool.map(lambda t: executable.code.step(executable._address, 1, t, threads, control), range(threads))
    executable.raise_error()
    outputs = executable.code.plan.program.outputs
    return [*(executable.result(o, 1) for o in outputs), *(arrays[i] for i, _ in program.writes)]
