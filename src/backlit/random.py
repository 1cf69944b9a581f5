"""Seeds and generators, where PyTorch's programs look for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from backlit.ops.generator import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


@contextmanager
def fork_rng(enabled: bool = True) -> Iterator[None]:
    """Let the default generator, after a `with` block, go on from where it stood before it."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
