"""A small convolutional network that reads handwritten digits of 8 by 8 pixels."""

import backlit
from backlit import nn, optim
from backlit.data import datasets
from backlit.train import Trainer


def images_and_labels(data):
    """Rows of pixels as images of one channel: (n, 1, height, width)."""
    return data.X.reshape(-1, 1, *data.image_shape), data.y


def main():
    backlit.manual_seed(0)
    train, test = datasets.load("digits").split(seed=0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 2 * 2, 10),
    )
    print(model)

    optimizer = optim.Adam(model.parameters(), lr=0.002)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], seed=0)
    run = trainer.fit(images_and_labels(train), val=images_and_labels(test), epochs=20, batch_size=32)

    for epoch in range(0, 20, 5):
        values = ", ".join(f"{name} {series[epoch]:.4f}" for name, series in run.history.items())
        print(f"epoch {epoch + 1:>2}: {values}")
    print(f"test accuracy {100 * run.history['val_accuracy'][-1]:.1f}%")


if __name__ == "__main__":
    main()
