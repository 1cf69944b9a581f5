"""Data sets by name, from files, and generated."""

from backlit.core.entrance import answer_at
from backlit.data.datasets.catalog import digits, fashion_mnist, guess_target, is_table, load, load_features, mnist
from backlit.data.datasets.description import ArrayData
from backlit.data.datasets.generated import circles, spirals, two_moons, xor
from backlit.data.datasets.idx import read_idx
from backlit.data.datasets.images import MNIST, FashionMNIST
from backlit.data.datasets.pictures import read_picture
from backlit.data.datasets.streams import ArrayFiles, TableStream
from backlit.data.datasets.table import Columns, Target, arrow, read_columns

__all__ = [
    "MNIST",
    "ArrayData",
    "ArrayFiles",
    "Columns",
    "FashionMNIST",
    "TableStream",
    "Target",
    "arrow",
    "circles",
    "digits",
    "fashion_mnist",
    "guess_target",
    "is_table",
    "load",
    "load_features",
    "mnist",
    "read_columns",
    "read_idx",
    "read_picture",
    "spirals",
    "two_moons",
    "xor",
]

answer_at(globals(), __all__)
