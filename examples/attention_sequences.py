"""Which of two letters comes first? An attention learns where to look, and shows it."""

import numpy as np

import backlit
from backlit import nn, optim
from backlit.train import Trainer

LETTERS = "ABcdefgh"
LENGTH = 10


def sequences(n, seed):
    """Small letters, with one A and one B among them, and whether B comes first."""
    rng = np.random.default_rng(seed)
    X = rng.integers(2, len(LETTERS), (n, LENGTH))
    places = rng.permuted(np.tile(np.arange(LENGTH), (n, 1)), axis=1)[:, :2]
    X[np.arange(n)[:, None], places] = [0, 1]
    return X, (places[:, 1] < places[:, 0]).astype(np.int64)


class FirstOfTwo(nn.Module):
    """One learnt question looks at all letters, each of which knows its place."""

    def __init__(self, size=16):
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), size)
        self.places = nn.Embedding(LENGTH, size)
        self.question = nn.Parameter(backlit.randn(1, 1, size))
        self.attention = nn.MultiheadAttention(size, num_heads=1, batch_first=True)
        self.answer = nn.Linear(size, 2)

    def look(self, x):
        seen = self.letters(x) + self.places(backlit.arange(LENGTH))
        return self.attention(self.question.expand(len(x), -1, -1), seen, seen)

    def forward(self, x):
        found, _ = self.look(x)
        return self.answer(found.squeeze(1))


def main():
    backlit.manual_seed(0)
    model = FirstOfTwo()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], seed=0)
    run = trainer.fit(sequences(4000, seed=0), val=sequences(1000, seed=1), epochs=10, batch_size=50)
    print(f"accuracy on new sequences: {100 * run.history['val_accuracy'][-1]:.1f}%")

    X, _ = sequences(3, seed=2)
    with backlit.no_grad():
        x = backlit.tensor(X)
        answers, (_, weights) = model(x).argmax(1), model.look(x)
    for row, answer, looks in zip(X, answers, weights.squeeze(1), strict=True):
        print()
        print("letters  ", "".join(f"{LETTERS[letter]:>5}" for letter in row))
        print("looks at ", "".join(f"{100 * look:>4.0f}%" for look in looks.tolist()))
        print(f"answer    {LETTERS[int(answer)]} comes first")


if __name__ == "__main__":
    main()
