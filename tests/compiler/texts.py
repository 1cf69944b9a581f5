"""Programs from their texts."""

import math
import re
from typing import Any

from backlit.compiler.program import Program, ProgramBuilder
from backlit.compiler.rows import Affine

_STEP = re.compile(r"%(\d+) = (\w+) ?(\w*)\(([^()]*)\)(.*) : (\w+)\[(.*)\]$")
_WRITE = re.compile(r"write input (\d+) := %(\d+)$")
_NAMES = {"r": Affine(1), "inf": math.inf, "nan": math.nan}


def parsed(text: str) -> Program:
    """The program that prints as `text`; its steps are numbered from 0."""
    builder = ProgramBuilder()
    outputs: list[int] = []
    writes: list[tuple[int, int]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("return"):
            outputs = [int(word) for word in re.findall(r"%(\d+)", line)]
        elif write := _WRITE.match(line):
            writes.append((int(write[1]), int(write[2])))
        else:
            found = _STEP.match(line)
            assert found, line
            number, kind, op, args, attrs, dtype, shape = found.groups()
            values = tuple(int(word) for word in re.findall(r"%(\d+)", args))
            added = builder.add(kind, op, values, _evaluated(attrs), _evaluated(f"({shape}{',' * bool(shape)})"), dtype)
            assert added == int(number), line
    return builder.finished(outputs, writes)


def _evaluated(text: str) -> Any:
    return eval(text, dict(_NAMES)) if text.strip() else ()


def lines(text: str) -> str:
    """A text without indentation."""
    return "\n".join(filter(None, map(str.strip, text.splitlines())))
