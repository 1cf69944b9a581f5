"""The check that a graph is well formed, run after tracing and after every pass."""

from typing import Any

from backlit.core.primitive import Primitive
from backlit.errors import BacklitError, GraphError
from backlit.graph.graph import Graph, Node, Ref, Type, types_of


def verify(graph: Graph, after: str) -> Graph:
    """Check that nodes read only earlier results, that types are what the operations say, that ends and inputs exist.

    Args:
        graph: The graph.
        after: What was done last, for the message.

    Returns:
        The graph itself.

    Raises:
        GraphError: The node, the operation and the types that do not fit.
    """
    for number, node in enumerate(graph.nodes):
        operands = []
        for ref in node.inputs:
            if isinstance(ref, Ref):
                if not 0 <= ref.node < number or not _made(graph, ref):
                    raise GraphError(f"after {after}: node %{number} reads {ref}, which no earlier node makes")
                operands.append(graph.type_of(ref))
            else:
                operands.append(ref)
        if node.operation is not None:
            found = _results(node.operation, operands, number, node, after)
            if found != node.results:
                raise GraphError(
                    f"after {after}: node %{number}, {node.operation.name}, is noted as "
                    f"{', '.join(map(str, node.results))} but makes {', '.join(map(str, found))}"
                )
    inputs = [number for number, node in enumerate(graph.nodes) if node.operation is None]
    if sorted([*graph.arguments, *graph.states]) != inputs:
        raise GraphError(
            f"after {after}: arguments {graph.arguments} and states {graph.states} are listed, but its inputs are "
            f"{tuple(inputs)}"
        )
    for ref in graph.ends():
        if not _made(graph, ref):
            raise GraphError(f"after {after}: {ref} is asked for, but no node makes it")
    for number, value in [*graph.writes, *graph.grads]:
        if number not in inputs:
            raise GraphError(f"after {after}: %{number} is written, but is no input")
        if value is not None and graph.type_of(value) != graph.nodes[number].results[0]:
            raise GraphError(
                f"after {after}: {value} of type {graph.type_of(value)} is left in %{number} "
                f"({graph.nodes[number].name}), which holds {graph.nodes[number].results[0]}"
            )
    return graph


def _made(graph: Graph, ref: Ref) -> bool:
    return 0 <= ref.node < len(graph.nodes) and 0 <= ref.result < len(graph.nodes[ref.node].results)


def _results(operation: Primitive, operands: list[Any], number: int, node: Node, after: str) -> tuple[Type, ...]:
    """The types of a node's results, as its operation says."""
    try:
        return types_of(operation, operands, node.settings)
    except (ValueError, TypeError, IndexError, BacklitError) as error:
        given = [o.symbol() if isinstance(o, Type) else o for o in operands]
        words = error if isinstance(error, BacklitError) else operation.failure(error, given, dict(node.settings))
        raise GraphError(f"after {after}: node %{number}, {words}") from error
