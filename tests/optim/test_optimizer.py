"""Groups, state, saving and loading, and what every optimizer refuses."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import optim
from backlit.core.stateful import Stateful
from backlit.errors import ArgumentError, ArgumentTypeError, MissingNameError, StateError

ALL = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "LBFGS"]


def parameter(*shape: int, seed: int = 0) -> Any:
    param = backlit.tensor(np.random.default_rng(seed).normal(size=shape)).requires_grad_()
    param.grad = backlit.tensor(np.random.default_rng(seed + 1).normal(size=shape))
    return param


def stepped(optimizer: Any, steps: int = 1) -> Any:
    for _ in range(steps):
        optimizer.step()
    return optimizer


# -- groups ----------------------------------------------------------------------------------------------------------


def test_groups_take_options_of_their_own_and_defaults_for_the_rest() -> None:
    a, b = parameter(2), parameter(3)
    optimizer = optim.SGD([{"params": a, "lr": 0.5, "momentum": 0.9}], lr=0.1)
    optimizer.add_param_group({"params": [b], "weight_decay": 0.2})
    first, second = optimizer.param_groups
    assert (first["lr"], first["momentum"], first["weight_decay"]) == (0.5, 0.9, 0)
    assert (second["lr"], second["momentum"], second["weight_decay"]) == (0.1, 0, 0.2)
    before = b.detach().numpy().copy()
    optimizer.step()
    np.testing.assert_allclose(b.detach().numpy(), before - 0.1 * (b.grad.numpy() + 0.2 * before))


def test_rates_read_as_numbers_and_are_tensors_underneath() -> None:
    group = optim.Adam([parameter(2)], lr=backlit.tensor(0.25), betas=[0.5, 0.75]).param_groups[0]
    assert type(group["lr"]) is float
    assert group["betas"] == (0.5, 0.75)
    tensor = group.tensor("lr")
    group["lr"] = 0.5
    assert group.tensor("lr") is tensor
    assert tensor.dtype == backlit.float64
    assert tensor.item() == 0.5
    assert dict(group)["lr"] == 0.5
    with pytest.raises(ArgumentTypeError, match="Adam: lr must be a number, got 'fast'"):
        group["lr"] = "fast"
    with pytest.raises(ArgumentError, match=r"betas must be 2 number\(s\)"):
        group["betas"] = (0.1,)
    assert (group["lr"], group["betas"]) == (0.5, (0.5, 0.75))
    del group["amsgrad"]
    assert "amsgrad" not in group


def test_names_of_parameters_are_kept() -> None:
    optimizer = optim.SGD(iter([("weight", parameter(2)), ("bias", parameter(1))]), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ArgumentError, match="either all parameters come with names or none do"):
        optimizer.add_param_group({"params": [parameter(3)]})
    with pytest.raises(ArgumentError, match="either all"):
        optim.SGD([("weight", parameter(2)), parameter(1)])


def test_an_optimizer_prints_its_groups() -> None:
    assert repr(optim.SGD([parameter(2)], lr=0.5)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    lr: 0.5\n    maximize: False\n    momentum: 0.0\n"
        "    nesterov: False\n    weight_decay: 0\n)"
    )


# -- steps -----------------------------------------------------------------------------------------------------------


def test_zero_grad_forgets_or_fills_with_zeros() -> None:
    a, b = parameter(2), parameter(3)
    b.grad = None
    optimizer = optim.SGD([a, b])
    grad = a.grad
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0, 0]
    assert grad.tolist() == [0, 0]
    assert b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_a_closure_is_called_once_with_gradients_on_and_its_result_returned() -> None:
    param = parameter(2)
    optimizer = optim.SGD([param], lr=0.1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (param**2).sum()
        loss.backward()
        return loss

    before = param.detach().numpy().copy()
    with backlit.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == pytest.approx((before**2).sum())
    np.testing.assert_allclose(param.detach().numpy(), 0.8 * before)
    assert optimizer.step() is None


def test_hooks_run_around_a_step() -> None:
    seen: list[Any] = []
    optimizer = optim.SGD([parameter(2)])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", o, args, kwargs)))
    handle = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", o, args, kwargs)))
    optimizer.step()
    assert seen == [("before", optimizer, (), {}), ("after", optimizer, (), {})]
    copy.deepcopy(optimizer).step()
    assert len(seen) == 2
    handle.remove()
    optimizer.step()
    assert [entry[0] for entry in seen] == ["before", "after", "before"]


def test_an_optimizer_of_ones_own_needs_only_a_step() -> None:
    class SignSGD(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            with backlit.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
                        p -= group["lr"] * p.grad.sign()

    param = parameter(3)
    before, optimizer = param.detach().numpy().copy(), SignSGD([param], 0.5)
    optimizer.step()
    np.testing.assert_allclose(param.detach().numpy(), before - 0.5 * np.sign(param.grad.numpy()))
    other = SignSGD([parameter(3)], 0.1)
    other.load_state_dict(optimizer.state_dict())
    assert next(iter(other.state.values())) == {"steps": 1}


@pytest.mark.parametrize("kind", ALL[:-1])
def test_prepared_state_is_the_state_of_the_first_step(kind: str) -> None:
    options = {"momentum": 0.9, "dampening": 0.5} if kind == "SGD" else {}
    prepared, lazy = parameter(2), parameter(2)
    first, second = (getattr(optim, kind)([p], lr=0.1, **options) for p in (prepared, lazy))
    assert isinstance(first, Stateful)
    frozen = parameter(4).requires_grad_(False)
    frozen.grad = None
    first.add_param_group({"params": [frozen]})
    version = first.structure_version
    first.prepare()
    assert first.structure_version > version
    assert frozen not in first.state
    tensors = list(first.state_tensors())
    version = first.structure_version
    stepped(first, 3)
    stepped(second, 3)
    assert first.structure_version == version
    assert all(a is b for a, b in zip(first.state_tensors(), tensors, strict=True))
    np.testing.assert_array_equal(prepared.detach().numpy(), lazy.detach().numpy())


def test_edits_that_change_the_program_raise_the_structure_version_and_rates_do_not() -> None:
    optimizer = optim.SGD([parameter(2)], lr=0.1, momentum=0.9)
    group = optimizer.param_groups[0]
    versions = [optimizer.structure_version]

    def note() -> None:
        versions.append(optimizer.structure_version)

    group["lr"] = 0.2
    group["momentum"] = 0.8
    note()
    assert versions[0] == versions[1]
    group["momentum"] = 0.0
    note()
    group["weight_decay"] = 0.1
    note()
    optimizer.add_param_group({"params": [parameter(3)]})
    note()
    assert versions[1:] == sorted(set(versions[1:]))


def test_momentum_and_dampening_may_be_switched_on_later() -> None:
    param = parameter(3)
    optimizer = stepped(optim.SGD([param], lr=0.1))
    assert optimizer.state_dict()["state"] == {}
    optimizer.param_groups[0]["momentum"] = 0.5
    stepped(optimizer)
    optimizer.param_groups[0]["dampening"] = 0.5
    buffer = optimizer.state[param]["momentum_buffer"].numpy().copy()
    stepped(optimizer)
    grad = param.grad.numpy()
    np.testing.assert_allclose(buffer, grad)
    np.testing.assert_allclose(optimizer.state[param]["momentum_buffer"].numpy(), 0.5 * buffer + 0.5 * grad)


# -- state -----------------------------------------------------------------------------------------------------------


def closure_of(optimizer: Any, param: Any) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((param - 1) ** 2).sum() + (param**4).sum()
        loss.backward()
        return loss

    return closure


@pytest.mark.parametrize("way", ["state dict", "deepcopy", "pickle"])
@pytest.mark.parametrize("kind", ALL)
def test_a_restored_optimizer_goes_on_bit_for_bit(kind: str, way: str) -> None:
    options: dict[str, Any] = {"max_iter": 2} if kind == "LBFGS" else {}
    if kind == "SGD":
        options = {"momentum": 0.9, "dampening": 0.1}
    param = parameter(2, 3)
    optimizer = getattr(optim, kind)([param], lr=0.1, **options)
    for _ in range(3):
        optimizer.step(closure_of(optimizer, param))
    if way == "state dict":
        twin = backlit.tensor(param.detach().numpy().copy()).requires_grad_()
        other = getattr(optim, kind)([twin])
        other.load_state_dict(optimizer.state_dict())
    else:
        other = copy.deepcopy(optimizer) if way == "deepcopy" else pickle.loads(pickle.dumps(optimizer))
        (twin,) = other.param_groups[0]["params"]
    assert twin is not param
    for _ in range(3):
        optimizer.step(closure_of(optimizer, param))
        other.step(closure_of(other, twin))
    np.testing.assert_array_equal(twin.detach().numpy(), param.detach().numpy())


def test_a_state_dict_looks_like_pytorchs() -> None:
    params = [parameter(2), parameter(3)]
    saved = stepped(optim.Adam(params, lr=0.1)).state_dict()
    assert saved["state"].keys() == {0, 1}
    assert saved["state"][1].keys() == {"exp_avg", "exp_avg_sq", "step"}
    assert saved["state"][0]["step"].item() == 1
    assert saved["param_groups"][0]["params"] == [0, 1]
    assert saved["param_groups"][0]["betas"] == (0.9, 0.999)
    assert type(saved["param_groups"][0]) is dict


def test_loading_takes_pytorchs_extras_and_types() -> None:
    param = parameter(2)
    optimizer = optim.SGD([param], lr=0.1, momentum=0.9, dampening=0.5)
    buffer = backlit.tensor([1.0, 2.0], dtype=backlit.float32)
    optimizer.load_state_dict(
        {
            "state": {0: {"momentum_buffer": buffer}},
            "param_groups": [{"lr": 0.2, "momentum": 0.5, "foreach": None, "params": [0]}],
        }
    )
    assert optimizer.param_groups[0]["lr"] == 0.2
    stepped(optimizer)
    # The buffer had its first gradient before it was saved, so this one is dampened.
    after = optimizer.state[param]["momentum_buffer"]
    assert after.dtype == backlit.float64
    np.testing.assert_allclose(after.numpy(), 0.5 * np.array([1, 2]) + 0.5 * param.grad.numpy())
    assert buffer.tolist() == [1, 2]


BAD_STATES: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "has the entries 'state' and 'param_groups'"),
    "bad groups": ({"state": {}, "param_groups": [[0]]}, "must be a dict with 'params'"),
    "other groups": (
        {"state": {}, "param_groups": [{"params": [0]}, {"params": [1]}]},
        r"saved groups have \[1, 1\] parameters, those of this optimizer \[1\]",
    ),
    "other shape": (
        {"state": {0: {"exp_avg": backlit.zeros(5)}}, "param_groups": [{"lr": 0.5, "params": [0]}]},
        r"Adam: state 'exp_avg' of parameter 0 has shape \(5,\), the parameter has \(2,\)",
    ),
    "no tensor": (
        {"state": {0: {"exp_avg": "x"}}, "param_groups": [{"lr": 0.5, "params": [0]}]},
        "must be a tensor, got str",
    ),
    "no number": (
        {"state": {0: {"step": "x"}}, "param_groups": [{"lr": 0.5, "params": [0]}]},
        "state 'step' of parameter 0 must be a number",
    ),
    "unknown parameter": ({"state": {7: {}}, "param_groups": [{"lr": 0.5, "params": [0]}]}, "parameter 7"),
    "bad option": ({"state": {}, "param_groups": [{"lr": -0.5, "params": [0]}]}, "lr must be at least 0"),
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_a_state_that_does_not_fit_changes_nothing(case: str) -> None:
    saved, words = BAD_STATES[case]
    optimizer = stepped(optim.Adam([parameter(2)], lr=0.1))
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises((StateError, ArgumentError, ArgumentTypeError), match=words):
        optimizer.load_state_dict(saved)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for name, value in before["state"][0].items():
        np.testing.assert_array_equal(after["state"][0][name].numpy(), value.numpy())


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("params", "words"),
    [
        (lambda p: [], "the parameter list is empty"),
        (lambda p: p, "must be an iterable of tensors"),
        (lambda p: [{"params": []}], "a parameter group is empty"),
        (lambda p: [p, p], "parameter 1 was given twice"),
        (lambda p: [p * 2], r"parameter 0 of shape \(2,\) is the result of an operation"),
        (lambda p: [p, np.ones(2)], "parameter 1 must be a Tensor, got ndarray"),
        (lambda p: [backlit.arange(3)], "type int64, which has no gradients"),
        (lambda p: [{"params": {p}}], "is a set"),
        (lambda p: [{"parms": [p]}], "must be a dict with 'params'"),
        (lambda p: [{"params": [p], "lrr": 1}], "unknown option 'lrr'; did you mean 'lr'"),
        (lambda p: [{"params": [p], "lr": -1}], "lr must be at least 0, got -1"),
    ],
)
def test_unusable_parameters_are_named(kind: str, params: Any, words: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=f"{kind}: .*{words}"):
        getattr(optim, kind)(params(parameter(2)), lr=0.1)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        *[(kind, {"lr": -0.1}, "lr must be at least 0, got -0.1") for kind in ALL],
        *[(kind, {"lr": float("nan")}, "lr must be at least 0, got nan") for kind in ALL],
        *[(kind, {"weight_decay": -1}, "weight_decay must be at least 0") for kind in ALL[:-1]],
        ("SGD", {"momentum": -1}, "momentum must be at least 0"),
        ("SGD", {"momentum": "high"}, "momentum must be a number, got 'high'"),
        ("SGD", {"nesterov": True}, "nesterov needs a momentum above 0"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "a dampening of 0"),
        ("Adam", {"betas": (0.9, 1.0)}, r"betas\[1\] must be at least 0 and below 1, got 1.0"),
        ("AdamW", {"betas": 0.9}, "betas must be a pair of numbers"),
        ("Adam", {"eps": None}, "eps must be a number"),
        ("RMSprop", {"alpha": -1}, "alpha must be at least 0"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay must be at least 0"),
        ("LBFGS", {"max_iter": 0}, "max_iter must be an integer of at least 1"),
        ("LBFGS", {"history_size": 1.5}, "history_size must be an integer"),
        ("LBFGS", {"line_search_fn": "wolfe"}, "None or 'strong_wolfe', got 'wolfe'"),
    ],
)
def test_options_out_of_range_are_named(kind: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=f"{kind}: .*{words}"):
        getattr(optim, kind)([parameter(2)], **options)


def test_a_group_that_is_refused_is_not_added() -> None:
    param = parameter(2)
    optimizer = optim.SGD([param], lr=0.1)
    for bad in ({"params": [param]}, {"params": [parameter(1)], "lr": -1}, {"params": [parameter(1)], "speed": 1}):
        with pytest.raises(ArgumentError):
            optimizer.add_param_group(bad)
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", ["maximize", "nesterov"])
def test_switches_are_true_or_false(name):
    tensor = backlit.ones(2, requires_grad=True)
    with pytest.raises(ArgumentTypeError, match=f"SGD: {name} must be True or False"):
        optim.SGD([tensor], lr=0.1, momentum=0.9, **{name: tensor})


@pytest.mark.parametrize(("place", "name"), [(optim, "NAdam"), (optim.lr_scheduler, "CyclicLR")])
def test_a_missing_name_is_told(place: Any, name: str) -> None:
    with pytest.raises(MissingNameError, match=f"no '{name}': PyTorch has it, backlit does not"):
        getattr(place, name)
