"""Layers that look rows up in a table, or multiply two inputs."""

import math
from collections.abc import Sequence
from typing import Any

from backlit.core.modes import no_grad
from backlit.errors import ArgumentError, ShapeError
from backlit.nn import functional as F
from backlit.nn import init
from backlit.nn.checks import check_sizes, require_floats, require_integers, where
from backlit.nn.layers.containers import ModuleList
from backlit.nn.module import Module
from backlit.nn.parameter import Parameter
from backlit.ops import arange, cat, empty
from backlit.ops.tensor import Tensor


class Embedding(Module):
    """A table with one vector for each of the integers 0 to num_embeddings - 1.

    Args:
        num_embeddings: Number of rows.
        embedding_dim: Size of each vector.
        padding_idx: A row that begins as zeros and is not learnt; negative numbers count from the end.
        device: "cpu" or None.
        dtype: Type of the table, the default type if None.

    Attributes:
        weight: (num_embeddings, embedding_dim), at the start normal numbers of variance 1.

    Raises:
        ArgumentError: `padding_idx` names no row.
        IndexRangeError: When called: a number of the input names no row.
        DtypeError: When called: the input does not hold integers.
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(f"Embedding: padding_idx {padding_idx} is none of the {num_embeddings} rows")
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None) -> "Embedding":
        """An embedding of given vectors.

        Args:
            embeddings: (num_embeddings, embedding_dim).
            freeze: Whether they stay as they are in training.
            padding_idx: A row that is not learnt.

        Raises:
            ShapeError: `embeddings` is not a matrix.
        """
        if embeddings.dim() != 2:
            raise ShapeError(f"Embedding.from_pretrained: expected a matrix, got shape {tuple(embeddings.shape)}")
        embedding = cls(embeddings.size(0), embeddings.size(1), padding_idx)
        embedding.weight = Parameter(embeddings, requires_grad=not freeze)
        return embedding

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Tensor) -> Tensor:
        """Integers (*) to vectors (*, embedding_dim)."""
        require_integers(self, input)
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class EmbeddingBag(Module):
    """The table of an `Embedding`, of which each bag of numbers gets one vector; see `functional.embedding_bag`.

    Sizes, `padding_idx`, `device`, `dtype` and `weight` are those of `Embedding`; numbers of padding are left out.

    Args:
        mode: "mean", "sum" or "max".
        sparse: Has no effect: gradients are dense.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, mode: str = "mean", sparse: bool = False,
        padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        table = Embedding(num_embeddings, embedding_dim, padding_idx, device=device, dtype=dtype)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = table.padding_idx
        self.mode = mode
        self.weight = table.weight

    def forward(self, input: Tensor, offsets: Tensor | None = None) -> Tensor:
        """Integers (bags, n), or (n,) with `offsets` (bags,), to (bags, embedding_dim)."""
        require_integers(self, input)
        return F.embedding_bag(input, self.weight, offsets, mode=self.mode, padding_idx=self.padding_idx)

    def extra_repr(self) -> str:
        """The sizes and the mode."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}, mode={self.mode!r}{padding}"


class TableInput(Module):
    """The first layer for rows of a table: numbers pass, and numbers of categories become vectors.

    A category's vector is one-hot, or learnt (C. Guo and F. Berkhahn, "Entity embeddings of categorical variables",
    arXiv 1604.06737). The number after a column's last category stands for one that is not known: its vector is zero.

    Args:
        numbers: How many columns pass as they are; they come first.
        categories: How many categories each further column has.
        sizes: The size of each such column's vectors; 0: one-hot.

    Attributes:
        out_features: Size of the last dimension of the output.
        embeddings: An `Embedding` for each column with learnt vectors, in order.

    Raises:
        ArgumentError: Negative numbers, or `categories` and `sizes` of unequal lengths.
        ShapeError: When called: another number of columns.
    """

    def __init__(self, numbers: int, categories: Sequence[int], sizes: Sequence[int]) -> None:
        super().__init__()
        if len(categories) != len(sizes) or min(numbers, *categories, *sizes, 0) < 0:
            raise ArgumentError(
                f"TableInput: expected a size for each column of categories and no negative numbers, got {numbers}, "
                f"{list(categories)} and {list(sizes)}"
            )
        self.numbers = numbers
        self.categories, self.sizes = list(categories), list(sizes)
        self.embeddings = ModuleList(
            [Embedding(n + 1, size, padding_idx=n) for n, size in zip(categories, sizes, strict=True) if size]
        )
        self.out_features = numbers + sum(size or n for n, size in zip(categories, sizes, strict=True))

    def forward(self, input: Tensor) -> Tensor:
        """(n, numbers + columns of categories) to (n, out_features)."""
        require_floats(self, input=input)
        columns = self.numbers + len(self.categories)
        if input.ndim != 2 or input._array.shape[1] != columns:
            raise ShapeError(f"{where(self)}: got an input of shape {tuple(input.shape)}, expected (n, {columns})")
        parts = [input[:, : self.numbers]] if self.numbers else []
        learnt = iter(self.embeddings)
        for at, (count, size) in enumerate(zip(self.categories, self.sizes, strict=True), self.numbers):
            code = input[:, at]
            parts.append(next(learnt)(code.long()) if size else (code[:, None] == arange(count)).to(input.dtype))
        return cat(parts, 1)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"numbers={self.numbers}, categories={self.categories}, sizes={self.sizes}"


class Bilinear(Module):
    """y_k = x1' W_k x2 + b_k.

    Args:
        in1_features: Size of the last dimension of the first input.
        in2_features: Size of the last dimension of the second input.
        out_features: Size of the last dimension of the output.
        bias: Whether there is a b.
        device: "cpu" or None.
        dtype: Type of the parameters, the default type if None.

    Attributes:
        weight: (out_features, in1_features, in2_features), at the start evenly spread over ±1 / sqrt(in1_features).
        bias: (out_features), likewise, or None.
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        check_sizes("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features)
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in1_features, in2_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(max(1, self.in1_features))
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """(*, in1_features) and (*, in2_features) to (*, out_features)."""
        require_floats(self, input1=input1, input2=input2)
        shapes = tuple(input1._array.shape), tuple(input2._array.shape)
        if shapes[0][-1:] != (self.in1_features,) or shapes[1] != (*shapes[0][:-1], self.in2_features):
            raise ShapeError(
                f"{where(self)}: got inputs of shapes {shapes[0]} and {shapes[1]}, expected (*, {self.in1_features}) "
                f"and (*, {self.in2_features})"
            )
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
