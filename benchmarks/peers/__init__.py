"""The peers: one row says which library a peer needs, which function builds its fit, and with which settings.

A builder takes (job, X, y, **settings) and returns a function without arguments: each call trains the same model for
the job's epochs and returns the last batch's loss. Adding a peer is adding a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Peer:
    """`builder` is "module:function", imported in the peer's own process only: of `python`, or of this interpreter."""

    name: str
    library: str
    builder: str
    settings: Mapping[str, object] = field(default_factory=dict)
    python: str = ""


_TORCH_STYLE = "benchmarks.peers.torch_style:build"
_JAX = "benchmarks.peers.jax_functions:build"

PEERS = {
    peer.name: peer
    for peer in (
        Peer("backlit", "backlit", "benchmarks.peers.backlit_trainer:build"),
        Peer("backlit-eager", "backlit", _TORCH_STYLE, {"library": "backlit"}),
        Peer("torch", "torch", _TORCH_STYLE, {"library": "torch"}),
        Peer("torch-fused", "torch", _TORCH_STYLE, {"library": "torch", "fused": True}),
        Peer("torch-loader", "torch", _TORCH_STYLE, {"library": "torch", "fused": True, "loader": True}),
        Peer("torch-compile", "torch", _TORCH_STYLE, {"library": "torch", "fused": True, "compiled": True}),
        Peer("jax-jit", "jax", _JAX, {"scan": False}),
        Peer("jax-scan", "jax", _JAX, {"scan": True}),
        Peer("sklearn", "sklearn", "benchmarks.peers.sklearn_mlp:build"),
    )
}


def older_jax(python: str) -> Peer:
    """The JAX of another environment, whose interpreter is given; no peer for the ratio, which is over today's."""
    return Peer("jax-old", "jax", _JAX, {"scan": True}, python)
