"""A loss that is no number stops training before the update, and the message says why."""

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.errors import NonFiniteError
from backlit.ops import default_generator
from backlit.train import Trainer
from tests.train.problems import line, small_trainer, weights
from tests.train.test_trainer import Rows


class Log(nn.Module):
    def forward(self, x):
        return x.log()


def states(trainer):
    state = {name: value.tolist() for name, value in trainer.model.state_dict().items()}
    return state, default_generator.get_state().tolist(), trainer.optimizer.state_dict()["state"]


class Remember:
    """Keeps the state after a step, to compare with the state after the failure in the next."""

    def __init__(self, step):
        self.step = step

    def on_batch_end(self, trainer):
        if trainer.step == self.step:
            self.state = states(trainer)


def test_a_nan_in_rows_read_one_by_one_is_named_and_the_step_not_made():
    X, y = line(20)
    X[13, 1] = np.nan
    backlit.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1))
    before = Remember(3)
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.01), callbacks=[before])
    with pytest.raises(NonFiniteError, match=r"the loss is nan; the batch's input has nan in its row 1, column 1"):
        trainer.fit(Rows(X, y), epochs=1, batch_size=4, shuffle=False)
    assert trainer.step == 3
    assert states(trainer) == before.state
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_operation_and_the_layer_are_named():
    X, y = line(8)
    trainer = small_trainer(2, 3, 1, layers=(Log(),))
    before = weights(trainer)
    with pytest.raises(NonFiniteError, match=r"forward: log in 1 made a NaN"):
        trainer.fit((X, y), epochs=1)
    assert weights(trainer) == before


def test_a_rate_that_is_too_high_is_said():
    X, y = line(64)
    trainer = small_trainer(lr=50.0)
    with pytest.raises(NonFiniteError, match=r"the learning rate 50") as caught:
        trainer.fit((X, y), epochs=50, batch_size=8)
    assert "grown from" in str(caught.value) or "NaN or infinity since an earlier update" in str(caught.value)


def test_parameters_that_a_gradient_has_spoilt_are_named():
    class Root(nn.Module):
        """Has an infinite slope where its parameter is 0, and a finite value."""

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(backlit.zeros(1))

        def forward(self, x):
            return x[:, :1] * self.scale.sqrt()

    model = Root()
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(NonFiniteError, match="the parameter scale holds NaN or infinity since an earlier update"):
        trainer.fit(line(8), epochs=2, batch_size=4)

    model = Root()
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.1), clip_grad_norm=1.0)
    with pytest.raises(NonFiniteError, match=r"the norm of the gradients is .*; backward: .*sqrt"):
        trainer.fit(line(8), epochs=2, batch_size=4)
    assert model.scale.tolist() == [0.0]
