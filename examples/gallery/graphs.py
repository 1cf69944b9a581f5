"""Computation graphs."""

from typing import Any

import backlit
from backlit import nn, optim, view


def leaf(value: float) -> backlit.Tensor:
    return backlit.tensor(value, requires_grad=True)


def sum_times(theme: str) -> Any:
    """A computation with its numbers.

    Values stand above the edges, local derivatives on them, gradients below. The sum distributes what arrives, the
    product swaps its inputs and scales.
    """
    x, y, z = leaf(-2.0), leaf(5.0), leaf(-4.0)
    with backlit.record():
        q = x + y
        f = q * z
        f.backward()
    return view.graph(f, theme=theme)


def paths(theme: str) -> Any:
    """Two paths to each input.

    x and y are used twice: what comes back along both paths adds up.
    """
    x, y = leaf(2.0), leaf(1.0)
    with backlit.record():
        u = x * y
        v = x / y
        z = u**2 + v**2
        z.backward()
    return view.graph(z, theme=theme)


def gates(theme: str) -> Any:
    """What each operation does on the way back.

    A maximum routes what arrives to its larger input; at a tie it is shared, and the node says so.
    """
    a, b, c = leaf(4.0), leaf(5.0), leaf(5.0)
    with backlit.record():
        f = backlit.maximum(backlit.maximum(a, b), c) * 9
        f.backward()
    return view.graph(f, theme=theme)


def small_network(seed: int = 0) -> tuple[nn.Module, backlit.Tensor, backlit.Tensor]:
    backlit.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return model, backlit.randn(6, 4), backlit.tensor([0, 1, 2, 0, 1, 2])


def network(theme: str) -> Any:
    """A network and its loss.

    Modules are boxes; arrays show their shape, their norm and a heat map.
    """
    model, inputs, labels = small_network()
    with backlit.record():
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
    return view.graph(loss, theme=theme)


class Residual(nn.Module):
    """Adds what its layers compute to what they take."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(size, size), nn.Tanh())

    def forward(self, x: backlit.Tensor) -> backlit.Tensor:
        return x + self.inner(x)


def nested(depth: int = 2) -> tuple[nn.Module, backlit.Tensor]:
    backlit.manual_seed(0)
    return nn.Sequential(*(Residual(3) for _ in range(depth)), nn.Linear(3, 1)), backlit.randn(5, 3)


def modules_nested(theme: str) -> Any:
    """Modules inside modules.

    Each module is a box inside the module it belongs to; the second block is drawn closed.
    """
    model, inputs = nested()
    with backlit.record():
        loss = model(inputs).square().mean()
        loss.backward()
    return view.graph(loss, collapse=["1"], theme=theme)


def deep(theme: str) -> Any:
    """Ten thousand nodes.

    A large graph closes its modules until the picture is readable.
    """
    backlit.manual_seed(0)
    blocks = [nn.Sequential(*(Residual(3) for _ in range(100))) for _ in range(20)]
    model, inputs = nn.Sequential(*blocks), backlit.randn(5, 3)
    with backlit.record():
        loss = model(inputs).square().mean()
        loss.backward()
    return view.graph(loss, theme=theme)


def colored(kind: str, theme: str) -> Any:
    backlit.manual_seed(0)
    layer, inputs = nn.Linear(4, 3), backlit.randn(5, 4)
    with backlit.record():
        loss = layer(inputs).tanh().square().mean()
        loss.backward()
    return view.graph(loss, color_by=kind, theme=theme)


def color_by_value(theme: str) -> Any:
    """Colour by value.

    The fill of each operation tells how large its result is.
    """
    return colored("value", theme)


def color_by_gradient(theme: str) -> Any:
    """Colour by gradient.

    The fill of each operation tells how large a gradient arrived.
    """
    return colored("gradient", theme)


def color_by_time(theme: str) -> Any:
    """Layers coloured by time.

    Each operation is measured by itself on the values that it got; a closed module tells the sum.
    """
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(50, 200), nn.Sequential(nn.Linear(200, 400), nn.Tanh()), nn.Linear(400, 3))
    with backlit.record():
        loss = model(backlit.randn(64, 50)).square().mean()
        loss.backward()
    return view.graph(loss, collapse=0, color_by="time", direction="down", theme=theme)


def color_by_memory(theme: str) -> Any:
    """Colour by memory.

    The fill of each operation tells how many bytes its result takes.
    """
    return colored("memory", theme)


def unrecorded(theme: str) -> Any:
    """A graph that was not recorded.

    Structure, shapes and the gradients of leaves are there; how to see the rest is said.
    """
    model, inputs, _ = small_network()
    loss = model(inputs).square().mean()
    loss.backward()
    return view.graph(loss, theme=theme)


def not_run(theme: str) -> Any:
    """Before the backward pass.

    A gradient that nobody computed is not 0.
    """
    x, y = leaf(-2.0), leaf(5.0)
    with backlit.record():
        f = (x + y) * y
    return view.graph(f, theme=theme)


def infinite(theme: str) -> Any:
    """NaN and infinity.

    They stand out in pink, and are counted.
    """
    x = backlit.tensor([[1.0, 0.0, -1.0], [2.0, 4.0, -3.0]], requires_grad=True)
    with backlit.record():
        f = (backlit.log(x) + 1).sum()
        f.backward()
    return view.graph(f, theme=theme)


def compiled_step(theme: str) -> Any:
    """A compiled training step.

    A compiled step gives the same pictures: what fusion removed is recomputed.
    """
    model, inputs, labels = small_network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @backlit.compile
    def step(x: backlit.Tensor, y: backlit.Tensor) -> backlit.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return view.graph(step.record(inputs, labels), theme=theme)
