"""Linear regression by gradient descent, twice: with gradients worked out by hand, and with automatic ones.

yhat = w x + b; J = sum (yhat - y)^2 / n; dJ/dw = 2 sum (yhat - y) x / n; dJ/db = 2 sum (yhat - y) / n.
"""

import numpy as np

import backlit

ALPHA = 0.1


def by_hand(x, y, w, b):
    """One step: the new w and b, and the cost before it."""
    error = w * x + b - y
    n = len(x)
    return w - ALPHA * 2 * np.sum(error * x) / n, b - ALPHA * 2 * np.sum(error) / n, np.sum(error**2) / n


def automatic(x, y, w, b):
    """The same step; `backward` finds the gradients."""
    cost = ((w * x + b - y) ** 2).sum() / len(x)
    cost.backward()
    with backlit.no_grad():
        for parameter in (w, b):
            parameter -= ALPHA * parameter.grad
            parameter.grad = None
    return cost.item()


def main():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 50)
    y = 2 * x + 1 + rng.normal(0, 0.1, 50)
    tx, ty = backlit.from_numpy(x), backlit.from_numpy(y)
    w, b = 0.0, 0.0
    tw, tb = (backlit.zeros((), dtype=backlit.float64, requires_grad=True) for _ in range(2))

    step, before = 0, np.inf
    while True:
        w, b, cost = by_hand(x, y, w, b)
        same_cost = automatic(tx, ty, tw, tb)
        if step % 20 == 0:
            print(f"step {step:>3}   by hand: J {cost:.6f}, w {w:.6f}, b {b:.6f}", end="   ")
            print(f"automatic: J {same_cost:.6f}, w {tw.item():.6f}, b {tb.item():.6f}")
        if before - cost < 1e-15:
            break
        step, before = step + 1, cost
    print(f"J stopped changing after {step} steps: y = {w:.4f} x + {b:.4f}")


if __name__ == "__main__":
    main()
