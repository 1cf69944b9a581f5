"""A line search for the strong Wolfe conditions."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt

from backlit.core.tensor_base import Array


@dataclass(frozen=True)
class Point:
    """A point of the line: step length `t`, loss `f`, gradient `g`, slope `slope` of the loss along the line."""

    t: float
    f: float
    g: Array
    slope: float


def cubic_minimum(a: Point, b: Point, low: float, high: float) -> float:
    """Where the cubic through both points, with their slopes, is least within the bounds; else their middle.

    Nocedal and Wright, "Numerical Optimization", second edition, equation (3.59).
    """
    if a.t > b.t:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not 0 <= square < inf:
        return (low + high) / 2
    d2 = sqrt(square)
    divisor = b.slope - a.slope + 2 * d2
    if divisor == 0:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / divisor), low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    first: float,
    longest: float,
    *,
    max_evals: int,
    sufficient: float = 1e-4,
    curvature: float = 0.9,
    tolerance_change: float = 1e-9,
) -> tuple[Point, int]:
    """Find a step with `f <= f0 + sufficient * t * slope0` and `|slope| <= curvature * |slope0|`.

    Nocedal and Wright, "Numerical Optimization", second edition, algorithms 3.5 and 3.6, with the cubic interpolation
    and safeguards of Schmidt's minFunc (2005), as in PyTorch.

    Args:
        evaluate: Gives the point at a step length.
        start: The point at length 0.
        first: Length to try first.
        longest: Largest change of a parameter for a length of 1.
        max_evals: How many further evaluations there may be after the first.
        sufficient: Least decrease, as a share of what the slope promises.
        curvature: Largest slope, as a share of the slope at the start.
        tolerance_change: Stop where parameters change less between the ends of the bracket.

    Returns:
        The best point found, and the number of evaluations.
    """

    def too_high(point: Point) -> bool:
        return point.f > start.f + sufficient * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -curvature * start.slope

    previous, new, evals = start, evaluate(first), 1
    bracket: list[Point] = []
    done = False
    while evals <= max_evals:
        if too_high(new) or (evals > 2 and new.f >= previous.f):
            bracket = [previous, new]
            break
        if flat(new):
            bracket, done = [new], True
            break
        if new.slope >= 0:
            bracket = [previous, new]
            break
        t = cubic_minimum(previous, new, new.t + 0.01 * (new.t - previous.t), new.t * 10)
        previous, new = new, evaluate(t)
        evals += 1
    else:
        bracket = [start, new]

    low, high = (0, 1) if bracket[0].f <= bracket[-1].f else (1, 0)
    stuck = False
    while not done and evals <= max_evals:
        least, most = sorted(p.t for p in bracket)
        if (most - least) * longest < tolerance_change:
            break
        t = cubic_minimum(bracket[0], bracket[1], least, most)
        margin = 0.1 * (most - least)
        # Too near an end, twice or beyond it: move inwards, so that the bracket shrinks.
        if min(most - t, t - least) < margin:
            if stuck or t >= most or t <= least:
                t = most - margin if abs(t - most) < abs(t - least) else least + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = evaluate(t)
        evals += 1
        if too_high(new) or new.f >= bracket[low].f:
            bracket[high] = new
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
            continue
        if flat(new):
            done = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], evals
