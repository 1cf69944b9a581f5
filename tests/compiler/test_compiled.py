"""`backlit.compile`: what a call may look like, what it leaves behind, and that nothing that changed is overlooked."""

import copy
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler import family, specialised
from backlit.compiler.compiled import Compiled
from backlit.core.tensor_base import make
from backlit.nn import functional as F

Pair = namedtuple("Pair", "first second")


def values(tensor: Any) -> Any:
    return tensor.detach().numpy().copy()


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(values(found), values(expected), rtol=1e-5, atol=1e-6)


def network() -> nn.Module:
    backlit.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def data(rows: int = 8, seed: int = 1) -> Any:
    generator = backlit.Generator().manual_seed(seed)
    return backlit.randn(rows, 6, generator=generator), backlit.randint(0, 3, (rows,), generator=generator)


class Training:
    """A network with its optimizer, whose step is compiled or not."""

    def __init__(self, compiled: bool, *, zero: str = "before", keep_grads: bool = False, **options: Any) -> None:
        self.net = network()
        self.optimizer = optim.SGD(self.net.parameters(), **{"lr": 0.1, "momentum": 0.9, **options})
        self.zero = zero
        self.step = backlit.compile(self._step, keep_grads=keep_grads) if compiled else self._step

    def _step(self, x: Any, y: Any) -> Any:
        if self.zero == "before":
            self.optimizer.zero_grad()
        loss = F.cross_entropy(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        if self.zero == "after":
            self.optimizer.zero_grad()
        return loss


def both(**options: Any) -> tuple[Training, Training]:
    return Training(False, **options), Training(True, **options)


def same_networks(one: Training, other: Training) -> None:
    for p, q in zip(one.net.parameters(), other.net.parameters(), strict=True):
        same(q, p)


# -- what a call looks like ------------------------------------------------------------------------------------------


def test_one_tensor_as_two_arguments() -> None:
    def product(x: Any, y: Any) -> Any:
        (x * y).sum().backward()
        return x.add(y)

    x = backlit.tensor([1.0, 2.0]).requires_grad_()
    assert backlit.compile(product)(x, x).tolist() == [2, 4]
    assert x.grad is not None
    assert x.grad.tolist() == [2, 4]
    added = backlit.compile(lambda x, y: x.add_(y))
    z = backlit.tensor([1.0, 2.0])
    added(z, backlit.ones(2))
    assert added(z, z).tolist() == z.tolist() == [4, 6]


def test_nested_arguments_and_results() -> None:
    def function(batch: Any, *, scale: float, more: Any) -> Any:
        x, (y, *_) = batch["x"], batch["y"]
        return {"sum": x + y, "parts": [x * scale, Pair(y - x, more[0])], "nothing": None, "name": "result"}

    compiled = backlit.compile(function)
    x, y, z = backlit.randn(4, 3), backlit.randn(4, 3), backlit.randn(2)
    for scale in (2.0, 3.0):
        found = compiled({"x": x, "y": [y, x]}, scale=scale, more=(z,))
        expected = function({"x": x, "y": [y, x]}, scale=scale, more=(z,))
        assert found.keys() == expected.keys()
        same(found["sum"], expected["sum"])
        same(found["parts"][0], expected["parts"][0])
        assert isinstance(found["parts"][1], Pair)
        same(found["parts"][1].first, expected["parts"][1].first)
        assert found["parts"][1].second is z
        assert found["nothing"] is None
        assert found["name"] == "result"


def test_decorators() -> None:
    @backlit.compile
    def double(x: Any) -> Any:
        """Twice as much."""
        return 2 * x

    @backlit.compile(keep_grads=True)
    def triple(x: Any) -> Any:
        return 3 * x

    class Scaler:
        def __init__(self, by: Any) -> None:
            self.by = by

        @backlit.compile
        def scaled(self, x: Any) -> Any:
            return self.by * x

    assert isinstance(double, Compiled)
    assert (double.__name__, double.__doc__) == ("double", "Twice as much.")
    x = backlit.ones(3)
    assert double(x).tolist() == [2, 2, 2]
    assert triple(x).tolist() == [3, 3, 3]
    assert Scaler(4.0).scaled(x).tolist() == [4, 4, 4]
    five = Scaler(5.0)
    assert five.scaled(x).tolist() == [5, 5, 5]
    five.by = 7.0
    assert five.scaled(x).tolist() == [7, 7, 7]
    assert Scaler.scaled(Scaler(6.0), x).tolist() == [6, 6, 6]


def test_a_copy_compiles_what_was_copied() -> None:
    compiled = backlit.compile(network(), keep_grads=True)
    twin = copy.deepcopy(compiled)
    with backlit.no_grad():
        twin.get_submodule("0").weight.zero_()
        twin.get_submodule("0").bias.fill_(1)
    x = data()[0]
    same(compiled(x), network()(x))
    same(twin(x), twin.get_submodule("2")(backlit.ones(8, 5)))


def test_results_have_no_history() -> None:
    x = backlit.ones(3, requires_grad=True)
    with pytest.raises(backlit.errors.GradientError, match="compiled function"):
        backlit.compile(lambda x: x.sum())(x).backward()


def test_compiled_inside_compiled_is_one_program() -> None:
    inner = backlit.compile(lambda x: x.exp())
    outer = backlit.compile(lambda x: inner(x) + 1)
    x = backlit.randn(5)
    same(outer(x), x.exp() + 1)
    assert "exp" in str(outer.specialised().traced.graph)


def test_a_module_is_a_function() -> None:
    net = network()
    predict = backlit.compile(net)
    for rows in (1, 7, 64):
        same(predict(data(rows)[0]), net(data(rows)[0]))


def test_what_goes_through_comes_back_itself() -> None:
    outside = backlit.randn(3)
    compiled = backlit.compile(lambda x: (x, outside, x + outside))
    x = backlit.randn(3)
    first, second, total = compiled(x)
    assert first is x
    assert second is outside
    same(total, x + outside)


@pytest.mark.parametrize("rows", [0, 1, 2, 100])
def test_any_number_of_rows(rows: int) -> None:
    net = network()
    compiled = backlit.compile(lambda x: (net(x).softmax(1), net(x).sum(0)))
    for n in (8, rows, 8):
        parts, total = compiled(data(n)[0])
        same(parts, net(data(n)[0]).softmax(1))
        same(total, net(data(n)[0]).sum(0))


def test_another_number_of_rows_generates_no_code(emitted: list[Any]) -> None:
    training = Training(True, lr=0.123)
    backlit.compile(training.net)
    for rows in (8, 3, 1, 50, 8):
        training.step(*data(rows))
    assert len(emitted) == 1


def test_another_number_of_rows_is_traced_only_where_it_may_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    traces: list[Any] = []
    trace = family.Tracing.trace
    monkeypatch.setattr(family.Tracing, "trace", lambda self, rows: traces.append(rows) or trace(self, rows))
    net = network()
    functions = (lambda x: net(x).mean(), []), (lambda x: net(x).sum() / len(x) / 3, [5, 9])
    for function, expected in functions:
        compiled = backlit.compile(function)
        compiled(data(8)[0])
        traces.clear()
        for rows in (5, 9, 5):
            same(compiled(data(rows)[0]), net(data(rows)[0]).mean())
        assert traces == expected


def test_pieces_whose_number_depends_on_the_rows() -> None:
    compiled = backlit.compile(lambda x: [part.sum(0) for part in x.split(1000)])
    cut = backlit.compile(lambda x: x[:1500].sum(0))
    for rows in (1200, 2500, 700, 1200):
        x = backlit.ones(rows)
        assert [p.item() for p in compiled(x)] == [p.sum().item() for p in x.split(1000)]
        assert cut(x).item() == min(rows, 1500)


def test_a_fixed_size_is_right_for_each_size() -> None:
    table = backlit.randn(4, 3)
    compiled = backlit.compile(lambda x: x.reshape(2, -1) if len(x) % 2 == 0 else x + len(x))
    add = backlit.compile(lambda x: x[:4] + table)
    for rows in (4, 3, 4, 5, 8):
        x = backlit.randn(rows)
        same(compiled(x), x.reshape(2, -1) if rows % 2 == 0 else x + rows)
    for rows in (4, 6, 4):
        x = backlit.randn(rows, 3)
        same(add(x), x[:4] + table)


def test_a_branch_on_the_number_of_rows_is_seen() -> None:
    compiled = backlit.compile(lambda x: x * 2 if len(x) > 100 else x * 3)
    x = backlit.ones(5)
    assert compiled(x).tolist() == [3] * 5


def test_a_constant_made_of_the_number_of_rows_is_not_kept() -> None:
    compiled = backlit.compile(lambda x: (x + 1, len(x)))
    assert [compiled(backlit.ones(n))[1] for n in (5, 7, 5)] == [5, 7, 5]


def test_sizes_that_happen_to_be_the_number_of_rows() -> None:
    compiled = backlit.compile(lambda x, w: x @ w)
    for rows, inner in ((4, 4), (6, 4), (4, 4), (1, 1), (3, 1), (1, 3)):
        x, w = backlit.randn(rows, inner), backlit.randn(inner, 5)
        same(compiled(x, w), x @ w)


def test_strides() -> None:
    compiled = backlit.compile(lambda x: x.cumsum(0) * 2)
    array = np.arange(24.0).reshape(4, 6)
    for part in (array.T, array[::2], array[:, ::3], array[::-1], array[:, ::-1], array[1:, 1:]):
        x = make(part)
        assert x._array is part
        same(compiled(x), x.cumsum(0) * 2)


def test_arguments_written_in_place() -> None:
    def function(x: Any, y: Any) -> Any:
        x.add_(y)
        y[1:] = 0
        return x.sum()

    compiled = backlit.compile(function)
    base = backlit.zeros(4, 6)
    for a in (backlit.ones(3), backlit.ones(6)[::2], base[1:, 2]):
        a.fill_(1)
        b, c, d = (backlit.ones(3) for _ in range(3))
        version = a._version
        same(compiled(a, b), function(c, d))
        same(a, c)
        same(b, d)
        assert a._version > version


# -- what it leaves behind -------------------------------------------------------------------------------------------


def test_training_is_eager_training() -> None:
    eager, compiled = both()
    for rows in (8, 8, 3, 8):
        same(compiled.step(*data(rows)), eager.step(*data(rows)))
    same_networks(eager, compiled)


def test_gradients_that_are_used_up_are_not_kept() -> None:
    training = Training(True)
    training.step(*data())
    assert all(p.grad is None for p in training.net.parameters())


def test_gradients_are_kept_on_request() -> None:
    eager, compiled = both(keep_grads=True)
    for _ in range(3):
        eager.step(*data())
        compiled.step(*data())
        for p, q in zip(eager.net.parameters(), compiled.net.parameters(), strict=True):
            same(q.grad, p.grad)


@pytest.mark.parametrize("zero", ["never", "after"])
def test_gradients_without_zero_grad_add_up(zero: str) -> None:
    eager, compiled = both(zero=zero)
    for _ in range(4):
        same(compiled.step(*data()), eager.step(*data()))
    same_networks(eager, compiled)


def test_gradients_that_are_not_used_up_are_state() -> None:
    one, other = network(), network()

    def backward(net: nn.Module) -> Any:
        def function(x: Any) -> None:
            net(x).square().sum().backward()

        return function

    compiled = backlit.compile(backward(other))
    for call in range(6):
        if call == 3:
            one.zero_grad()
            other.zero_grad()
        backward(one)(data()[0])
        assert compiled(data()[0]) is None
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            same(q.grad, p.grad)


def test_gradients_of_arguments() -> None:
    compiled = backlit.compile(lambda x: (x**3).sum().backward())
    x = backlit.tensor([1.0, 2.0], requires_grad=True)
    compiled(x)
    assert x.grad.tolist() == [3, 12]
    x.grad = None
    compiled(x)
    assert x.grad.tolist() == [3, 12]


def test_dropout_draws_the_same_masks() -> None:
    backlit.manual_seed(3)
    drop = nn.Dropout(0.5)
    compiled = backlit.compile(drop)
    x = backlit.ones(4, 50)
    backlit.manual_seed(7)
    expected = [values(drop(x)) for _ in range(3)]
    backlit.manual_seed(7)
    for one in expected:
        np.testing.assert_array_equal(values(compiled(x)), one)


# -- what changes between calls --------------------------------------------------------------------------------------


def test_rates_change_without_new_code(emitted: list[Any]) -> None:
    eager, compiled = both(lr=0.05)
    schedules = [optim.lr_scheduler.StepLR(t.optimizer, 1, gamma=0.5) for t in (eager, compiled)]
    for call in range(4):
        same(compiled.step(*data()), eager.step(*data()))
        for training, schedule in zip((eager, compiled), schedules, strict=True):
            schedule.step()
            if call == 2:
                training.optimizer.param_groups[0]["lr"] = 0.7
    same_networks(eager, compiled)
    assert len(emitted) == 1


def freeze(training: Training) -> None:
    training.net[0].weight.requires_grad_(False)


def replace_layer(training: Training) -> None:
    backlit.manual_seed(5)
    training.net[2] = nn.Linear(5, 3)
    training.optimizer.add_param_group({"params": list(training.net[2].parameters()), "lr": 0.3})


def insert_layer(training: Training) -> None:
    training.net[1] = nn.Tanh()


def weight_decay(training: Training) -> None:
    training.optimizer.param_groups[0]["weight_decay"] = 0.1


def new_parameter_values(training: Training) -> None:
    training.net[0].weight.data = backlit.full((5, 6), 0.1)


def double_precision_and_back(training: Training) -> None:
    training.net.double().float()


def reload(training: Training) -> None:
    training.net.load_state_dict(copy.deepcopy(network().state_dict()))
    training.optimizer.load_state_dict(copy.deepcopy(training.optimizer.state_dict()))


def another_number(training: Training) -> None:
    training.optimizer.param_groups[0]["momentum"] = 0.0


EDITS = [
    freeze, replace_layer, insert_layer, weight_decay, new_parameter_values, double_precision_and_back, reload,
    another_number,
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_between_calls_is_noticed(edit: Any) -> None:
    eager, compiled = both()
    for call in range(4):
        if call == 2:
            edit(eager)
            edit(compiled)
        same(compiled.step(*data()), eager.step(*data()))
    same_networks(eager, compiled)


def test_the_mode_is_noticed_and_code_of_both_kept(emitted: list[Any]) -> None:
    net = nn.Sequential(nn.Linear(6, 50), nn.Dropout(0.5), nn.BatchNorm1d(50))
    compiled = backlit.compile(net)
    x = data()[0]
    for _ in range(3):
        net.train()
        compiled(x)
        net.eval()
        same(compiled(x), net(x))
    assert len(emitted) == 2


def test_a_setting_of_a_layer_is_noticed() -> None:
    drop = nn.Dropout(0.0)
    compiled = backlit.compile(drop)
    x = backlit.ones(1000)
    assert compiled(x).sum().item() == 1000
    drop.p = 0.999999999
    assert compiled(x).sum().item() == 0


def test_an_edit_that_is_overlooked_would_be_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specialised.Specialised, "is_current", lambda self: True)
    with pytest.raises(AssertionError, match="Not equal"):
        test_an_edit_between_calls_is_noticed(insert_layer)


scale: Any = 2.0


def test_names_that_lead_elsewhere_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    shift, settings = backlit.ones(3), {"power": 2}

    def part(x: Any) -> Any:
        return x * scale

    compiled = backlit.compile(lambda x: part(x) ** settings["power"] + shift)
    x = backlit.full((3,), 3.0)
    assert compiled(x).tolist() == [37] * 3
    monkeypatch.setitem(globals(), "scale", 1.0)
    assert compiled(x).tolist() == [10] * 3
    settings["power"] = 3
    assert compiled(x).tolist() == [28] * 3
    shift = backlit.zeros(3)
    assert compiled(x).tolist() == [27] * 3
    monkeypatch.setitem(globals(), "scale", backlit.full((3,), 2.0))
    assert compiled(x).tolist() == [216] * 3


class Scaled(nn.Module):
    """A module of the user's own, with settings where Python programs have them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(6, 3)
        self.shift = backlit.zeros(3)
        self.options = {"power": 1}

    def forward(self, x: Any) -> Any:
        return self.transformed(self.inner(x)) + self.shift

    def transformed(self, x: Any) -> Any:
        return (x * scale) ** self.options["power"]


def test_attributes_that_a_method_names_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(Scaled(), nn.Tanh())
    compiled = backlit.compile(net)
    x = data()[0]
    own = net[0]
    for change in (
        lambda: setattr(own, "shift", backlit.ones(3)),
        lambda: own.options.update(power=2),
        lambda: monkeypatch.setitem(globals(), "scale", 0.5),
        lambda: setattr(own, "transformed", lambda x: -x),
    ):
        same(compiled(x), net(x))
        change()
        same(compiled(x), net(x))


def test_a_compiled_module_is_asked_as_the_module() -> None:
    net = network()
    compiled = backlit.compile(net)
    assert [*compiled.parameters()] == [*net.parameters()]
    compiled.eval()
    assert not net.training
    with pytest.raises(AttributeError, match="unheard_of"):
        _ = compiled.unheard_of


def test_a_captured_tensor_is_read_at_each_call() -> None:
    table = backlit.zeros(4)
    compiled = backlit.compile(lambda x: x + table)
    x = backlit.ones(4)
    compiled(x)
    table.add_(1)
    assert compiled(x).tolist() == [2] * 4
    table.data = backlit.full((4,), 5.0)
    assert compiled(x).tolist() == [6] * 4
    table.data = backlit.full((1,), 7.0)
    assert compiled(x).tolist() == [8] * 4
    table.data = backlit.full((4,), 5.0, dtype=backlit.float64)
    assert compiled(x).dtype == backlit.float64


def test_a_captured_tensor_without_a_plain_layout() -> None:
    array = np.arange(12.0).reshape(3, 4)
    table = backlit.from_numpy(array.T)

    def function(x: Any) -> Any:
        table.add_(x)
        return table.sum(0)

    compiled = backlit.compile(function)
    for _ in range(2):
        expected = array.T + 1
        same(compiled(backlit.ones(3)), backlit.from_numpy(expected.sum(0)))
        np.testing.assert_array_equal(array.T, expected)


def test_modes_of_the_thread_are_part_of_the_program() -> None:
    w = backlit.ones(3, requires_grad=True)
    compiled = backlit.compile(lambda x: (w * x).sum().backward() if backlit.is_grad_enabled() else None)
    compiled(backlit.ones(3))
    assert w.grad.tolist() == [1] * 3
    with backlit.no_grad():
        compiled(backlit.ones(3))
    assert w.grad.tolist() == [1] * 3


def test_recording_and_anomalies_see_the_function_itself() -> None:
    compiled = backlit.compile(lambda x: x.log().exp())
    x = backlit.ones(3)
    compiled(x)
    with backlit.record() as recording:
        compiled(x)
    assert [b.primitive.name for b in recording.bindings] == ["log", "exp"]
    with backlit.autograd.set_detect_anomaly(True), pytest.raises(backlit.errors.NonFiniteError, match="log"):
        compiled(-x)


def test_a_network_of_known_structure_reuses_code(emitted: list[Any]) -> None:
    first, second = both(lr=0.0321), both(lr=0.0321)
    for eager, compiled in (first, second):
        same(compiled.step(*data()), eager.step(*data()))
    assert len(emitted) == 1
    one, other = first[1].step, second[1].step
    assert one.specialised().executable.code is other.specialised().executable.code
    same_networks(*second)


def test_functions_that_differ_in_little_share_no_code() -> None:
    x = backlit.full((3,), 2.0)
    for other in (1, 1.0, True, 0.0, -0.0):
        found = backlit.compile(lambda x, other=other: (x > 0) * other)(x)
        assert found.dtype == ((x > 0) * other).dtype
        np.testing.assert_array_equal(values(found), values((x > 0) * other))


@pytest.mark.parametrize("kind", ["bool", "uint8", "int8", "int16", "int32", "int64"])
def test_whole_numbers_and_truths_are_computed_as_eagerly(kind: str) -> None:
    # Of these, uint8 has 200, which int8 takes for a negative number.
    x = (backlit.arange(12) % 3 * 100).reshape(4, 3).to(getattr(backlit, kind))

    def program(x: Any) -> tuple[Any, ...]:
        signs = () if kind == "bool" else (x.sign(), x.abs())
        return x + x, x * x, x @ x.T, x.sum(0), x.cumsum(0), x / 2, x.float(), *signs

    for found, expected in zip(backlit.compile(program)(x), program(x), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
