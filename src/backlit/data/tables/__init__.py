"""Tables of mixed columns: read with little memory, their columns told apart, encoded and split."""

from backlit.core.entrance import answer_at
from backlit.data.tables.encoder import TableEncoder
from backlit.data.tables.encodings import CategoryColumn, DateColumn, NumberColumn, embedding_size, is_missing
from backlit.data.tables.forms import form_in_words
from backlit.data.tables.kinds import Found, find_kinds
from backlit.data.tables.leaks import Leak, find_leaks
from backlit.data.tables.matching import read_like
from backlit.data.tables.reading import read_names, read_table
from backlit.data.tables.splitting import split_table
from backlit.data.tables.table import Column, Table
from backlit.data.tables.targets import Targets, read_targets
from backlit.data.tables.times import order_in_words

__all__ = [
    "CategoryColumn",
    "Column",
    "DateColumn",
    "Found",
    "Leak",
    "NumberColumn",
    "Table",
    "TableEncoder",
    "Targets",
    "embedding_size",
    "find_kinds",
    "find_leaks",
    "form_in_words",
    "is_missing",
    "order_in_words",
    "read_like",
    "read_names",
    "read_table",
    "read_targets",
    "split_table",
]

answer_at(globals(), __all__)
