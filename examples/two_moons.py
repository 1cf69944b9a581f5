"""A small classifier of two half moons, by the `Trainer`."""

import backlit
from backlit import nn, optim
from backlit.data import datasets
from backlit.train import Trainer


def main():
    backlit.manual_seed(0)
    X, y = datasets.two_moons(1000, noise=0.15, seed=0)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], seed=0)

    run = trainer.fit((X[:800], y[:800]), val=(X[800:], y[800:]), epochs=20, batch_size=32)

    for epoch in range(0, 20, 4):
        values = ", ".join(f"{name} {series[epoch]:.4f}" for name, series in run.history.items())
        print(f"epoch {epoch + 1:>2}: {values}")
    print(f"validation accuracy {100 * run.history['val_accuracy'][-1]:.1f}%")


if __name__ == "__main__":
    main()
