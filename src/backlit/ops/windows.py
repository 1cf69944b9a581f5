"""Windows that slide over dimensions: what convolutions and pools look at."""

from typing import Any

from backlit.core.namespace import window_count
from backlit.core.primitive import primitive


@primitive(
    role="copies to the windows an element is in; their gradients add up",
    notation="windows({x})",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(2, 5)),), {"dims": (1,), "sizes": (3,), "steps": (1,), "gaps": (1,)}),
        ((rng.normal(size=(2, 6, 5, 3)),), {"dims": (1, 2), "sizes": (2, 3), "steps": (2, 1), "gaps": (1, 2)}),
        ((rng.normal(size=(4, 4)),), {"dims": (0, 1), "sizes": (2, 1), "steps": (3, 2), "gaps": (1, 1)}),
    ],
)
def windows(
    xp: Any, x: Any, *, dims: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
) -> Any:
    """All windows over `dims`: those become the places of windows, and what is inside comes last; see `xp.windows`."""
    return xp.windows(x, dims, sizes, steps, gaps).copy()


@windows.shape
def _windows_shape(
    x: Any, dims: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
) -> Any:
    found = list(x.shape)
    for dim, size, step, gap in zip(dims, sizes, steps, gaps, strict=True):
        found[dim] = window_count(x.shape[dim], size, step, gap)
        if found[dim] < 1:
            raise ValueError(f"no window of {size} elements, {gap} apart, fits into dimension {dim}")
    return (*found, *sizes), x.dtype


@primitive(
    role="passes on to each window",
    notation="sum of windows({x})",
    promote=None,
    samples=lambda rng: [
        ((rng.normal(size=(2, 3, 3)),), {"shape": (2, 5), "dims": (1,), "steps": (1,), "gaps": (1,)}),
        (
            (rng.normal(size=(2, 3, 1, 3, 2, 3)),),
            {"shape": (2, 6, 5, 3), "dims": (1, 2), "steps": (2, 1), "gaps": (1, 2)},
        ),
    ],
)
def add_windows(
    xp: Any, x: Any, *, shape: tuple[int, ...], dims: tuple[int, ...], steps: tuple[int, ...], gaps: tuple[int, ...]
) -> Any:
    """The tensor of `shape` of whose windows, as `windows` sees them, the elements add up."""
    return xp.add_windows(x, shape, dims, steps, gaps)


@add_windows.shape
def _add_windows_shape(x: Any, shape: tuple[int, ...], **_: Any) -> Any:
    return shape, x.dtype


windows.gradient(
    x=lambda g, x_shape, dims, steps, gaps: add_windows.bind(g, shape=x_shape, dims=dims, steps=steps, gaps=gaps)
)
add_windows.gradient(
    x=lambda g, x_shape, shape, dims, steps, gaps: windows.bind(
        g, dims=dims, sizes=x_shape[len(shape) :], steps=steps, gaps=gaps
    )
)
