"""Compiled programs and memory: writes in place, views, slices, other layouts, and numbers of rows at their limits."""

from typing import Any

import numpy as np
import pytest

import backlit
from tests.compiler.courses import same_course

RNG = np.random.default_rng(5)


def of_rows(*rows: int) -> list[Any]:
    """Arguments of calls with so many rows each."""
    return [[RNG.normal(size=(n, 4))] for n in rows]


def with_state(function: Any, *shape: int) -> Any:
    """Builds a program of one captured tensor, which `function` gets first."""

    def build() -> Any:
        state = backlit.randn(*shape, dtype=backlit.float64)
        return lambda *args: function(state, *args), lambda: {"state": state}

    return build


def add_in_place(state: Any, x: Any) -> Any:
    state += x.detach().sum(0)
    return state * 2


def write_a_part(state: Any, x: Any) -> Any:
    before = state[1].clone()
    state[1:3, ::2] = x.detach()[0, :2]
    state[-1].mul_(2).add_(before)
    return state.sum(0), state[1]


def write_through_views(state: Any, x: Any) -> Any:
    turned = state.t()
    turned[0] = 7.0
    state.view(-1)[3:6].copy_(x.detach()[0, :3])
    return turned.sum(1), turned.reshape(-1)


def swap(state: Any, x: Any) -> Any:
    first = state[0].clone()
    state[0] = state[1]
    state[1] = first
    return x * state[0]


def shift_rows(state: Any, x: Any) -> Any:
    """Reads and writes that overlap."""
    state[1:] = state[:-1].clone()
    state[0] = x.detach().mean(0)
    return state.clone()


def put_by_index(state: Any, x: Any) -> Any:
    order = x.detach()[0].argsort()[:3]
    state[order] = 1.5
    state.index_add_(0, order, x.detach()[:1].expand(3, 4))
    state[x.detach()[0] > 0] = 0.5
    return state[order, order]


def written_argument(state: Any, x: Any) -> Any:
    with backlit.no_grad():
        x.mul_(state[0]).clamp_(min=-0.5)
        x[:, 1] = 3.0
    return x * 2


def a_counter(state: Any, x: Any) -> Any:
    state[0, 0] += 1
    return x * state[0, 0]


def noise(state: Any, x: Any) -> Any:
    """Numbers drawn into the state, and by rows."""
    state.normal_()
    return x * backlit.rand(x.shape[0], 1, dtype=x.dtype), backlit.randint(0, 9, (3,)), backlit.randperm(5)


def through_history(state: Any, x: Any) -> Any:
    """Gradients flow through writes to what was computed."""
    y = x * state[0]
    y[:, 1] = x[:, 0] * x[:, 2]
    y[:, 3:].mul_(state[0, 0])
    (y * y).sum().backward()
    return y.detach()


@pytest.mark.parametrize(
    "function",
    [
        add_in_place,
        write_a_part,
        write_through_views,
        swap,
        shift_rows,
        put_by_index,
        written_argument,
        a_counter,
        noise,
        through_history,
    ],
    ids=lambda f: f.__name__,
)
def test_writes(function: Any) -> None:
    same_course(with_state(function, 4, 4), of_rows(5, 1, 9))


def joined(state: Any, x: Any) -> Any:
    wide = backlit.cat([x, state, x * 2], 0)
    deep = backlit.stack([x, -x, x.exp()], 1)
    return wide, backlit.cat([x[:, :2], x], 1), deep, deep.flatten(1), backlit.cat([x[1:], x[:1]])


def moved(state: Any, x: Any) -> Any:
    return x.roll(1, 0), x.roll((-1, 2), (0, 1)), x.flip(0), x.tile(2, 1), backlit.nn.functional.pad(x, (1, 2, 0, 1))


def cut(state: Any, x: Any) -> Any:
    parts = (x[1:] * x[:-1], x.t()[::-1][1:], x[:, None, ::3], x.diagonal(), x[-1], x.triu(1), x @ state.tril())
    sum((p * p).sum() for p in parts).backward()
    return [p.detach() for p in parts]


def reduced(state: Any, x: Any) -> Any:
    parts = (x.mean(0), x.std(0), x.amax(1), x.logsumexp(0), x.softmax(0), x.prod(1), x.cumsum(0), x.norm(), x.median())
    sum(p.sum() for p in parts).backward()
    return [*(p.detach() for p in parts), x.argmin(0), x.max(1).indices, x.sort(0).values]


def products(state: Any, x: Any) -> Any:
    parts = (x @ state, state @ x.t(), x @ x.t(), x.t() @ x, x[0] @ state, x @ state[0], x[:, None] @ x[:, :, None])
    sum(p.tanh().sum() for p in parts).backward()
    return [p.detach() for p in parts]


@pytest.mark.parametrize("function", [joined, moved, cut, reduced, products], ids=lambda f: f.__name__)
def test_shapes_that_follow_the_rows(function: Any) -> None:
    same_course(with_state(function, 4, 4), of_rows(6, 4, 19))


@pytest.mark.parametrize("function", [joined, moved, reduced, products], ids=lambda f: f.__name__)
def test_few_rows(function: Any) -> None:
    if function is reduced:
        # The standard deviation of one row is NaN, with a warning.
        same_course(with_state(function, 4, 4), of_rows(6, 2))
    else:
        same_course(with_state(function, 4, 4), of_rows(6, 1))


def test_a_fixed_part_of_fewer_rows_than_it_has() -> None:
    """Machine code made for many rows must not read beyond the end of few."""

    def build() -> Any:
        return lambda x: (x[:8].sum(0), x[-8:] * 2, x[2:].mean(0), x.narrow(0, 1, 2)), dict

    same_course(build, of_rows(20, 5, 8, 3))


LAYOUTS = {
    "transposed": lambda a: a.T.copy().T,
    "reversed": lambda a: a[::-1].copy()[::-1],
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arguments_and_states_in_other_layouts(layout: str) -> None:
    change = LAYOUTS[layout]

    def build() -> Any:
        weight = backlit.from_numpy(change(np.arange(12.0).reshape(4, 3) / 7)).requires_grad_()
        optimizer = backlit.optim.SGD([weight], lr=0.1, momentum=0.9)

        def step(x: Any) -> Any:
            optimizer.zero_grad()
            loss = (x @ weight).square().sum()
            loss.backward()
            optimizer.step()
            return loss

        return step, lambda: {"weight": weight}

    calls = [[change(array)] for (array,) in of_rows(5, 3, 11)]
    same_course(build, calls)


def test_a_wrong_copy_is_caught() -> None:
    """The comparison sees a state that was not written."""
    turns = iter([1.0, 2.0])

    def build() -> Any:
        state, by = backlit.zeros(3), next(turns)
        return lambda x: state.add_(by), lambda: {"state": state}

    with pytest.raises(AssertionError, match="call 0, state"):
        same_course(build, of_rows(2))
