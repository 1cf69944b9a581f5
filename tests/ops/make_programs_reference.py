"""Write programs_reference.json: what PyTorch makes of the programs of shape_programs.py and view_programs.py.

Run by hand where PyTorch is installed: `python -m tests.ops.make_programs_reference`. The test-suite reads the file.
"""

import json
from pathlib import Path

import torch

from tests.ops.program_checks import X, Y, run_shape_program, run_view_program
from tests.ops.shape_programs import PROGRAMS as SHAPES
from tests.ops.view_programs import PROGRAMS as VIEWS


def reference(run, *args):
    """The results as JSON takes them, or None where PyTorch raises an error."""
    try:
        return run(torch, *args)
    except (RuntimeError, IndexError, ValueError):
        return None


def line(program):
    """One program a line, so that a change of one shows as one."""
    name, found = program
    return f"{json.dumps(name)}: {json.dumps(found)}"


if __name__ == "__main__":
    found = {
        "shapes": {name: reference(run_shape_program, *program) for name, program in SHAPES.items()},
        "views": {name: reference(run_view_program, program, X, Y) for name, program in VIEWS.items()},
    }
    lines = (f'"{kind}": {{\n' + ",\n".join(map(line, programs.items())) + "\n}" for kind, programs in found.items())
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    Path(__file__).with_name("programs_reference.json").write_text(text, encoding="utf-8")
