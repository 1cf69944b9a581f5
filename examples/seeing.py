"""See a computation: its graph with every value and gradient, backpropagation step by step, the chain rule in words.

    python examples/seeing.py --out pictures

The pictures of the manual are made by this program: `python examples/seeing.py --out docs/pictures`.
"""

import argparse
from pathlib import Path

import backlit
from backlit import nn, view


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw and explain two small computations.")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the pictures")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)

    # f = (x + y) z: what arrives at the sum goes on to x and y as it is, the product swaps and scales.
    x = backlit.tensor(-2.0, requires_grad=True)
    y = backlit.tensor(5.0, requires_grad=True)
    z = backlit.tensor(-4.0, requires_grad=True)
    with backlit.record():
        q = x + y
        f = q * z
        f.backward()
    for theme in ("light", "dark"):
        view.graph(f, theme=theme).save(folder / f"sum-times-{theme}.svg")
    steps = view.steps(f, lr=0.1)
    steps.save(folder / "steps.html")
    print(steps.text, view.explain(f, x).text, view.node(q, f).text, sep="\n\n")

    # A network: modules are boxes, arrays are heat maps with their shape and norm.
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    inputs, labels = backlit.randn(6, 4), backlit.tensor([0, 1, 2, 0, 1, 2])
    with backlit.record():
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
    for theme in ("light", "dark"):
        view.graph(loss, theme=theme).save(folder / f"network-{theme}.svg")
    print(view.explain(loss, model[0].weight).text)


if __name__ == "__main__":
    main()
