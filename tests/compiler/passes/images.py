"""Programs such as those of image networks: views of views, borders, joins and sums."""

from typing import Any

import numpy as np

from backlit.compiler.program import Program, ProgramBuilder, plain_strides

SHAPE = (2, 3, 4, 5)


def image_program(rng: np.random.Generator, length: int) -> Program:
    """Views, borders, sums and elementwise steps of two inputs, one on the other."""
    builder = ProgramBuilder()
    known = [builder.add("input", "", (), i, SHAPE, "f8") for i in range(2)]

    def seen(number: int, look: Any) -> int:
        step = builder.steps[number]
        origin = np.empty(step.shape, np.uint8)
        found = look(origin)
        offset = found.__array_interface__["data"][0] - origin.__array_interface__["data"][0]
        strides = tuple(0 if n == 1 else s for s, n in zip(found.strides, found.shape, strict=True))
        return builder.add("view", "", (number,), (offset, strides), found.shape, step.dtype)

    for _ in range(length):
        number = known[rng.integers(len(known))]
        shape = builder.steps[number].shape
        kind = rng.integers(7)
        if kind == 0:
            order = rng.permutation(len(shape))
            number = seen(number, lambda a, order=order: a.transpose(order))
        elif kind == 1 and len(shape) > 1:
            part = tuple(slice(rng.integers(n), None, rng.integers(1, 3)) for n in shape)
            number = seen(number, lambda a, part=part: a[part])
        elif kind == 2:
            lows, steps = (tuple(map(int, rng.integers(least, 3, len(shape)))) for least in (0, 1))
            whole = tuple(low + step * (n - 1) + 2 for low, step, n in zip(lows, steps, shape, strict=True))
            number = builder.add("pad", "", (number,), (lows, steps, 0), whole, "f8")
        elif kind == 3 and len(shape) > 2:
            dims = tuple(sorted(map(int, rng.choice(len(shape), rng.integers(1, 3), replace=False))))
            kept = tuple(n for d, n in enumerate(shape) if d not in dims)
            number = builder.add("reduce", "sum", (number,), dims, kept, "f8")
        elif kind == 6:
            dim = int(rng.integers(len(shape)))
            longer = tuple(n * (1 + (d == dim)) for d, n in enumerate(shape))
            number = builder.add("join", "", (number, number), dim, longer, "f8")
        else:
            others = [k for k in known if builder.steps[k].shape == shape]
            other = others[rng.integers(len(others))]
            if kind == 5 and plain_strides(shape)[0]:
                other = seen(other, lambda a: np.broadcast_to(a[:1], a.shape))
            number = builder.add("pointwise", "add", (number, other), (), shape, "f8")
        known.append(number)
    return builder.finished(known[-3:])
