"""Jobs around a base of which one property varies: how cost grows, and where it jumps."""

from collections.abc import Callable

from benchmarks.floor import operations
from benchmarks.jobs import Job

INPUTS, CLASSES = 64, 10
WIDTH, DEPTH, BATCH = 128, 2, 64
WORK = 2e9  # operations of a fit, so that it takes some hundredths of a second
STEPS = (4, 500)  # but no fewer steps and no more


def shaped(
    optimizer: str,
    *,
    width: int = WIDTH,
    depth: int = DEPTH,
    batch: int = BATCH,
    inputs: int = INPUTS,
    classes: int = CLASSES,
    steps: int | None = None,
) -> Job:
    """One epoch of a network with `depth` hidden layers of `width` units."""
    sizes = (inputs, *[width] * depth, classes)
    if steps is None:
        a_step = operations(Job("step", sizes, batch, batch, 1, optimizer))
        steps = min(max(round(WORK / a_step), STEPS[0]), STEPS[1])
    name = f"{optimizer} width={width} depth={depth} batch={batch} inputs={inputs} classes={classes}"
    return Job(name, sizes, rows=batch * steps, batch_size=batch, epochs=1, optimizer=optimizer)


def along(axis: str, optimizer: str) -> Callable[..., Job]:
    """The job at a value of an axis: "width", "depth", "batch", "inputs" or "classes"."""
    return lambda value, steps=None: shaped(optimizer, **{axis: value}, steps=steps)


def steps_of(job: Job) -> int:
    return job.batches * job.epochs
