"""Tables for the tests, made of lists."""

import numpy as np
import pyarrow as pa

from backlit.data.tables import Table
from backlit.data.tables.building import Builder


def frame(*, as_text: bool = False, **columns) -> Table:
    builders = []
    for name, values in columns.items():
        builder = Builder("t.csv", name, 2, as_text)
        # pyarrow takes times of NumPy in arrays alone.
        builder.add(pa.array(np.array(values, "datetime64[s]") if isinstance(values[0], np.datetime64) else values))
        builders.append(builder)
    return Table("t.csv", tuple(builder.column() for builder in builders), builders[0].n_rows, 2)
