"""State dicts: what is kept, what comes back, and that nothing changes when anything is wrong."""

import numpy as np
import pytest

import backlit
from backlit import nn
from backlit.errors import ArgumentTypeError, StateError


def net():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False))


def test_it_names_and_shares_parameters_and_buffers():
    model = net()
    state = model.state_dict()
    assert list(state) == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
        "2.weight",
    ]
    assert np.shares_memory(state["0.weight"].numpy(), model[0].weight.detach().numpy())
    assert not state["0.weight"].requires_grad
    assert model.state_dict(keep_vars=True)["0.weight"] is model[0].weight
    given = {"other": 1}
    assert model.state_dict(destination=given, prefix="net.") is given
    assert "net.2.weight" in given


def test_loading_copies_values_and_casts():
    one, other = net().double(), net()
    result = other.load_state_dict(one.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert other[0].weight.dtype is backlit.float32
    np.testing.assert_allclose(other[0].weight.detach(), one[0].weight.detach(), rtol=1e-6)
    with backlit.no_grad():
        one[0].weight.fill_(0)
    assert other[0].weight.abs().sum().item() > 0


def test_all_that_is_wrong_is_listed_and_nothing_is_loaded():
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = {name: value + 1 for name, value in model.state_dict().items()}
    state["2.wieght"] = state.pop("2.weight")
    state["0.weight"] = backlit.ones(3, 3)
    state["1.bias"] = [0.0, 0.0, 0.0]
    with pytest.raises(StateError) as caught:
        model.load_state_dict(state)
    told = str(caught.value)
    assert "nothing was loaded into Sequential" in told
    assert "missing names: '2.weight'" in told
    assert "unexpected names: '2.wieght'; did you mean '2.weight'?" in told
    assert "0.weight: the given shape (3, 3) is not the module's (3, 2)" in told
    assert "1.bias: expected a tensor of backlit, got builtins.list; backlit.interop.load_weights takes" in told
    for strict in (True, False):
        with pytest.raises(RuntimeError):
            model.load_state_dict(state, strict=strict)
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
    with pytest.raises(ArgumentTypeError, match="expected a dict, got list"):
        model.load_state_dict([1])


def test_loading_less_strictly_tells_what_did_not_match():
    model = net()
    state = model.state_dict()
    del state["0.bias"]
    state["more"] = backlit.ones(1)
    result = model.load_state_dict(state, strict=False)
    assert result.missing_keys == ["0.bias"]
    assert result.unexpected_keys == ["more"]
    assert repr(result) == "IncompatibleKeys(missing_keys=['0.bias'], unexpected_keys=['more'])"


def test_assigning_holds_the_given_tensors():
    model, state = net(), net().double().state_dict()
    version = model.structure_version
    model.load_state_dict(state, assign=True)
    assert model[0].weight.dtype is backlit.float64
    assert isinstance(model[0].weight, nn.Parameter)
    assert model[0].weight.requires_grad
    assert model[1].running_mean is state["1.running_mean"]
    assert np.shares_memory(model[0].weight.detach().numpy(), state["0.weight"].numpy())
    assert model.structure_version != version


def test_a_load_makes_an_older_tape_stale():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    loss = model(backlit.ones(1, 2)).sum()
    model.load_state_dict(model.state_dict())
    with pytest.raises(backlit.errors.GradientError, match="load_state_dict"):
        loss.backward()


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 0

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state):
        self.count = state["count"]


def test_extra_state_is_kept():
    one, other = nn.Sequential(Counting()), nn.Sequential(Counting())
    one[0].count = 7
    assert one.state_dict() == {"0._extra_state": {"count": 7}}
    other.load_state_dict(one.state_dict())
    assert other[0].count == 7
    with pytest.raises(StateError, match=r"0\._extra_state"):
        other.load_state_dict({})


def test_hooks_around_saving_and_loading():
    model, calls = nn.Sequential(nn.Linear(1, 1, bias=False)), []
    model.register_state_dict_pre_hook(lambda module, prefix, keep_vars: calls.append("saving"))
    model.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(version=backlit.tensor(1)))

    def rename(module, state, prefix, meta, strict, missing, unexpected, errors):
        state["0.weight"] = state.pop("old")
        state.pop("version")

    model.register_load_state_dict_pre_hook(rename)
    model.register_load_state_dict_post_hook(lambda module, keys: calls.append(keys.missing_keys))
    state = model.state_dict()
    state["old"] = state.pop("0.weight")
    model.load_state_dict(state)
    assert calls == ["saving", []]
    assert "old" in state
