"""Where random numbers come from: a key (seed, stream) and the number of the draw, held in a tensor of three integers.

Because the state is a tensor that each draw reads and writes, a traced program carries it like any other state.
"""

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from backlit.core.composite import update
from backlit.core.modes import STATE
from backlit.core.primitive import primitive
from backlit.core.tensor_base import Storage, TensorBase, make, values_of
from backlit.errors import ArgumentError, ArgumentTypeError, StateError
from backlit.ops.devices import CPU, Device, check_device, device

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]

_DEFAULT_SEED = 67280421310721


@primitive(
    role="constant",
    notation="next({state})",
    promote=None,
    samples=lambda rng: [((np.array([1, 0, 5]),), {})],
)
def _next_draw(xp: Any, state: Any) -> Any:
    return state + (xp.arange(3) == 2)


def _count_draw(state: Any) -> None:
    state[2] += 1


@update(kernel=_count_draw, writes=1)
def _advance(state: "Tensor") -> "Tensor":
    return _next_draw.bind(state)


class Generator:
    """A source of random numbers.

    The numbers are those of Philox 4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) with
    the key (seed, stream) and a counter that begins anew with each draw, so equal seeds give equal numbers however a
    program runs. They are not the numbers that PyTorch draws for the same seed.

    Args:
        device: None or the processor.
    """

    def __init__(self, device: Device = None) -> None:
        check_device(device)
        self._first = _DEFAULT_SEED

    @cached_property
    def state(self) -> Any:
        """The key's two words and the number of the next draw, (3,) int64."""
        return make(np.array([self._first, 0, 0]), Storage())

    @property
    def device(self) -> device:
        """Where the generator lives: always the processor's memory."""
        return CPU

    def manual_seed(self, seed: int) -> "Generator":
        """Begin the sequence of `seed`, an integer from -2^63 to 2^64 - 1; returns the generator itself.

        Raises:
            ArgumentTypeError: `seed` is not an integer.
            ArgumentError: `seed` is out of that range.
        """
        self._set(_key(seed), 0, 0)
        return self

    def seed(self) -> int:
        """Begin at a seed of the operating system's choice, and return it."""
        chosen = _random_seed()
        self.manual_seed(chosen)
        return chosen

    def initial_seed(self) -> int:
        """The seed at which the sequence began."""
        return int(values_of(self.state)[0]) & 0xFFFF_FFFF_FFFF_FFFF

    def get_state(self) -> "Tensor":
        """Where the sequence stands, as a tensor of three integers: seed, stream, number of the next draw."""
        return make(values_of(self.state).copy())

    def set_state(self, new_state: "Tensor") -> "Generator":
        """Continue where `get_state` was called; returns the generator itself.

        Raises:
            StateError: `new_state` is not a state of a generator.
        """
        array = getattr(new_state, "_array", None)
        if array is None or array.shape != (3,) or array.dtype != np.int64:
            raise StateError("set_state: expected the three int64 numbers that get_state returns")
        self._set(*(int(v) for v in values_of(new_state)))
        return self

    def clone_state(self) -> "Generator":
        """A second generator that goes on from where this one stands."""
        return Generator().set_state(self.state)

    def advance(self) -> None:
        """Count one draw."""
        _advance(self.state)

    def _set(self, seed: int, stream: int, draw: int) -> None:
        fresh = make(np.array([seed, stream, draw]), Storage())
        if STATE.trace is not None:
            self.state.copy_(fresh)
        else:
            self.state._array[:] = fresh._array

    def __deepcopy__(self, memo: dict[int, Any]) -> "Generator":
        return self.clone_state()

    def __getstate__(self) -> list[int]:
        return values_of(self.state).tolist()

    def __setstate__(self, state: list[int]) -> None:
        self.state = make(np.array(state), Storage())


def _key(seed: object) -> int:
    """A seed as the signed integer that the state holds."""
    if isinstance(seed, TensorBase):
        seed = seed.item()  # type: ignore[attr-defined]
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise ArgumentTypeError(f"manual_seed: a seed is an integer, got {seed!r}")
    number = int(seed.__index__())
    if not -(1 << 63) <= number < 1 << 64:
        raise ArgumentError(f"manual_seed: a seed lies from -2^63 to 2^64 - 1, got {number}")
    return number - (1 << 64) if number >= 1 << 63 else number


def _random_seed() -> int:
    return int.from_bytes(os.urandom(8), "little") >> 1


default_generator = Generator()
default_generator._first = _random_seed()


def manual_seed(seed: int) -> Generator:
    """Begin the sequence of `seed` in the generator that is used where none is named; returns that generator."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Begin the default generator's sequence at a seed of the operating system's choice, and return it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed at which the default generator's sequence began."""
    return default_generator.initial_seed()


def get_rng_state() -> "Tensor":
    """Where the default generator stands."""
    return default_generator.get_state()


def set_rng_state(new_state: "Tensor") -> None:
    """Let the default generator continue where `get_rng_state` was called."""
    default_generator.set_state(new_state)
