"""LLVM: the host's target machine, optimisation, machine code, and linking it into the process."""

import ctypes
import functools
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import llvmlite.binding as llvm

# Beyond that, writing the modules takes longer than compiling them.
_MOST_THREADS = 4
_of_thread = threading.local()
_names = itertools.count()


def target_machine() -> Any:
    """The target machine of the host, with all that its processor can do.

    Each thread has one of its own: a target machine takes notes while it works, for which it has no lock.
    """
    if not hasattr(_of_thread, "machine"):
        # LLVM keeps to 256-bit vectors on AVX-512 hosts unless told otherwise.
        cpu, features = host()
        _of_thread.machine = _target().create_target_machine(cpu=cpu, features=f"{features},-prefer-256-bit", opt=3)
    return _of_thread.machine


@functools.cache
def _target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


@functools.cache
def host() -> tuple[str, str]:
    """The host's processor and what it can do, in LLVM's words."""
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@functools.cache
def vector_bytes() -> int:
    """Bytes of the widest vector registers of the host."""
    features = host()[1].split(",")
    return 64 if "+avx512f" in features else 32 if "+avx2" in features else 16


def optimise(text: str) -> Any:
    """Parse, check and optimise a module."""
    # A context of its own lets other threads work on other modules.
    module = llvm.parse_assembly(text, llvm.create_context())
    module.verify()
    # The loops are written as they should run, so LLVM's own pipeline would take five times as long for nothing.
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_loop_rotate_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    builder = llvm.create_pass_builder(target_machine(), llvm.create_pipeline_tuning_options())
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, builder)
    return module


def _unlocked(name: str) -> Any:
    """A function of LLVM without llvmlite's lock around it, which would let one thread work at a time.

    LLVM itself asks no more than that threads share neither contexts nor target machines (LLVM Programmer's Manual,
    "Threads and LLVM").
    """
    function = getattr(llvm.ffi.lib, name)
    return getattr(function, "_cfn", function)


def machine_code(text: str) -> bytes:
    """Machine code of a module, made beside that of others where several threads ask."""
    with llvm.ffi.OutputString() as error:
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(target_machine(), optimise(text), 1, error)
        if not buffer:
            raise RuntimeError(str(error))
    library = llvm.ffi.lib
    try:
        return ctypes.string_at(library.LLVMPY_GetBufferStart(buffer), library.LLVMPY_GetBufferSize(buffer))
    finally:
        library.LLVMPY_DisposeMemoryBuffer(buffer)


def side_by_side(modules: Iterable[Any]) -> list[bytes]:
    """Machine code of modules, made on other threads while this one writes those that follow."""
    from concurrent.futures import ThreadPoolExecutor

    # LLVM is set up before several threads use it.
    _target()
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS)) as threads:
        return list(threads.map(machine_code, map(str, modules)))


def packed(objects: Iterable[bytes]) -> bytes:
    """Several pieces of machine code as one."""
    return b"".join(len(one).to_bytes(8) + one for one in objects)


def unpacked(code: bytes) -> Iterator[bytes]:
    """The pieces that were packed."""
    place = 0
    while place < len(code):
        begin = place + 8
        place = begin + int.from_bytes(code[place:begin])
        yield code[begin:place]


class Library:
    """Machine code in the process."""

    def __init__(self, objects: Iterable[bytes], symbols: tuple[str, ...], imports: dict[str, int]) -> None:
        builder = llvm.JITLibraryBuilder().add_current_process()
        for one in objects:
            builder = builder.add_object_img(one)
        for symbol, address in imports.items():
            builder = builder.import_symbol(symbol, address)
        for symbol in symbols:
            builder = builder.export_symbol(symbol)
        self._jit = _jit()
        self._tracker = builder.link(self._jit, f"backlit{next(_names)}")

    def address(self, symbol: str) -> int:
        """Where a symbol's code is."""
        return int(self._tracker[symbol])

    def function(self, symbol: str, prototype: Any) -> Any:
        """A callable of a ctypes prototype at a symbol."""
        return prototype(self._tracker[symbol])


@functools.cache
def _jit() -> Any:
    return llvm.create_lljit_compiler(target_machine())
