"""The lecture's network, trained on Fashion-MNIST by a loop written out, as in PyTorch's quickstart tutorial.

The images are found by themselves where Debian's package `dataset-fashion-mnist` is installed, or in the folder `data`;
else they are downloaded there.

    python examples/quickstart.py [--epochs N] [--limit ROWS] [--data FOLDER]
"""

import argparse
import sys

import backlit as torch
from backlit import nn
from backlit.data import datasets
from backlit.data.transforms import ToTensor
from backlit.errors import BacklitError
from backlit.utils.data import DataLoader, Subset


class NeuralNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28 * 28, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, 10),
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits


def train(dataloader, model, loss_fn, optimizer):
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        pred = model(X)
        loss = loss_fn(pred, y)

        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

        if batch % 100 == 0:
            print(f"loss: {loss.item():>7f}  [{(batch + 1) * len(X):>5d}/{size:>5d}]")


def test(dataloader, model, loss_fn):
    size = len(dataloader.dataset)
    num_batches = len(dataloader)
    model.eval()
    test_loss, correct = 0.0, 0.0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    test_loss /= num_batches
    correct /= size
    print(f"Test: accuracy {100 * correct:.1f}%, average loss {test_loss:.4f}\n")


def main():
    parser = argparse.ArgumentParser(description="Train the lecture's network on Fashion-MNIST.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="use only so many images")
    parser.add_argument("--data", default="data", help="the folder of the images")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    try:
        parts = [
            datasets.FashionMNIST(root=arguments.data, train=train, download=True, transform=ToTensor())
            for train in (True, False)
        ]
    except BacklitError as error:
        sys.exit(f"quickstart: {error}")
    if arguments.limit is not None:
        parts = [Subset(part, range(min(arguments.limit, len(part)))) for part in parts]
    train_dataloader = DataLoader(parts[0], batch_size=64, shuffle=True)
    test_dataloader = DataLoader(parts[1], batch_size=64)

    model = NeuralNetwork()
    print(model)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(arguments.epochs):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        train(train_dataloader, model, loss_fn, optimizer)
        test(test_dataloader, model, loss_fn)
    torch.save(model.state_dict(), "quickstart.safetensors")
    print("Saved the model's state to quickstart.safetensors")


if __name__ == "__main__":
    main()
