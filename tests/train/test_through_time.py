"""Gradients by the steps of a sequence are those of the input, eager and compiled; none where nothing is to tell."""

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.nn.utils.rnn import pack_padded_sequence
from backlit.train import Trainer, Watch


class Reader(nn.Module):
    def __init__(self, batch_first=True, packed=False):
        super().__init__()
        backlit.manual_seed(0)
        self.memory, self.answer = nn.LSTM(2, 4, batch_first=batch_first), nn.Linear(4, 3)
        self.packed = packed

    def forward(self, x):
        if self.packed:
            x = pack_padded_sequence(x, backlit.tensor([9] * len(x)), batch_first=True)
        elif not self.memory.batch_first:
            x = x.transpose(0, 1)
        _, (last, _) = self.memory(x)
        return self.answer(last[0])


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(12, 9, 2)).astype(np.float32), RNG.integers(0, 3, 12)


def watched(model, x=X, *, compile=True):
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1), seed=0, watch=1)
    return trainer.fit((x, Y), epochs=1, batch_size=12, shuffle=False, compile=compile).watched


@pytest.mark.parametrize("compile", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_they_are_the_gradients_of_the_input(batch_first, compile):
    x = backlit.tensor(X, requires_grad=True)
    nn.CrossEntropyLoss()(Reader(batch_first)(x), backlit.tensor(Y)).backward()
    found = watched(Reader(batch_first), compile=compile)
    for kind, part in (("early", x.grad[:, :2]), ("late", x.grad[:, 7:])):
        mean, std = found.series(kind, "memory")[0, 1:3]
        assert np.hypot(mean, std) == pytest.approx(float(part.square().mean().sqrt()), rel=1e-4)


def test_training_is_what_it_is_without_a_look():
    seen, unseen = Reader(), Reader()
    watched(seen)
    trainer = Trainer(unseen, nn.CrossEntropyLoss(), optim.SGD(unseen.parameters(), lr=0.1), seed=0)
    trainer.fit((X, Y), epochs=1, batch_size=12, shuffle=False)
    for name, value in unseen.state_dict().items():
        np.testing.assert_array_equal(seen.state_dict()[name].numpy(), value.numpy(), err_msg=name)
    assert not any(seen.memory._hooks_of(kind) for kind in ("forward", "forward_pre"))


def test_short_and_packed_sequences_tell_nothing():
    assert watched(Reader(), X[:, :7]).names("early") == []
    model = Reader(packed=True)
    optimizer, watch = optim.SGD(model.parameters(), lr=0.1), Watch(model, every=1)
    with watch:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(backlit.tensor(X)), backlit.tensor(Y))
        watch.see(loss)
        loss.backward()
        optimizer.step()
    assert watch.run().watched.names("early") == []
    assert watch.run().watched.names("values") == ["memory", "answer"]
