"""Methods that fill a tensor with random numbers in place."""

from typing import TYPE_CHECKING

from backlit.core.tensor_base import TensorBase
from backlit.core.writing import write
from backlit.errors import ArgumentError
from backlit.ops import random_numbers
from backlit.ops.generator import Generator

if TYPE_CHECKING:
    from backlit.ops.tensor import Tensor


class RandomMethods(TensorBase):
    """Random numbers in place; each draws from the default generator unless one is named."""

    def uniform_(
        self: "Tensor", from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
    ) -> "Tensor":
        """Fill with numbers drawn evenly from [from_, to).

        Raises:
            ArgumentError: `to` is below `from_`.
        """
        if to < from_:
            raise ArgumentError(f"uniform_: the range from {from_} to {to} is empty")
        unit = random_numbers.rand(*self.shape, generator=generator, dtype=self.dtype)
        write(self, unit * (to - from_) + from_, "uniform_")
        return self

    def normal_(self: "Tensor", mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> "Tensor":
        """Fill with numbers drawn from a normal distribution.

        Raises:
            ArgumentError: `std` is negative.
        """
        fresh = random_numbers.normal(mean, std, self.shape, generator=generator, dtype=self.dtype)
        write(self, fresh, "normal_")
        return self

    def exponential_(self: "Tensor", lambd: float = 1.0, *, generator: Generator | None = None) -> "Tensor":
        """Fill with numbers drawn from the exponential distribution with rate `lambd`.

        Raises:
            ArgumentError: `lambd` is not positive.
        """
        if lambd <= 0:
            raise ArgumentError(f"exponential_: the rate must be positive, got {lambd}")
        unit = random_numbers.rand(*self.shape, generator=generator, dtype=self.dtype)
        write(self, (1 - unit).log() * (-1 / lambd), "exponential_")
        return self

    def bernoulli_(self: "Tensor", p: "Tensor | float" = 0.5, *, generator: Generator | None = None) -> "Tensor":
        """Fill with ones with probability `p`, zeros otherwise.

        Raises:
            ArgumentError: `p` is not between 0 and 1.
        """
        if isinstance(p, TensorBase):
            fresh = random_numbers.bernoulli(p.expand(self.shape), generator=generator).to(self.dtype)
        else:
            fresh = random_numbers.bernoulli(self, p, generator=generator)
        write(self, fresh, "bernoulli_")
        return self

    def random_(
        self: "Tensor", from_: int = 0, to: int | None = None, *, generator: Generator | None = None
    ) -> "Tensor":
        """Fill with integers drawn evenly from `from_` up to but without `to`.

        Without `to`, `random_(to)` begins at 0 and `random_()` takes all integers that the type holds exactly.
        """
        if to is None:
            bits = {"f2": 11, "f4": 24, "f8": 53, "i8": 63, "b1": 1}.get(self._array.dtype.str[1:])
            whole = 1 << (self._array.dtype.itemsize * 8 - (self._array.dtype.kind == "i") if bits is None else bits)
            from_, to = 0, from_ or whole
        fresh = random_numbers.randint(from_, to, self.shape, generator=generator, dtype=self.dtype)
        write(self, fresh, "random_")
        return self

    def bernoulli(self: "Tensor", p: float | None = None, *, generator: Generator | None = None) -> "Tensor":
        """See `backlit.bernoulli`."""
        return random_numbers.bernoulli(self, p, generator=generator)

    def multinomial(
        self: "Tensor", num_samples: int, replacement: bool = False, *, generator: Generator | None = None
    ) -> "Tensor":
        """See `backlit.multinomial`."""
        return random_numbers.multinomial(self, num_samples, replacement, generator=generator)
