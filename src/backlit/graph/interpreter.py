"""Running a graph node by node with the forward rules: slow, simple, and what compiled code is compared with."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from backlit.core.namespace import NUMPY
from backlit.graph.graph import Graph, Ref


def interpret(graph: Graph, inputs: Mapping[int, Any]) -> dict[Ref, Any]:
    """Compute everything that a graph must compute.

    Args:
        graph: The graph.
        inputs: An array for each input node, by node number.

    Returns:
        An array for each of `graph.ends()`.
    """
    values: dict[Ref, Any] = {Ref(number): array for number, array in inputs.items()}
    ends = set(graph.ends())
    last_use = {ref: number for number, node in enumerate(graph.nodes) for ref in node.refs()}
    for number, node in enumerate(graph.nodes):
        if node.operation is None:
            continue
        arrays = [values[i] if isinstance(i, Ref) else i for i in node.inputs]
        with np.errstate(all="ignore"):
            out = node.operation.forward(NUMPY, *arrays, **node.settings)
        for result, array in enumerate(out if isinstance(out, tuple) else (out,)):
            values[Ref(number, result)] = np.asarray(array)
        for ref in set(node.refs()):
            if last_use[ref] == number and ref not in ends:
                del values[ref]
    return {ref: values[ref] for ref in ends}
