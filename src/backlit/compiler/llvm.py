"""LLVM: the host's target machine, optimisation, machine code, and linking it into the process."""

import functools
import itertools
from typing import Any

import llvmlite.binding as llvm

_names = itertools.count()


@functools.cache
def target_machine() -> Any:
    """The target machine of the host, with all that its processor can do."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # LLVM keeps to 256-bit vectors on AVX-512 hosts unless told otherwise.
    features = f"{llvm.get_host_cpu_features().flatten()},-prefer-256-bit"
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3)


@functools.cache
def vector_bytes() -> int:
    """Bytes of the widest vector registers of the host."""
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


def optimise(text: str) -> Any:
    """Parse, check and optimise a module."""
    machine = target_machine()
    module = llvm.parse_assembly(text)
    module.verify()
    # The loops are written as they should run, so LLVM's own pipeline would take five times as long for nothing.
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.add_loop_rotate_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    return module


class Library:
    """Machine code in the process."""

    def __init__(self, code: bytes, symbols: tuple[str, ...], imports: dict[str, int]) -> None:
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
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
