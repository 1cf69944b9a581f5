"""The check that a graph is well formed, run after tracing and after every pass."""

from backlit.errors import GraphError
from backlit.graph.graph import Graph, Ref, Type


def verify(graph: Graph, after: str) -> Graph:
    """Check that every node reads only earlier results, and that all types are what the operations say.

    Args:
        graph: The graph.
        after: What was done last, for the message.

    Returns:
        The graph itself.

    Raises:
        GraphError: The node, the operation and the types that do not fit.
    """
    for number, node in enumerate(graph.nodes):
        for ref in node.refs():
            if not 0 <= ref.node < number or ref.result >= len(graph.nodes[ref.node].results):
                raise GraphError(f"after {after}: node %{number} reads {ref}, which no earlier node makes")
        if node.operation is None:
            continue
        operands = [graph.type_of(i).symbol() if isinstance(i, Ref) else i for i in node.inputs]
        found = tuple(Type.of(s) for s in node.operation.infer(*operands, **node.settings))
        if found != node.results:
            raise GraphError(
                f"after {after}: node %{number}, {node.operation.name}, is noted as "
                f"{', '.join(map(str, node.results))} but makes {', '.join(map(str, found))}"
            )
    for ref in graph.ends():
        if not 0 <= ref.node < len(graph.nodes):
            raise GraphError(f"after {after}: {ref} is asked for, but no node makes it")
    for number, value in [*graph.writes, *graph.grads]:
        if value is not None and graph.type_of(value) != graph.nodes[number].results[0]:
            raise GraphError(
                f"after {after}: {value} of type {graph.type_of(value)} is left in %{number} "
                f"({graph.nodes[number].name}), which holds {graph.nodes[number].results[0]}"
            )
    return graph
