"""JAX: a jitted step called from Python, or a whole epoch as one `lax.scan`."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.jobs import Job


def build(job: Job, X: Any, y: Any, *, scan: bool) -> Callable[[], float]:
    X, y = jnp.asarray(X), jnp.asarray(y)
    key, parameters_key = jax.random.split(jax.random.key(0))
    state = start(job, parameters_key)
    update = partial(_adam if job.optimizer == "Adam" else _sgd, job.lr)
    step = jax.jit(update, donate_argnums=0)

    @partial(jax.jit, donate_argnums=0)
    def scanned(state: Any, perm: Any) -> tuple[Any, Any]:
        rows = perm[: job.batches * job.batch_size].reshape(job.batches, job.batch_size)
        state, losses = jax.lax.scan(lambda state, rows: update(state, X[rows], y[rows]), state, rows)
        return state, losses[-1]

    def stepped(state: Any, perm: Any) -> tuple[Any, Any]:
        for i in range(0, job.batches * job.batch_size, job.batch_size):
            rows = perm[i : i + job.batch_size]
            state, loss = step(state, X[rows], y[rows])
        return state, loss

    epoch = scanned if scan else stepped

    def fit() -> float:
        nonlocal key, state
        for _ in range(job.epochs):
            key, epoch_key = jax.random.split(key)
            state, loss = epoch(state, jax.random.permutation(epoch_key, job.rows))
        return float(loss)

    return fit


def start(job: Job, key: Any) -> Any:
    """Parameters by PyTorch's default rule, with Adam's two moments and its step count where they are used."""
    parameters = []
    for inputs, outputs in pairwise(job.sizes):
        key, weight_key, bias_key = jax.random.split(key, 3)
        bound = inputs**-0.5
        uniform = partial(jax.random.uniform, minval=-bound, maxval=bound)
        parameters.append((uniform(weight_key, (inputs, outputs)), uniform(bias_key, (outputs,))))
    if job.optimizer == "SGD":
        return parameters
    return parameters, *(jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)), jnp.float32(0)


def forward(parameters: Any, x: Any) -> Any:
    """The scores of the classes."""
    for i, (weight, bias) in enumerate(parameters):
        x = x @ weight + bias
        if i < len(parameters) - 1:
            x = jnp.maximum(x, 0)
    return x


def _loss(parameters: Any, x: Any, y: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(forward(parameters, x)), y[:, None], 1).mean()


def _sgd(lr: float, parameters: Any, x: Any, y: Any) -> tuple[Any, Any]:
    loss, grads = jax.value_and_grad(_loss)(parameters, x, y)
    return jax.tree.map(lambda p, g: p - lr * g, parameters, grads), loss


def _adam(lr: float, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
    parameters, first, second, t = state
    loss, grads = jax.value_and_grad(_loss)(parameters, x, y)
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grads)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grads)

    def move(p: Any, m: Any, v: Any) -> Any:
        return p - lr * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)

    return (jax.tree.map(move, parameters, first, second), first, second, t), loss
