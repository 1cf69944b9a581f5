"""Schedulers that a compiled function steps: the table of rates is eager's, and so is what they have counted."""

import contextlib
import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler.compiled import compile
from backlit.errors import GraphError, IndexRangeError, StateError
from backlit.graph import schedule
from backlit.nn import functional as F
from backlit.optim import lr_scheduler
from backlit.train import Trainer
from tests.compiler.courses import Program, same_course
from tests.compiler.test_programs import optimizer_state, programs_of
from tests.optim import programs

CALLS = 5
Steps = Callable[[Callable[[], None], Callable[[], None]], None]


def before(update: Callable[[], None], step: Callable[[], None]) -> None:
    step()
    update()
    step()
    step()
    update()


def after(update: Callable[[], None], step: Callable[[], None]) -> None:
    for _ in range(3):
        update()
        step()


def parts(scheduler: Any) -> list[Any]:
    """A scheduler and those that it goes through."""
    return [scheduler, *(part for one in getattr(scheduler, "_schedulers", ()) for part in parts(one))]


def counted(schedulers: dict[str, Any]) -> dict[str, Any]:
    """All that can be seen of schedulers and the rates that they set."""
    found = {}
    for name, scheduler in schedulers.items():
        numbers = [(s.last_epoch, getattr(s, "_step_count", 0), *s.get_last_lr()) for s in parts(scheduler)]
        found[name] = backlit.tensor(numbers, dtype=backlit.float64)
        found[f"{name}, rates"] = backlit.tensor(programs.rates(scheduler.optimizer), dtype=backlit.float64)
    return found


def everything(steps: Steps) -> Program:
    """Every scheduler steps an optimizer of its own, several times in a call."""
    optimizers, schedulers = {}, {}
    for position, (case, make) in enumerate(programs.SCHEDULES.items()):
        first, second = (backlit.full((2,), value, dtype=backlit.float64).requires_grad_() for value in (1.0, 2.0))
        groups = [{"params": [first]}, {"params": [second], "lr": 0.05}]
        made = optim.Adam(groups, lr=0.01) if position % 2 else optim.SGD(groups, lr=0.01, momentum=0.9)
        optimizers[case], schedulers[case] = made, make(lr_scheduler, made)

    def function(x: Any) -> Any:
        for case, optimizer in optimizers.items():
            (first,), (second,) = (group["params"] for group in optimizer.param_groups)

            def update(optimizer: Any = optimizer, first: Any = first, second: Any = second) -> None:
                optimizer.zero_grad()
                ((x * first * second).tanh()).sum().backward()
                optimizer.step()

            given = [0.5] if case.startswith("plateau") else []
            steps(update, lambda case=case, given=given: schedulers[case].step(*given))

    return function, lambda: optimizer_state(optimizers) | counted(schedulers)


@pytest.mark.parametrize("steps", [before, after])
def test_compiled_equals_eager(steps: Steps) -> None:
    """A new scheduler is in here with its row in the table of schedules."""
    rng = np.random.default_rng(0)
    compiled = same_course(lambda: everything(steps), [[rng.normal(size=(3, 2))] for _ in range(CALLS)], slack=10)
    assert len(programs_of(compiled)) == 1


def test_every_scheduler_is_in_the_table() -> None:
    _, look = everything(after)
    found = {
        type(part).__name__
        for case in programs.SCHEDULES
        for part in parts(programs.scheduled(backlit, optim, case, "SGD")[1])
    }
    assert look()
    assert found == set(lr_scheduler.__all__) - {"LRScheduler"}


def test_a_table_that_is_not_filled_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_fill", lambda row: None)
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="parameter"):
        same_course(lambda: everything(after), [[rng.normal(size=(3, 2))] for _ in range(3)])


# -- one network -----------------------------------------------------------------------------------------------------


class Fading:
    """A factor that counts its calls, which eager code makes once a step."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked: list[int] = []

    def __call__(self, epoch: int) -> float:
        self.calls += 1
        self.asked.append(epoch)
        return 1 / self.calls


class Warming(lr_scheduler.LRScheduler):
    """A scheduler of the user's, which keeps a list and counts in a step of its own."""

    def __init__(self, optimizer: Any, network: Any) -> None:
        self.network, self.seen = network, [0.0]
        super().__init__(optimizer)

    def step(self, epoch: Any = None) -> None:
        super().step(epoch)
        self.seen.append(self.last_epoch)

    def get_lr(self) -> list[float]:
        return [base * len(self.seen) / 10 for base in self.base_lrs]


class Training:
    """A network, its optimizer and a scheduler, all in one function."""

    def __init__(self, compiled: bool, make: Any, micro: int = 3, **options: Any) -> None:
        backlit.manual_seed(0)
        self.net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(8, 3)).double()
        self.optimizer = optim.SGD(self.net.parameters(), **{"lr": 0.1, "momentum": 0.9, **options})
        self.scheduler = make(self)
        self.micro = micro
        self.step = compile(self._step) if compiled else self._step

    def _step(self, tokens: Any, labels: Any) -> Any:
        for _ in range(self.micro):
            self.optimizer.zero_grad()
            loss = F.cross_entropy(self.net(tokens), labels)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
        return loss

    def look(self) -> Any:
        group, scheduler = self.optimizer.param_groups[0], self.scheduler
        fields = {k: v for k, v in vars(scheduler).items() if k not in ("optimizer", "lr_lambdas", "network", "step")}
        return [p.tolist() for p in self.net.parameters()], group["lr"], group["momentum"], str(fields)


def fading(training: Training) -> Any:
    return lr_scheduler.LambdaLR(training.optimizer, Fading())


def counting(training: Training) -> Any:
    """Functions with counts of their own."""
    calls, seen = 0, [0]

    def factor(epoch: int) -> float:
        nonlocal calls
        calls += 1
        seen.append(epoch)
        return 1 / (calls + len(seen))

    return lr_scheduler.LambdaLR(training.optimizer, functools.partial(factor))


class Doubling:
    """A part of schedulers that has a step."""

    def step(self) -> None:
        self.steps = getattr(self, "steps", 0) + 1
        super().step()  # type: ignore[misc]


class Doubled(Doubling, lr_scheduler.StepLR):
    """Gets its step from beside."""


def doubled(training: Training) -> Any:
    return Doubled(training.optimizer, 2, 0.5)


def warming(training: Training) -> Any:
    return Warming(training.optimizer, training.net)


def step_lr(training: Training) -> Any:
    return lr_scheduler.StepLR(training.optimizer, 2, 0.5)


def data(rows: int = 6) -> Any:
    generator = backlit.Generator().manual_seed(1)
    return backlit.randint(0, 9, (rows, 2), generator=generator), backlit.randint(0, 3, (rows,), generator=generator)


def both(make: Any, **options: Any) -> tuple[Training, Training]:
    return Training(False, make, **options), Training(True, make, **options)


def same(eager: Training, compiled: Training, *args: Any) -> None:
    """One call of both, after which they are in the same state."""
    expected, found = eager.step(*args), compiled.step(*args)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-12)
    for one, other in zip(compiled.net.parameters(), eager.net.parameters(), strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-11, atol=1e-13)
    assert compiled.look()[1:] == eager.look()[1:]


@pytest.mark.parametrize("make", [fading, warming, counting, doubled, step_lr])
def test_a_failing_call_is_as_if_it_had_not_been(make: Any) -> None:
    eager, compiled = both(make)
    tokens, labels = data()
    for call in range(4):
        if call != 1:
            same(eager, compiled, tokens, labels)
        kept = compiled.look()
        with pytest.raises(IndexRangeError):
            compiled.step(tokens + 9, labels)
        assert compiled.look() == kept
        compiled.step.specialised(tokens, labels)
        compiled.step.record(tokens, labels)
        assert compiled.look() == kept
    if make is fading:
        assert compiled.scheduler.lr_lambdas[0].asked == eager.scheduler.lr_lambdas[0].asked
    if make is warming:
        assert compiled.scheduler.network is compiled.net


def test_a_step_that_raises_undoes_those_before_it() -> None:
    training = Training(True, lambda t: lr_scheduler.OneCycleLR(t.optimizer, 1.0, total_steps=7))
    for _ in range(2):
        training.step(*data())
    kept = training.look()
    for _ in range(2):
        with pytest.raises(StateError, match="step 8 is beyond the total of 7"):
            training.step(*data())
        assert training.look() == kept


def test_a_step_whose_error_is_caught_is_no_part_of_a_program() -> None:
    training = Training(True, lambda t: lr_scheduler.OneCycleLR(t.optimizer, 1.0, total_steps=1))

    def careless(x: Any) -> Any:
        for _ in range(2):
            with contextlib.suppress(StateError):
                training.scheduler.step()
        return x

    kept = training.look()
    with pytest.raises(StateError, match="step 2 is beyond the total of 1"):
        compile(careless)(backlit.ones(2))
    assert training.look() == kept


def test_no_rate_makes_new_code(emitted: list[Any]) -> None:
    eager, compiled = both(lambda t: lr_scheduler.LambdaLR(t.optimizer, lambda e: max(0.0, 1 - e / 5)))
    for rows in (6, 6, 2, 6):
        same(eager, compiled, *data(rows))
    assert len(emitted) == 1
    assert len(programs_of(compiled.step)) == 1


def test_a_momentum_that_comes_and_goes_is_another_program() -> None:
    def make(training: Training) -> Any:
        return lr_scheduler.OneCycleLR(
            training.optimizer, 1.0, total_steps=20, base_momentum=0.0, anneal_strategy="linear", pct_start=0.45
        )

    eager, compiled = both(make)
    for _ in range(6):
        same(eager, compiled, *data())


def test_a_scheduler_may_be_edited_or_replaced_between_calls() -> None:
    eager, compiled = both(step_lr)
    edits: list[Callable[[Training], Any]] = [
        lambda t: setattr(t.scheduler, "gamma", 0.9),
        lambda t: t.scheduler.step(),
        lambda t: t.scheduler.load_state_dict({**t.scheduler.state_dict(), "last_epoch": 1}),
        lambda t: t.optimizer.param_groups[0].update(lr=0.3, momentum=0.5),
        lambda t: setattr(t, "scheduler", lr_scheduler.ExponentialLR(t.optimizer, 0.8)),
        lambda t: setattr(t, "scheduler", warming(t)),
        lambda t: setattr(t, "scheduler", step_lr(t)),
        lambda t: setattr(t.scheduler.optimizer, "param_groups", t.optimizer.param_groups[:]),
        lambda t: setattr(t.scheduler, "step", lambda: None),
    ]
    for edit in edits:
        same(eager, compiled, *data())
        edit(eager)
        edit(compiled)
    same(eager, compiled, *data())


# -- other functions -------------------------------------------------------------------------------------------------


def parameter() -> Any:
    return backlit.tensor([1.0, -2.0], dtype=backlit.float64).requires_grad_()


class Several:
    """Two optimizers, of which one has two schedulers, and a scheduler of another optimizer."""

    def __init__(self) -> None:
        self.one, self.two = parameter(), parameter()
        self.first, self.second = optim.SGD([self.one], lr=0.1), optim.AdamW([self.two], lr=0.2)
        self.schedulers = {
            "a": lr_scheduler.ExponentialLR(self.first, 0.9),
            "b": lr_scheduler.CosineAnnealingLR(self.first, 5),
            "c": lr_scheduler.LinearLR(self.second),
        }

    def update(self, x: Any) -> None:
        for optimizer in (self.first, self.second):
            optimizer.zero_grad()
        (self.one * self.two * x).sin().sum().backward()
        for optimizer in (self.second, self.first):
            optimizer.step()

    def look(self) -> dict[str, Any]:
        rates = [o.param_groups[0]["lr"] for o in (self.first, self.second)]
        counts = [(s.last_epoch, s._step_count, *s.get_last_lr()) for s in self.schedulers.values()]
        tables = {"rates": rates, "counts": counts}
        return {"one": self.one, "two": self.two} | {k: backlit.tensor(v).double() for k, v in tables.items()}


def chained(several: Several, x: Any) -> Any:
    several.update(x)
    for scheduler in several.schedulers.values():
        scheduler.step()
    several.update(x)
    several.schedulers["b"].step()


def by_rows(several: Several, x: Any) -> Any:
    """The same operations, with the rates of other steps."""
    late = x.shape[0] > 2
    if not late:
        several.schedulers["a"].step()
    several.update(x)
    if late:
        several.schedulers["a"].step()


def to_an_epoch(several: Several, x: Any) -> Any:
    several.schedulers["b"].step(x.shape[0])
    several.update(x)


def reading(several: Several, x: Any) -> Any:
    """What a scheduler has counted is a number of the program."""
    scheduler = several.schedulers["a"]
    several.update(x)
    before = scheduler.last_epoch
    scheduler.step()
    several.update(x * scheduler.last_epoch)
    return x * before + scheduler._step_count


def by_its_class(several: Several, x: Any) -> Any:
    lr_scheduler.LRScheduler.step(several.schedulers["b"], 2)
    several.update(x)


def unread(several: Several, x: Any) -> Any:
    several.schedulers["a"].step()
    return x + 1


def in_a_hook(several: Several, x: Any) -> Any:
    handle = several.first.register_step_post_hook(lambda *_: several.schedulers["a"].step())
    several.update(x)
    several.update(x)
    handle.remove()


@pytest.mark.parametrize("function", [in_a_hook, chained, by_rows, to_an_epoch, by_its_class, reading, unread])
def test_functions(function: Any) -> None:
    def build() -> Program:
        several = Several()
        return lambda x: function(several, x), several.look

    rng = np.random.default_rng(0)
    same_course(build, [[rng.normal(size=(rows, 2))] for rows in (3, 3, 1, 2, 4, 3)], slack=10)


def test_a_function_inside_another() -> None:
    def build() -> Program:
        several = Several()
        inner = compile(lambda x: chained(several, x))

        def function(x: Any) -> Any:
            inner(x.detach())
            inner(2 * x.detach())

        return function, several.look

    same_course(build, [[np.ones((3, 2))]] * 3, keep_grads=False, slack=10)


def test_threads_take_turns() -> None:
    eager, compiled = both(step_lr, micro=1)
    for _ in range(40):
        eager.step(*data())

    def work() -> None:
        for _ in range(10):
            compiled.step(*data())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert compiled.look()[1:] == eager.look()[1:]


# -- what cannot be compiled -----------------------------------------------------------------------------------------


def get_last_lr(several: Several, x: Any) -> Any:
    return x * several.schedulers["a"].get_last_lr()[0]


def loaded(several: Several, x: Any) -> Any:
    several.schedulers["a"].load_state_dict({})
    return x


def set_rate(several: Several, x: Any) -> Any:
    several.first.param_groups[0]["lr"] = 0.3
    return x


def plateau(several: Several, x: Any) -> Any:
    lr_scheduler.ReduceLROnPlateau.step(several.schedulers["a"], (several.one * x).sum())
    return x


def value_in_a_step(several: Several, x: Any) -> Any:
    several.schedulers["d"].step()
    return x


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (get_last_lr, "ExponentialLR: its rates were read inside a traced program.* outside"),
        (loaded, "ExponentialLR: a state was loaded inside a traced program.* outside"),
        (set_rate, r"SGD: lr was changed inside a traced program.* only a scheduler's step\(\)"),
        (plateau, "step was given a tensor inside a traced program.* outside .* as Trainer does"),
        (value_in_a_step, "asked for the number of a tensor while it was traced"),
    ],
)
def test_what_cannot_be_compiled(function: Any, words: str) -> None:
    several = Several()
    several.schedulers["d"] = lr_scheduler.LambdaLR(several.first, lambda epoch: several.one.sum().item())
    before = [t.tolist() for t in several.look().values()]
    with pytest.raises(GraphError, match=rf"test_schedulers\.py:\d+: .*{words}"):
        compile(lambda x: function(several, x))(backlit.ones(2).double())
    assert [t.tolist() for t in several.look().values()] == before


def test_lbfgs_stays_outside() -> None:
    optimizer = optim.LBFGS([parameter()])
    with pytest.raises(GraphError, match="LBFGS: a step branches on losses"):
        compile(lambda x: optimizer.step(lambda: x.sum()))(backlit.ones(2).double())


def test_a_scheduler_in_a_loss_keeps_trainer_in_python() -> None:
    def fitted(**options: Any) -> tuple[Any, ...]:
        backlit.manual_seed(0)
        net = nn.Linear(2, 1)
        optimizer = optim.SGD(net.parameters(), lr=0.1)
        scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)

        def loss(found: Any, wanted: Any) -> Any:
            scheduler.step()
            return F.mse_loss(found, wanted)

        data = backlit.randn(6, 2), backlit.randn(6, 1)
        Trainer(net, loss, optimizer).fit(data, epochs=2, batch_size=3, **options)
        return scheduler.last_epoch, net.weight.tolist()

    expected = fitted(compile=False)
    with pytest.warns(UserWarning, match=r"StepLR.step\(\) is called inside the model or the loss"):
        assert fitted() == expected


def test_the_report_names_the_steps() -> None:
    training = Training(True, step_lr, micro=2)
    training.step(*data())
    text = str(training.step.explain())
    assert "Steps before each run: StepLR.step(), StepLR.step()" in text
    assert "rate 0 after step 0, StepLR.step()" in text
