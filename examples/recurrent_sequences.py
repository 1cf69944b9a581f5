"""Handwritten digits read row by row by an LSTM, which says after each of the eight rows what it believes to see."""

import numpy as np

import backlit
from backlit import nn, optim
from backlit.data import datasets
from backlit.train import Trainer


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory = nn.LSTM(input_size=8, hidden_size=48, batch_first=True)
        self.decision = nn.Linear(48, 10)

    def forward(self, images):
        """(n, rows, 8) to (n, 10, rows): the logits of the ten digits after each row."""
        states, _ = self.memory(images)
        return self.decision(states).transpose(1, 2)


def sequences(data):
    """Images as sequences of rows, (n, rows, 8), and their labels repeated for each row, (n, rows)."""
    images = data.X.reshape(-1, *data.image_shape)
    return images, np.repeat(data.y[:, None], images.shape[1], axis=1)


def main():
    backlit.manual_seed(0)
    train, test = datasets.load("digits").split(seed=0)
    model = Reader()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, seed=0)
    images, labels = sequences(test)

    run = trainer.fit(sequences(train), val=(images, labels), epochs=20, batch_size=32)

    for epoch in range(0, 20, 5):
        values = ", ".join(f"{name} {series[epoch]:.4f}" for name, series in run.history.items())
        print(f"epoch {epoch + 1:>2}: {values}")
    right = (trainer.predict(images).argmax(1).numpy() == labels).mean(axis=0)
    for row, part in enumerate(right, start=1):
        print(f"after row {row}: {100 * part:.1f}% right")


if __name__ == "__main__":
    main()
