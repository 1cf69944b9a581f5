"""Whole programs, compiled: modules, losses, optimizers, schedules, writes in place. Each equals its eager self."""

from typing import Any

import numpy as np
import pytest

import backlit
from backlit import nn, optim
from backlit.compiler.compiled import compile
from backlit.nn import functional as F
from tests.compiler.courses import same_course
from tests.nn.layer_table import LAYERS, LOSSES, inputs
from tests.nn.names import NAMES
from tests.optim import programs

# The first call's number of rows, fewer, and more than there was memory for.
ROWS = (7, 2, 23)


def in_groups(table: list[Any], size: int) -> list[list[Any]]:
    """Parts of a table, each to become one program: machine code is made for many entries at once."""
    return [table[start : start + size] for start in range(0, len(table), size)]


def with_rows(spec: Any, rows: int) -> Any:
    """A shape of the table with another number of rows; vectors and single labels have none."""
    if isinstance(spec[0], str):
        kind, shape, *more = spec
        return (kind, (rows, *shape[1:]) if shape and (shape[1:] or "labels" in kind) else shape, *more)
    return (rows, *spec[1:]) if len(spec) > 1 else spec


def made(text: str, kind: str) -> Any:
    """A module of the table."""
    return eval(text, NAMES).to(getattr(backlit, kind))


def named_state(modules: list[Any]) -> dict[str, Any]:
    found = {}
    for position, module in enumerate(modules):
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            found[f"{position} {type(module).__name__}.{name}"] = tensor
    return found


@pytest.mark.parametrize(("mode", "kind"), [("train", "float64"), ("eval", "float64"), ("train", "float32")])
@pytest.mark.parametrize("entries", in_groups(LAYERS, 20), ids=lambda group: f"{group[0][0]} to {group[-1][0]}")
def test_modules(entries: list[Any], mode: str, kind: str) -> None:
    if mode == "eval":
        entries = [(f"{text}.eval()", specs) for text, specs in entries if "track_running_stats" not in text]
    counts = [len(specs) for _, specs in entries]

    def build() -> Any:
        modules = [made(text, kind) for text, _ in entries]

        def function(*args: Any) -> Any:
            left = iter(args)
            results = [module(*(next(left) for _ in range(n))) for module, n in zip(modules, counts, strict=True)]
            sum(r.sin().sum() for r in results if r.requires_grad).backward()
            return [r.detach() for r in results]

        return function, lambda: named_state(modules)

    # Batch normalisation of a single row is refused in training.
    rows = ROWS if mode == "train" else (7, 1, 23)
    calls = [inputs([with_rows(s, n) for _, specs in entries for s in specs]) for n in rows]
    same_course(build, calls, kind)


@pytest.mark.parametrize(
    ("entries", "kind"),
    [*((group, "float64") for group in in_groups(LOSSES, 20)), (LOSSES[::4], "float32")],
    ids=lambda value: value if isinstance(value, str) else f"{value[0][0]} to {value[-1][0]}",
)
def test_losses(entries: list[Any], kind: str) -> None:
    def build() -> Any:
        losses = [made(text, kind) for text, _, _ in entries]

        def function(*args: Any) -> Any:
            results = [loss(*args[2 * i : 2 * i + 2]) for i, loss in enumerate(losses)]
            sum(r.sum() for r in results).backward()
            return [r.detach() for r in results]

        return function, dict

    calls = [inputs([with_rows(s, n) for _, *specs in entries for s in specs]) for n in (7, 1, 23)]
    same_course(build, calls, kind)


def programs_of(compiled: Any) -> list[Any]:
    """Everything that was traced for a compiled function."""
    return [program for several in compiled._known.values() for program in several]


def regression(rows: int, rng: np.random.Generator) -> list[Any]:
    return [rng.normal(size=(rows, 5)), rng.normal(size=(rows, 3))]


def optimizer_state(optimizers: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, optimizer in optimizers.items():
        for group, params in enumerate(optimizer.param_groups):
            for place, param in enumerate(params["params"]):
                found[f"{name}, parameter {group}.{place}"] = param
                for key, value in optimizer.state.get(param, {}).items():
                    if isinstance(value, backlit.Tensor):
                        found[f"{name}, {key} {group}.{place}"] = value
    return found


@pytest.mark.parametrize(("kind", "keep_grads"), [("float64", True), ("float32", False)])
def test_optimizers(kind: str, keep_grads: bool) -> None:
    """All of them, with all their options, each on parameters of its own, in two groups, one without gradient."""

    def build() -> Any:
        optimizers = {}
        for case, (name, options) in programs.OPTIMIZERS.items():
            weight, bias, unused = (
                backlit.randn(*shape, dtype=getattr(backlit, kind)).requires_grad_() for shape in [(5, 3), (3,), (3,)]
            )
            groups = [{"params": [weight, unused]}, {"params": [bias], "lr": options["lr"] / 2}]
            optimizers[case] = getattr(optim, name)(groups, **options)

        def step(x: Any, y: Any) -> Any:
            losses = []
            for optimizer in optimizers.values():
                optimizer.zero_grad()
                (weight, _), (bias,) = (group["params"] for group in optimizer.param_groups)
                losses.append(((x @ weight + bias - y) ** 2).mean())
                losses[-1].backward()
                optimizer.step()
            return losses

        return step, lambda: optimizer_state(optimizers)

    rng = np.random.default_rng(2)
    calls = [regression(rows, rng) for rows in (7, 7, 1, 23)]
    same_course(build, calls, kind, keep_grads=keep_grads, slack=10)


def test_schedules_between_steps() -> None:
    """Every schedule changes rates that the machine code reads."""

    def build() -> Any:
        optimizers, schedules = {}, {}
        for position, (case, schedule) in enumerate(programs.SCHEDULES.items()):
            first, second = (backlit.randn(*s, dtype=backlit.float64).requires_grad_() for s in [(5, 3), (3,)])
            groups = [{"params": [first]}, {"params": [second], "lr": 0.05}]
            found = optim.Adam(groups, lr=0.01) if position % 2 else optim.SGD(groups, lr=0.01, momentum=0.9)
            optimizers[case], schedules[case] = found, schedule(optim.lr_scheduler, found)

        def step(x: Any, y: Any) -> Any:
            losses = []
            for optimizer in optimizers.values():
                optimizer.zero_grad()
                (weight,), (bias,) = (group["params"] for group in optimizer.param_groups)
                losses.append(F.l1_loss((x @ weight + bias).tanh(), y))
                losses[-1].backward()
                optimizer.step()
            return losses

        def look() -> Any:
            """Looks between two calls, and lets time go on."""
            for name, schedule in schedules.items():
                schedule.step(*([1.0] if "plateau" in name else []))
            return optimizer_state(optimizers)

        return step, look

    rng = np.random.default_rng(2)
    compiled = same_course(build, [regression(4, rng) for _ in range(12)], slack=10)
    assert len(programs_of(compiled)) == 1


@pytest.mark.parametrize(
    ("clip", "kind"), [("norm", "float64"), ("norm inf", "float32"), ("value", "float64"), ("none", "float32")]
)
def test_a_training_step(clip: str, kind: str) -> None:
    """Embedding, dropout, batch normalisation, clipping and the rest of a usual step, train and eval in turns."""

    def build() -> Any:
        table, rest = nn.Embedding(11, 4, padding_idx=0), nn.Sequential(
            nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.GELU(), nn.Dropout(0.3), nn.Linear(6, 3)
        )  # fmt: skip
        net = nn.ModuleList([table, rest]).to(getattr(backlit, kind))
        optimizer = optim.AdamW(net.parameters(), lr=0.01)

        modes = iter([True, False, True, False, True, True])
        net.train()

        def step(tokens: Any, labels: Any) -> Any:
            optimizer.zero_grad()
            scores = rest(table(tokens).mean(1))
            loss = F.cross_entropy(scores, labels, label_smoothing=0.1)
            if not net.training:
                return loss, scores.argmax(1)
            loss.backward()
            norm = loss
            if clip.startswith("norm"):
                limit = float("inf") if "inf" in clip else 2.0
                norm = nn.utils.clip_grad_norm_(net.parameters(), 0.1, norm_type=limit)
            elif clip == "value":
                nn.utils.clip_grad_value_(net.parameters(), 0.01)
            optimizer.step()
            return loss, norm

        def look() -> Any:
            """Looks between two calls, and changes the mode."""
            net.train(next(modes))
            return named_state([net]) | optimizer_state({"AdamW": optimizer})

        return step, look

    rng = np.random.default_rng(3)
    calls = [[rng.integers(0, 11, (rows, 5)), rng.integers(0, 3, (rows,))] for rows in (7, 7, 1, 23, 23, 2)]
    compiled = same_course(build, calls, kind, slack=10)
    assert len(programs_of(compiled)) == 2, "one for training, one for evaluation"


@pytest.mark.parametrize("case", programs.LBFGS)
def test_an_optimizer_that_decides_in_python(case: str) -> None:
    """LBFGS runs around a compiled closure."""

    def course(wrap: Any) -> Any:
        net = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
        net.load_state_dict(
            {n: backlit.full(v.shape, 0.1, dtype=v.dtype).cumsum(0) for n, v in net.state_dict().items()}
        )
        optimizer = optim.LBFGS(net.parameters(), **programs.LBFGS[case])
        x, y = (backlit.from_numpy(a) for a in regression(6, np.random.default_rng(4)))

        def closure() -> Any:
            optimizer.zero_grad()
            loss = F.mse_loss(net(x), y)
            loss.backward()
            return loss

        run = wrap(closure)
        losses = [float(optimizer.step(run)) for _ in range(3)]
        return np.concatenate([losses, *(p.detach().numpy().ravel() for p in net.parameters())])

    np.testing.assert_allclose(course(compile), course(lambda f: f), rtol=1e-7)


def test_a_chain_longer_than_python_calls_deep() -> None:
    def steps(x: Any) -> Any:
        for _ in range(400):
            x = x + (x * 0.01).sin() * 0.1 - 0.01 * x
        return x

    x = backlit.randn(3, 4, dtype=backlit.float64)
    assert backlit.allclose(backlit.compile(steps)(x), steps(x), rtol=1e-9)
