"""Small recorded programs with the lecture's numbers, and the dataflow of a result."""

import backlit
from backlit.view.dataflow import dataflow
from backlit.view.names import Names


def leaf(*values, shape=None):
    made = backlit.tensor(values if shape is None else values[0], dtype=backlit.float64)
    return (made.reshape(()) if len(values) == 1 and shape is None else made).requires_grad_()


def flow_of(result, **names):
    return dataflow(result, Names({**names, "f": result}), "test")


def sum_times():
    """F = (x + y) z at x = -2, y = 5, z = -4."""
    x, y, z = leaf(-2.0), leaf(5.0), leaf(-4.0)
    with backlit.record():
        q = x + y
        f = q * z
        f.backward()
    return {"x": x, "y": y, "z": z, "q": q, "f": f}


def squares(x_value=3.0, y_value=2.0, backward=True):
    """Z = u^2 + v^2 with u = x y, v = x / y."""
    x, y = leaf(x_value), leaf(y_value)
    with backlit.record():
        u = x * y
        v = x / y
        f = u**2 + v**2
        if backward:
            f.backward()
    return {"x": x, "y": y, "u": u, "v": v, "f": f}
