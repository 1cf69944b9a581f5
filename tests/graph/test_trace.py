"""Whole training steps, traced and run by the interpreter, are what eager execution does, step for step."""

import copy
import runpy
from pathlib import Path

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.core.modes import STATE
from backlit.core.primitive import Primitive
from backlit.errors import GradientError, GraphError, ShapeError
from backlit.graph.trace import trace

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.py"
# A large eps: Adam divides by the size of a gradient, which turns the rounding of one that is almost 0 into a step.
OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD with momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: optim.Adam(p, lr=0.01, eps=1e-3),
    "AdamW": lambda p: optim.AdamW(p, lr=0.01, eps=1e-3, amsgrad=True),
}


def assert_close(found, expected):
    found, expected = (np.asarray(t.detach()) for t in (found, expected))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    bound = 1e-12 * np.abs(expected).max(initial=1e-300)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


def step_of(model, optimizer, loss_fn=None):
    loss_fn = loss_fn or nn.CrossEntropyLoss()

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def images(rng, rows=8):
    x = backlit.from_numpy(rng.normal(size=(rows, 28, 28)))
    return x, backlit.from_numpy(rng.integers(0, 10, rows))


def compare(make_model, make_optimizer, batches, loss_fn=None, steps_apart=lambda: None):
    """Train twins, one eagerly and one by its trace, and compare everything after every step."""
    eager, traced = make_model(), make_model()
    eager_optimizer, traced_optimizer = make_optimizer(eager.parameters()), make_optimizer(traced.parameters())
    traced_optimizer.prepare()
    step = step_of(eager, eager_optimizer, loss_fn)
    program = trace(step_of(traced, traced_optimizer, loss_fn), *batches[0])
    for batch in batches:
        steps_apart()
        expected = step(*batch)
        steps_apart()
        assert_close(program.run(*batch), expected)
        for name, value in eager.state_dict().items():
            assert_close(traced.state_dict()[name], value)
        for ours, theirs in zip(traced.parameters(), eager.parameters(), strict=True):
            assert_close(ours.grad, theirs.grad)
            for slot, value in eager_optimizer.state.get(theirs, {}).items():
                assert_close(traced_optimizer.state[ours][slot], value)
    return program


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_quickstarts_whole_training_step(name):
    network = runpy.run_path(str(QUICKSTART))["NeuralNetwork"]
    backlit.manual_seed(0)
    model = network().double()
    rng = np.random.default_rng(0)
    program = compare(lambda: copy.deepcopy(model), OPTIMIZERS[name], [images(rng) for _ in range(3)])
    phases = [node.phase for node in program.graph.nodes if node.operation is not None]
    assert set(phases) == {"forward", "backward", "update"}
    paths = {node.path for node in program.graph.nodes}
    assert {"linear_relu_stack.0", "linear_relu_stack.4"} <= paths


def small(*layers):
    backlit.manual_seed(1)
    model = nn.Sequential(*layers).double()
    return lambda: copy.deepcopy(model)


def table(rng, rows=6):
    return backlit.from_numpy(rng.normal(size=(rows, 3))), backlit.from_numpy(rng.integers(0, 2, rows))


def test_batch_normalisation_moves_its_buffers():
    # No bias before the normalisation, which takes it out again: its gradient is 0 but for rounding.
    make = small(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))
    rng = np.random.default_rng(2)
    program = compare(make, OPTIMIZERS["Adam"], [table(rng) for _ in range(4)])
    assert len(program.graph.writes) > len(list(make().parameters()))


def test_dropout_draws_the_same_masks_and_counts_the_draws():
    make = small(nn.Linear(3, 16), nn.Dropout(0.5), nn.Linear(16, 2))
    rng = np.random.default_rng(3)
    draws = []

    def from_the_same_place():
        # Every second call comes before the traced twin: it must draw what the eager one drew.
        if len(draws) % 2:
            moved = backlit.get_rng_state()
            assert moved[2] > draws[-1][2]
            backlit.set_rng_state(draws[-1])
        draws.append(backlit.get_rng_state())

    compare(make, OPTIMIZERS["SGD"], [table(rng) for _ in range(4)], steps_apart=from_the_same_place)
    assert not backlit.get_rng_state().equal(draws[-1])


def test_a_changed_rate_needs_no_new_trace():
    make = small(nn.Linear(3, 2))
    models = [make(), make()]
    optimizers = [OPTIMIZERS["SGD with momentum"](model.parameters()) for model in models]
    optimizers[1].prepare()
    batch = table(np.random.default_rng(4))
    program = trace(step_of(models[1], optimizers[1]), *batch)
    for lr in (0.1, 0.5, 0.02):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = lr
        step_of(models[0], optimizers[0])(*batch)
        program.run(*batch)
        assert_close(models[1][0].weight, models[0][0].weight)


# -- writes, views, gradients that stay --------------------------------------------------------------------------------


def twice(function, *arrays, outside=()):
    """What `function(outside, *args)` gives and leaves, eagerly and by its trace, for two calls each."""
    found = []
    for traced in (False, True):
        held = [backlit.tensor(a, requires_grad=grad) for a, grad in outside]
        run = (lambda *args, held=held: function(held, *args)) if outside else function
        results = []
        program = None
        for call in range(2):
            args = [backlit.tensor(a) * (call + 1) for a in arrays]
            if traced and program is None:
                program = trace(run, *args)
            out = program.run(*args) if traced else run(*args)
            results += [*(out if isinstance(out, tuple) else (out,)), *args, *held, *(h.grad for h in held)]
            results = [None if r is None else r.detach().clone() for r in results]
        found.append(results)
    for ours, theirs in zip(found[1], found[0], strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_close(ours, theirs)


def test_writes_to_an_argument_and_to_a_part_of_it():
    def program(x):
        x[0].mul_(10)
        x.t()[1] += 1
        return x.sum()

    twice(program, np.arange(6.0).reshape(3, 2))


def test_a_view_made_before_a_write_sees_it():
    def program(held, x):
        (w,) = held
        row = w[1]
        w.add_(x)
        return row * 1, w.view(-1)

    twice(program, np.arange(6.0).reshape(3, 2), outside=[(np.ones((3, 2)), False)])


def test_the_result_of_a_composite_is_no_view_and_the_trace_notes_which_it_was():
    layers = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(inplace=True)).double()
    x = backlit.randn(3, 1, 4, 4, dtype=backlit.float64)
    traced = trace(layers, x)
    (ref, node), *others = traced.composites
    assert node.operation is Primitive.registry["convolution"]
    assert node.settings["groups"] == 1
    assert traced.graph.type_of(ref) == node.results[0]
    assert others == []
    assert "view_write" not in {n.operation.name for n in traced.graph.nodes if n.operation is not None}
    assert backlit.allclose(traced.run(x), layers(x))


def test_a_gradient_flows_through_a_write_to_a_part():
    def program(held, x):
        (w,) = held
        w.grad = None
        y = x * 1
        y[0] = w * 3
        y[1].mul_(w)
        y.pow(2).sum().backward()
        return w.grad * 1

    twice(program, np.arange(6.0).reshape(3, 2), outside=[(np.array([0.5, -2.0]), True)])


def test_a_part_taken_without_history_after_a_write_has_none():
    def program(held, x):
        (w,) = held
        w.grad = None
        y = x * 1
        y.mul_(w)
        with backlit.no_grad():
            row = y[0]
        ((y.detach() * w).sum() + (row * w).sum() + y.sum()).backward()
        return w.grad * 1

    twice(program, np.arange(6.0).reshape(3, 2), outside=[(np.array([0.5, -2.0]), True)])


def test_gradients_add_up_where_the_program_does_not_clear_them():
    w = backlit.ones(2, dtype=backlit.float64, requires_grad=True)
    w.grad = backlit.tensor([1.0, 2.0], dtype=backlit.float64)
    program = trace(lambda x: (w * x).sum().backward(), backlit.ones(2, dtype=backlit.float64))
    kept = w.grad
    for _ in range(3):
        program.run(backlit.tensor([10.0, 20.0], dtype=backlit.float64))
    assert w.grad is kept
    assert w.grad.tolist() == [31.0, 62.0]
    w.grad = None
    with pytest.raises(GraphError, match="trace it again"):
        program.run(backlit.ones(2, dtype=backlit.float64))


def test_a_gradient_stays_on_an_argument():
    x = backlit.tensor([1.0, 2.0], requires_grad=True)
    program = trace(lambda x: (x * x).sum().backward(), x)
    program.run(x)
    assert x.grad.tolist() == [2.0, 4.0]
    with pytest.raises(GraphError, match="argument 0 has a gradient already"):
        program.run(x)


def test_a_gradient_of_a_gradient():
    def program(x):
        (first,) = backlit.autograd.grad((x**3).sum(), [x], create_graph=True)
        (second,) = backlit.autograd.grad(first.sum(), [x])
        return first, second

    x = backlit.tensor([1.0, 2.0], requires_grad=True)
    first, second = trace(program, x).run(x)
    assert first.tolist() == [3.0, 12.0]
    assert second.tolist() == [6.0, 12.0]


def test_another_shape_than_the_one_traced_is_refused():
    program = trace(lambda x: x + 1, backlit.ones(3))
    with pytest.raises(ShapeError, match=r"argument 0: traced as float32\[3\], got float32\[4\]"):
        program.run(backlit.ones(4))


def test_results_do_not_share_the_memory_of_states():
    w = backlit.ones(2)
    result = trace(lambda: w).run()
    result[0] = 5
    assert w.tolist() == [1.0, 1.0]


# -- what cannot be traced ---------------------------------------------------------------------------------------------

W = backlit.tensor([1.0, 2.0, 3.0])
REFUSED = {
    "item": lambda x: x.sum().item(),
    "a branch": lambda x: x if x.sum() > 0 else -x,
    "a loop": lambda x: max(x),
    "numpy": lambda x: x.numpy(),
    "asarray": lambda x: np.asarray(x),
    "tolist": lambda x: x.tolist(),
    "float": lambda x: float(x.sum()),
    "an index": lambda x: [1, 2, 3][x.argmax()],
    "printing a number": lambda x: f"{x.sum():.2f}",
    "equal": lambda x: backlit.equal(x, x),
    "a mask": lambda x: x[x > 0],
    "nonzero": lambda x: x.nonzero(),
    "outside: item": lambda x: W.sum().item() * x,
    "outside: first item": lambda x: W[0].item() * x,
    "outside: a branch": lambda x: x if W[0] > 0 else -x,
    "outside: a plain branch": lambda x: x if backlit.ones(1) else -x,
    "outside: numpy": lambda x: x * backlit.from_numpy(W.numpy()),
    "outside: numpy by force": lambda x: W.numpy(force=True),
    "outside: asarray": lambda x: np.asarray(W),
    "outside: tolist": lambda x: W.tolist(),
    "outside: float": lambda x: [float(w) for w in W],
    "outside: int": lambda x: int(backlit.tensor(3)),
    "outside: is it in": lambda x: 2.0 in W,
    "outside: one_hot": lambda x: nn.functional.one_hot(backlit.tensor([0, 2])),
    "outside: repeat_interleave": lambda x: backlit.repeat_interleave(x, backlit.tensor([1, 2, 0])),
    "outside: deepcopy": lambda x: copy.deepcopy(W),
    "outside: save": lambda x: backlit.save({"w": W}, "never.safetensors"),
    "outside: state of the generator": lambda x: backlit.get_rng_state(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_asking_for_values_names_the_line_and_the_mend(name):
    function = REFUSED[name]
    with pytest.raises(GraphError, match=r"asked for|depends on values") as caught:
        trace(function, backlit.ones(3))
    assert str(caught.value).startswith(f"{__file__}:{function.__code__.co_firstlineno}: ")
    assert any(mend in str(caught.value) for mend in ("where", "num_classes="))


@pytest.mark.parametrize("ask", [lambda x: float(x.sum()), lambda x: x[x > 0]])
def test_asking_for_values_and_going_on_without_them_is_no_program(ask):
    def program(x):
        try:
            return x * ask(x)
        except RuntimeError:
            return x * 0

    with pytest.raises(GraphError, match="values"):
        trace(program, backlit.ones(3))


def test_the_line_is_that_of_the_users_module_not_of_the_library():
    class Picky(nn.Module):
        def forward(self, x):
            if x.mean() > 0:  # the line to be named
                return x
            return -x

    model = nn.Sequential(nn.Linear(3, 3), Picky())
    with pytest.raises(GraphError) as caught:
        trace(model, backlit.ones(2, 3))
    line = Picky.forward.__code__.co_firstlineno + 1
    assert str(caught.value).startswith(f"{__file__}:{line}: ")


def test_loading_a_state_or_changing_types_inside_is_refused():
    model = nn.Linear(2, 2)
    state = copy.deepcopy(model.state_dict())
    for change in (lambda x: model.load_state_dict(state), lambda x: model.double()):
        with pytest.raises(GraphError, match=r"test_trace\.py:\d+: "):
            trace(change, backlit.ones(2))
    assert model.weight.dtype is backlit.float32
    assert model.weight.equal(state["weight"])


def test_rates_are_not_read_inside():
    optimizer = optim.SGD([backlit.ones(2, requires_grad=True)], lr=0.1)
    with pytest.raises(GraphError, match=r"test_trace.py:\d+: SGD: lr was read inside a traced program"):
        trace(lambda x: x * optimizer.param_groups[0]["lr"], backlit.ones(2))


def test_traces_do_not_nest():
    with pytest.raises(GraphError, match="do not nest"):
        trace(lambda x: trace(lambda y: y, x).run(x), backlit.ones(2))


def test_a_result_that_is_no_tensor_is_refused():
    with pytest.raises(GraphError, match="must return a tensor"):
        trace(lambda x: "a word", backlit.ones(2))


def test_a_tensor_that_escaped_from_a_trace_is_of_no_use_in_another():
    escaped = []
    trace(lambda x: escaped.append(x * 2), backlit.ones(2))
    assert repr(escaped[0]).startswith("tensor(...")
    with pytest.raises(GraphError, match="made while another program was traced"):
        trace(lambda x: x + escaped[0], backlit.ones(2))


def test_a_backward_pass_does_not_leave_the_trace():
    w = backlit.ones(2, requires_grad=True)
    before = w.exp()
    with pytest.raises(GraphError, match=r"reached exp, which ran before tracing began"):
        trace(lambda x: (before * x).sum().backward(), backlit.ones(2))
    before.sum().backward()
    assert w.grad is not None


def test_a_result_changed_before_its_gradient_needs_it_is_caught():
    def program(x):
        y = x.exp()
        y.add_(1)
        y.sum().backward()

    x = backlit.ones(2, requires_grad=True)
    for run in (lambda: program(x), lambda: trace(program, x)):
        with pytest.raises(GradientError, match="in-place operation `add_` changed it"):
            run()


def test_one_memory_known_by_two_tensors_is_read_and_not_written():
    array = np.ones(3)
    a, b = backlit.from_numpy(array), backlit.from_numpy(array)
    x = backlit.ones(3, dtype=backlit.float64)
    program = trace(lambda x: a + b + x, x)
    array[0] = 5
    assert program.run(x).tolist() == [11, 3, 3]
    for function in (lambda x: a + b.add_(x), lambda x: b.add_(x) + a, lambda x: a.add_(b)):
        with pytest.raises(GraphError, match="show the same memory, which is written"):
            trace(function, x)
    assert array.tolist() == [5, 1, 1]


def test_parts_of_one_memory_are_known_by_several_tensors_where_none_that_is_shared_is_written():
    array = np.arange(12.0)
    parts = [backlit.from_numpy(array[begin : begin + 3]) for begin in (6, 0, 9, 3)]
    empty = backlit.from_numpy(array[4:4])
    x = backlit.ones(3, dtype=backlit.float64)
    found = trace(lambda x: sum(parts, x) + empty.sum(), x).run(x)
    assert found.tolist() == [19.0, 23.0, 27.0]
    for begin, end in ((0, 12), (2, 4), (11, 12), (0, 1)):
        whole = backlit.from_numpy(array[begin:end])
        read = trace(lambda x, whole=whole: sum(parts, x) + whole.sum(), x)
        assert read.run(x).tolist() == (array.reshape(4, 3).sum(0) + 1 + array[begin:end].sum()).tolist()
        with pytest.raises(GraphError, match="show the same memory"):
            trace(lambda x, whole=whole: sum(parts, x) + whole.add_(1).sum(), x)


def test_an_abandoned_trace_leaves_nothing_behind():
    model = small(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))()
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    optimizer.prepare()
    batch = table(np.random.default_rng(5))
    model(batch[0]).sum().backward()

    def everything():
        slots = [value for state in optimizer.state.values() for value in state.values()]
        tensors = [*model.state_dict().values(), *(p.grad for p in model.parameters()), *slots, *batch]
        versions = [t._version for t in tensors]
        return [t.detach().clone() for t in (*tensors, backlit.get_rng_state())], versions

    grads = [p.grad for p in model.parameters()]
    before, versions = everything()

    def program(x, y):
        x[0] = 7
        step_of(model, optimizer)(x, y)
        optimizer.zero_grad()
        raise KeyError("in the middle")

    with pytest.raises(KeyError, match="in the middle"):
        trace(program, *batch)
    after, versions_after = everything()
    assert all(ours.equal(theirs) for ours, theirs in zip(after, before, strict=True))
    assert versions_after == versions
    assert all(p.grad is grad for p, grad in zip(model.parameters(), grads, strict=True))
    assert STATE.trace is None
    assert all(p.is_leaf for p in model.parameters())
    model(batch[0]).sum().backward()


def test_a_wrong_formula_is_caught(monkeypatch):
    # Eager execution runs the layer's kernel, the trace its formula.
    monkeypatch.setattr(Primitive.registry["linear"], "formula", lambda x, weight, bias: x @ weight.t() + 2 * bias)
    rng = np.random.default_rng(6)
    with pytest.raises(AssertionError, match="tolerance"):
        compare(small(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)), OPTIMIZERS["SGD"], [table(rng)])


def test_a_module_that_keeps_something_from_call_to_call_keeps_it_in_a_buffer():
    class Remembering(nn.Module):
        def __init__(self, attribute):
            super().__init__()
            self.attribute = attribute
            self.register_buffer("last", backlit.zeros(2))
            self.calls = 0

        def forward(self, x):
            y = x + self.last
            if self.attribute == "buffer":
                self.last.copy_(y)
            elif self.attribute:
                setattr(self, self.attribute, y)
            else:
                self.calls += 1
            return y

    for attribute in ("last", "shown", ""):
        model = nn.Sequential(Remembering(attribute))
        name = attribute or "calls"
        with pytest.raises(
            GraphError, match=rf"test_trace.py:\d+: Remembering.{name} was set inside.*self.{name}.copy_"
        ):
            trace(model, backlit.ones(2))
        assert model[0].last.tolist() == [0.0, 0.0]
        assert model[0].calls == 0
    model = Remembering("buffer")
    program = trace(model, backlit.ones(2))
    assert [program.run(backlit.ones(2)).tolist() for _ in range(3)] == [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert model.last.tolist() == [3.0, 3.0]


def test_modules_may_be_made_inside():
    loss = trace(lambda x, y: nn.MSELoss()(nn.ReLU()(x), y), backlit.ones(2), backlit.zeros(2))
    assert loss.run(backlit.tensor([-1.0, 2.0]), backlit.zeros(2)).item() == 2


def test_a_rate_that_was_asked_for_makes_no_program_though_the_error_was_caught():
    optimizer = backlit.optim.SGD([backlit.ones(2).requires_grad_()], lr=0.1)

    def function(x):
        try:
            return x * optimizer.param_groups[0]["lr"]
        except GraphError:
            return x * 7.0

    with pytest.raises(GraphError, match="lr was read"):
        backlit.compile(function)(backlit.ones(2))
