"""Convolution and attention."""

import functools
from typing import Any

import numpy as np

import backlit
from backlit import nn, optim, view
from backlit.data import datasets
from backlit.train import Trainer


@functools.cache
def convolutions() -> tuple[nn.Module, Any]:
    digits = datasets.digits()
    images = digits.X.reshape(-1, 1, *digits.image_shape)
    backlit.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 4 * 4, 10),
    )
    optimizer = optim.Adam(model.parameters(), lr=0.005)
    Trainer(model, nn.CrossEntropyLoss(), optimizer, seed=0).fit((images, digits.y), epochs=10)
    return model, images


def kernels(theme: str) -> Any:
    """What a convolution looks for.

    Its kernels as little images: where the image is like one of them, that channel is large.
    """
    return view.kernels(convolutions()[0], theme=theme)


def feature_maps(theme: str) -> Any:
    """What each layer makes of an image.

    A row a layer, an image a channel.
    """
    model, images = convolutions()
    return view.feature_maps(model, images[0], theme=theme)


def convolution_graph(theme: str) -> Any:
    """A network of convolutions as a graph.

    Each layer is a box; the shapes stand over the heat maps.
    """
    model, images = convolutions()
    with backlit.record():
        loss = nn.functional.cross_entropy(model(backlit.tensor(images[:4])), backlit.tensor([0, 1, 2, 3]))
        loss.backward()
    return view.graph(loss, collapse=0, direction="down", theme=theme)


class Doubles(nn.Module):
    """Says at each place whether the letter there stands elsewhere in the word too."""

    def __init__(self, letters: int, size: int = 16) -> None:
        super().__init__()
        self.letters = nn.Embedding(letters, size)
        self.encoder = nn.TransformerEncoderLayer(size, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True)
        self.answer = nn.Linear(size, 2)

    def forward(self, x: backlit.Tensor) -> backlit.Tensor:
        return self.answer(self.encoder(self.letters(x))).transpose(1, 2)


def attention(theme: str) -> Any:
    """Where an attention looks.

    The network says of each letter whether the word has it twice: letters look at their like.
    """
    words = np.random.default_rng(0).integers(0, 26, (3000, 8))
    twice = ((words[:, :, None] == words[:, None]).sum(2) > 1).astype(np.int64)
    backlit.manual_seed(0)
    model = Doubles(26)
    optimizer = optim.Adam(model.parameters(), lr=0.005)
    Trainer(model, nn.CrossEntropyLoss(), optimizer, seed=0).fit((words, twice), epochs=20)
    word = "seesalts"
    return view.attention(model, [[ord(letter) - ord("a") for letter in word]], word, theme=theme)
