"""What cannot be compiled, or goes wrong on the way, is a clear error that leaves everything as it was."""

import multiprocessing
import random
import re
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler import llvm
from backlit.core.primitive import Primitive, primitive
from backlit.errors import ArgumentTypeError, GraphError, IndexRangeError, ShapeError
from backlit.nn import functional as F
from backlit.train import Trainer


def x_of(*shape: int) -> Any:
    return backlit.randn(*shape, generator=backlit.Generator().manual_seed(0))


def branch(x: Any) -> Any:
    return x if x.sum() > 0 else -x


def item(x: Any) -> Any:
    return x * x.mean().item()


def to_numpy(x: Any) -> Any:
    return backlit.from_numpy(x.numpy())


def nonzero(x: Any) -> Any:
    return x[x > 0]


def to_list(x: Any) -> Any:
    return backlit.tensor(x.tolist())


@pytest.mark.parametrize("function", [branch, item, to_numpy, nonzero, to_list])
def test_values_that_are_asked_for(function: Any) -> None:
    compiled = backlit.compile(function)
    line = function.__code__.co_firstlineno + 1
    with pytest.raises(GraphError, match=rf"test_bad_input\.py:{line}: ") as caught:
        compiled(x_of(4))
    assert any(word in str(caught.value) for word in ("where", "outside"))
    # Nothing is left of the trace.
    assert (x_of(4) + 1).numpy().shape == (4,)


@pytest.mark.parametrize(
    ("argument", "words"), [(np.ones(3), "from_numpy"), ({1, 2}, "set"), (bytearray(b"a"), "bytearray")]
)
def test_arguments_that_are_neither_tensors_nor_constants(argument: Any, words: str) -> None:
    with pytest.raises(ArgumentTypeError, match=words):
        backlit.compile(lambda x, y: x)(x_of(3), argument)


def test_only_functions_can_be_compiled() -> None:
    with pytest.raises(ArgumentTypeError, match="expected a function or a module, got int"):
        backlit.compile(3)  # type: ignore[call-overload]
    with pytest.raises(ArgumentTypeError, match="there is no mode=, fullgraph= here; leave it out"):
        backlit.compile(mode="max-autotune", fullgraph=True)  # type: ignore[call-overload]


def test_the_function_s_own_error_comes_out() -> None:
    def function(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        backlit.compile(function)(x_of(3))
    net = nn.Linear(3, 2)
    with pytest.raises(ShapeError, match=r"4, 5"):
        backlit.compile(net)(x_of(4, 5))


def test_a_report_of_a_function_that_never_ran() -> None:
    for ask in ("explain", "llvm", "assembly"):
        with pytest.raises(GraphError, match="not called yet"):
            getattr(backlit.compile(branch), ask)()


# -- side effects ----------------------------------------------------------------------------------------------------


def test_python_runs_while_the_function_is_traced_and_not_later(capsys: pytest.CaptureFixture[str]) -> None:
    def function(x: Any) -> Any:
        print("called")
        return x + 1

    compiled = backlit.compile(function)
    compiled(x_of(3))
    assert 1 <= capsys.readouterr().out.count("called") <= 3
    compiled(x_of(3))
    assert capsys.readouterr().out == ""


def counting() -> Any:
    count = {"calls": 0}

    def function(x: Any) -> Any:
        count["calls"] += 1
        return x * 2

    return function


def random_numbers() -> Any:
    return lambda x: x * random.random()


def random_arrays() -> Any:
    rng = np.random.default_rng()
    return lambda x: x * rng.random(2)


def random_constants() -> Any:
    rng = np.random.default_rng()
    return lambda x: x * backlit.tensor(rng.random(2))


def array_of_its_own() -> Any:
    return lambda x: backlit.from_numpy(np.zeros(2, np.float32)).add_(x)


ANEW = "another one each time"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (counting, "'calls' is set"),
        (random_numbers, ANEW),
        (random_arrays, ANEW),
        (random_constants, ANEW),
        (array_of_its_own, "make it of backlit's own"),
    ],
)
def test_side_effects_that_would_not_happen_again(make: Any, words: str) -> None:
    with pytest.raises(GraphError, match=words):
        backlit.compile(make())(backlit.ones(2))


def test_a_fit_whose_model_counts_runs_eagerly() -> None:
    class Counts(nn.Linear):
        def forward(self, x: Any) -> Any:
            seen.rows += len(x)
            return super().forward(x) * (1 + seen.rows)

    seen, model = SimpleNamespace(rows=0), Counts(3, 1)
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.0))
    with pytest.warns(UserWarning, match="another one each time"):
        first, second = trainer.fit((np.ones((8, 3)), np.ones((8, 1))), epochs=2).history["loss"]
    assert first != second


def test_a_value_that_leaks_says_so_when_it_is_used() -> None:
    box = SimpleNamespace()

    def function(x: Any) -> Any:
        vars(box)["leaked"] = x * 2
        return x + 1

    assert backlit.compile(function)(backlit.ones(3)).tolist() == [2] * 3
    leaked = box.leaked
    for use in (lambda t: t + 1, lambda t: t.numpy()):
        with pytest.raises(GraphError, match="traced"):
            use(leaked)
    with pytest.raises(GraphError, match="return from a traced function what is needed outside"):
        backlit.compile(lambda x: x + leaked)(x_of(3))


# -- memory ----------------------------------------------------------------------------------------------------------


def test_memory_that_is_changed_and_shared() -> None:
    base = x_of(6)

    def function(x: Any, y: Any) -> Any:
        x.add_(1)
        return x + y

    compiled = backlit.compile(function)
    before = base.numpy().copy()
    with pytest.raises(GraphError, match=r"argument 0 is changed .* \.clone\(\)"):
        compiled(base[:3], base[1:4])
    weights = x_of(3)

    def captured(x: Any) -> Any:
        weights.add_(x)
        return x * 2

    with pytest.raises(GraphError, match="argument 0 shares memory with a tensor that the compiled function changes"):
        backlit.compile(captured)(weights)
    np.testing.assert_array_equal(base.numpy(), before)


def test_memory_that_cannot_be_written() -> None:
    compiled = backlit.compile(lambda x: x.add_(1))
    compiled(x_of(3))
    with pytest.raises(ShapeError, match=r"cannot be written.*clone"):
        compiled(backlit.zeros(1).expand(3))
    table = backlit.zeros(1).expand(3)
    with pytest.raises(ShapeError, match=r"cannot be written.*clone"):
        backlit.compile(lambda x: table.add_(x))(x_of(3))


def test_an_index_out_of_range_changes_nothing() -> None:
    net = nn.Linear(4, 3)
    optimizer = optim.Adam(net.parameters(), lr=0.1)

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        return loss

    compiled = backlit.compile(step)
    x, y = x_of(5, 4), backlit.tensor([0, 1, 2, 0, 1])
    compiled(x, y)
    tensors = [*net.state_tensors(), *optimizer.state_tensors()]
    before = [t.detach().numpy().copy() for t in tensors]
    with pytest.raises(IndexRangeError, match="out of range"):
        compiled(x, backlit.tensor([0, 1, 7, 0, 1]))
    for tensor, values in zip(tensors, before, strict=True):
        np.testing.assert_array_equal(tensor.detach().numpy(), values)
    compiled(x, y)
    assert not np.array_equal(net.weight.detach().numpy(), before[0])
    with pytest.raises(IndexRangeError, match="out of range"):
        backlit.compile(lambda x, i: x[i])(x, backlit.tensor([9]))


def test_gradients_that_would_leave_the_function() -> None:
    w = x_of(3).requires_grad_()
    with pytest.raises(GraphError, match=r"argument 0, which operations outside of it made"):
        backlit.compile(lambda x: x.sum().backward())(w * 2)
    x = x_of(3).requires_grad_()
    x.grad = backlit.ones(3)
    with pytest.raises(GraphError, match="argument 0 has a gradient already"):
        backlit.compile(lambda x: x.sum().backward())(x)


# -- what is called back ---------------------------------------------------------------------------------------------


@pytest.fixture
def fragile() -> Any:
    """An operation without loops of its own, which fails on request, or after as many runs as there are None."""
    failing: list[BaseException | None] = []

    def _fragile(xp: Any, x: Any) -> Any:
        array = np.array(x, copy=True)
        if failing and failing[0] is not None:
            raise failing[0]
        del failing[:1]
        return np.ascontiguousarray(array[::-1])

    operation = primitive(role="tests", notation="fragile({x})", samples=lambda rng: [])(_fragile)
    yield operation, failing
    del Primitive.registry["fragile"]


@pytest.mark.parametrize("error", [ZeroDivisionError("in the rule"), KeyboardInterrupt()])
def test_an_error_in_a_rule_that_is_called_back(fragile: Any, error: BaseException) -> None:
    operation, failing = fragile
    state = backlit.zeros(3)

    def function(x: Any) -> Any:
        state.add_(1)
        result = operation.bind(x)
        state.add_(result)
        return result

    compiled = backlit.compile(function)
    x = backlit.tensor([1.0, 2.0, 3.0])
    assert compiled(x).tolist() == [3, 2, 1]
    assert state.tolist() == [4, 3, 2]
    assert compiled.explain().called_back == ["fragile"]
    failing.append(error)
    with pytest.raises(type(error)):
        compiled(x)
    assert state.tolist() == [4, 3, 2]
    failing.clear()
    compiled(x)
    assert state.tolist() == [8, 6, 4]


def test_an_error_in_a_rule_ends_training(fragile: Any) -> None:
    operation, failing = fragile

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 1)

        def forward(self, x: Any) -> Any:
            return self.inner(operation.bind(x))

    net = Net()
    trainer = Trainer(net, nn.MSELoss(), optim.SGD(net.parameters(), lr=0.1))
    data = np.ones((64, 3), np.float32), np.ones((64, 1), np.float32)
    trainer.fit(data, epochs=1, batch_size=8, progress=False)
    failing += [None] * 4 + [ZeroDivisionError("in the rule")]
    with pytest.raises(ZeroDivisionError) as caught:
        trainer.fit(data, epochs=2, batch_size=8, progress=False)
    assert re.fullmatch("In batch [0-7] of compiled training.*", caught.value.__notes__[0])


# -- threads and processes -------------------------------------------------------------------------------------------


def test_threads_that_call_at_once() -> None:
    total = backlit.zeros(50)
    net = nn.Linear(50, 50)

    def function(x: Any) -> Any:
        total.add_(x)
        return net(x)

    compiled = backlit.compile(function)
    wrong: list[Any] = []

    def work(seed: int) -> None:
        x = backlit.full((50,), float(seed))
        expected = net(x)
        wrong.extend(seed for _ in range(100) if not backlit.allclose(compiled(x), expected, atol=1e-4))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert total.tolist() == [600.0] * 50


def _in_child(compiled: Any, x: Any, expected: Any, queue: Any) -> None:
    queue.put((compiled(x) == expected).all().item() and compiled(x.reshape(2, 2)).shape == (2, 2))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # Python 3.12 warns of threads of the test's own
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, loaded by other tests; the child does not use it
def test_a_fork_after_compilation() -> None:
    compiled = backlit.compile(lambda x: x.exp() + 1)
    x = x_of(4)
    expected = compiled(x)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    held = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with compiled._lock:
            held.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = context.Process(target=_in_child, args=(compiled, x, expected, queue))
    child.start()
    assert queue.get(timeout=60)
    child.join(60)
    done.set()
    thread.join()
    assert child.exitcode == 0


# -- no machine code -------------------------------------------------------------------------------------------------


def small_fit() -> tuple[Any, Any]:
    backlit.manual_seed(0)
    net = nn.Linear(3, 1)
    trainer = Trainer(net, nn.MSELoss(), optim.SGD(net.parameters(), lr=0.1))
    return trainer, (np.ones((8, 3), np.float32), np.ones((8, 1), np.float32))


def test_no_llvm_for_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Any:
        raise RuntimeError("no target for this machine")

    monkeypatch.setattr(llvm, "target_machine", fails)
    with pytest.raises(GraphError, match=r"no target for this machine.*without compile"):
        backlit.compile(branch)
    trainer, data = small_fit()
    with pytest.warns(UserWarning, match="runs eagerly: LLVM") as caught:
        trainer.fit(data, epochs=3, progress=False)
    assert len(caught) == 1


def test_without_llvmlite() -> None:
    program = """
import sys, warnings
sys.modules["llvmlite"] = None
import numpy as np
import backlit
from backlit import nn, optim
from backlit.train import Trainer
try:
    backlit.compile(abs)
except backlit.errors.GraphError as error:
    print(error)
net = nn.Linear(3, 1)
trainer = Trainer(net, nn.MSELoss(), optim.SGD(net.parameters(), lr=0.1))
data = np.ones((8, 3), np.float32), np.ones((8, 1), np.float32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    trainer.fit(data, epochs=2, progress=False)
print(len(caught), caught[0].message)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert "llvmlite" in first
    assert second.startswith("1 Trainer: the training step cannot be compiled and runs eagerly: LLVM")


def test_importing_backlit_does_not_load_the_compiler() -> None:
    program = "import sys, backlit; print({'llvmlite', 'backlit.compiler'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_float16_is_said_and_training_runs_eagerly() -> None:
    with pytest.raises(GraphError, match="no numbers of type float16"):
        backlit.compile(lambda x: x.sum())(x_of(4).half())
    model = nn.Linear(3, 1).half()
    trainer = Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.01))
    with pytest.warns(UserWarning, match="runs eagerly: machine code has no numbers of type float16"):
        run = trainer.fit((np.ones((8, 3)), np.ones((8, 1))), epochs=2)
    assert run.history["loss"][1] < run.history["loss"][0]
