"""One neuron, taught by the perceptron rule (Rosenblatt, 1958): AND and OR it learns, XOR it cannot; two layers can."""

import backlit
from backlit import nn, optim
from backlit.errors import DataError

INPUTS = backlit.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
GATES = {"AND": [0, 0, 0, 1], "OR": [0, 1, 1, 1], "XOR": [0, 1, 1, 0]}


def one_neuron(name):
    neuron = nn.Perceptron(2)
    try:
        fit = neuron.fit(INPUTS, GATES[name])
    except DataError as error:
        print(f"{name}: {error}")
        return
    weights = ", ".join(f"{w:g}" for w in neuron.weight[0].tolist())
    print(f"{name}: learnt after {fit.updates} updates, w = ({weights}), b = {neuron.bias.item():g}")
    print(f"     decisions: {neuron(INPUTS).int().tolist()}")


def two_layers():
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    wanted = backlit.tensor(GATES["XOR"]).float().reshape(4, 1)
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = loss_fn(model(INPUTS), wanted)
        loss.backward()
        optimizer.step()
    decisions = (model(INPUTS) > 0).int().reshape(-1)
    print(f"XOR with two layers: loss {loss.item():.4f}, decisions: {decisions.tolist()}")


def main():
    for name in GATES:
        one_neuron(name)
    two_layers()


if __name__ == "__main__":
    main()
