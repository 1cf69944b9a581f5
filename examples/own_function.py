"""An operation of one's own with its gradient written by hand, checked against finite differences, in a network."""

import backlit
from backlit import nn
from backlit.autograd import Function, gradcheck


class SoftSign(Function):
    """x / (1 + |x|), with derivative 1 / (1 + |x|)^2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (1 + x.abs()) ** 2


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(1, 16)
        self.second = nn.Linear(16, 1)

    def forward(self, x):
        return self.second(SoftSign.apply(self.first(x)))


def main():
    x = backlit.linspace(-2, 2, 7, dtype=backlit.float64, requires_grad=True)
    print("gradient agrees with finite differences:", gradcheck(SoftSign.apply, (x,)))

    backlit.manual_seed(0)
    x = backlit.linspace(-3, 3, 100).reshape(-1, 1)
    y = backlit.sin(x)
    model = Network()
    optimizer = backlit.optim.Adam(model.parameters(), lr=0.02)
    for step in range(501):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.5f}")


if __name__ == "__main__":
    main()
