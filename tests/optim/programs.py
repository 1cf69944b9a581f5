"""The programs whose courses are compared with PyTorch's; each runs on either library, given as an argument."""

from typing import Any

import numpy as np

STEPS = 50
KEPT = [1, 2, 3, 10, 30, 50]  # the steps whose parameters are in the reference file

OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd decay": ("SGD", {"lr": 0.01, "weight_decay": 0.1}),
    "sgd momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "sgd dampening": ("SGD", {"lr": 0.01, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    "sgd nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "sgd maximize": ("SGD", {"lr": 1e-4, "momentum": 0.5, "maximize": True}),
    "adam": ("Adam", {"lr": 0.01}),
    "adam decay": ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    "adam amsgrad": ("Adam", {"lr": 0.1, "amsgrad": True}),
    "adam maximize": ("Adam", {"lr": 0.01, "maximize": True, "weight_decay": 0.01}),
    "adamw": ("AdamW", {"lr": 0.01}),
    "adamw amsgrad": ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop centered": ("RMSprop", {"lr": 0.01, "centered": True, "weight_decay": 0.1}),
    "rmsprop momentum": ("RMSprop", {"lr": 0.01, "momentum": 0.5, "alpha": 0.9}),
    "rmsprop all": ("RMSprop", {"lr": 1e-3, "momentum": 0.9, "centered": True, "maximize": True, "eps": 1e-4}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad decay": ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.1, "weight_decay": 0.1}),
    "adagrad maximize": ("Adagrad", {"lr": 0.01, "maximize": True, "eps": 1e-3}),
}

LBFGS: dict[str, dict[str, Any]] = {
    "fixed": {"lr": 0.1, "max_iter": 2},
    "short memory": {"lr": 0.3, "max_iter": 3, "history_size": 2, "tolerance_grad": 0.0, "tolerance_change": 0.0},
    "line search": {"line_search_fn": "strong_wolfe", "max_iter": 2, "max_eval": 6},
    "line search, slow start": {"lr": 1e-3, "line_search_fn": "strong_wolfe", "max_iter": 3},
}


def optimizer_course(lib: Any, optim: Any, case: str, dtype: str) -> dict[int, Any]:
    """Fit a linear map; two groups, a parameter that misses gradients now and then, and one that never has any.

    Returns:
        All parameters as one vector, for each of the steps `KEPT`.
    """
    rng = np.random.default_rng(1)
    a, b, x, y = (rng.normal(size=shape) for shape in [(5, 3), (3,), (7, 5), (7, 3)])
    x, y = (lib.tensor(v, dtype=getattr(lib, dtype)) for v in (x, y))
    weight, bias, unused = (lib.tensor(v, dtype=getattr(lib, dtype)).requires_grad_() for v in (a, b, b))
    kind, options = OPTIMIZERS[case]
    groups = [{"params": [weight, unused]}, {"params": [bias], "lr": options["lr"] / 2}]
    optimizer = getattr(optim, kind)(groups, **options)
    kept = {}
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        ((x @ weight + bias - y) ** 2).sum().backward()
        if step % 3 == 2:
            bias.grad = None
        optimizer.step()
        if step in KEPT:
            kept[step] = np.concatenate([p.detach().numpy().reshape(-1) for p in (weight, bias, unused)])
    return kept


def lbfgs_course(lib: Any, optim: Any, case: str) -> Any:
    """Minimize a smooth function of eight numbers; the parameters after each of five steps, in float64."""
    rng = np.random.default_rng(2)
    start, target = rng.normal(size=(2, 3)), rng.normal(size=2)
    p, q = (lib.tensor(v, dtype=lib.float64).requires_grad_() for v in (start, target))
    scale = lib.tensor([[1.0, 3.0, 10.0], [2.0, 5.0, 20.0]], dtype=lib.float64)
    optimizer = optim.LBFGS([p, q], **LBFGS[case])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (scale * (p - 0.5) ** 2).sum() + ((p.sum() - q) ** 2).sum() + (q**4).sum()
        loss.backward()
        return loss

    kept = []
    for _ in range(5):
        optimizer.step(closure)
        kept.append(np.concatenate([v.detach().numpy().reshape(-1) for v in (p, q)]))
    return np.array(kept)


def _sequence(lr: Any, o: Any) -> Any:
    parts = [lr.LinearLR(o, 0.1, 1.0, 5), lr.CosineAnnealingLR(o, 15, 0.001), lr.StepLR(o, 5, 0.5)]
    return lr.SequentialLR(o, parts, [5, 20])


SCHEDULES: dict[str, Any] = {
    "lambda": lambda lr, o: lr.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: 0.9**e]),
    "multiplicative": lambda lr, o: lr.MultiplicativeLR(o, [lambda e: 1 - 0.1 / (1 + e), lambda e: 0.9]),
    "polynomial": lambda lr, o: lr.PolynomialLR(o, 30, 0.9),
    "step": lambda lr, o: lr.StepLR(o, 7, 0.5),
    "multistep": lambda lr, o: lr.MultiStepLR(o, [3, 9, 9, 20], 0.3),
    "exponential": lambda lr, o: lr.ExponentialLR(o, 0.95),
    "constant": lambda lr, o: lr.ConstantLR(o, 0.3, 6),
    "linear": lambda lr, o: lr.LinearLR(o, 0.2, 0.9, 10),
    "cosine": lambda lr, o: lr.CosineAnnealingLR(o, 20, 0.01),
    "restarts": lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 7),
    "longer restarts": lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 5, 2, 0.001),
    "one cycle": lambda lr, o: lr.OneCycleLR(o, [1.0, 2.0], total_steps=60),
    "three phases": lambda lr, o: lr.OneCycleLR(
        o, 1.0, epochs=6, steps_per_epoch=10, three_phase=True, anneal_strategy="linear", base_momentum=[0.8, 0.7]
    ),
    "sequence": _sequence,
    "nested": lambda lr, o: lr.SequentialLR(o, [_sequence(lr, o), lr.ExponentialLR(o, 0.9)], [30]),
    "plateau": lambda lr, o: lr.ReduceLROnPlateau(o, factor=0.5, patience=2, cooldown=2, min_lr=[1e-3, 1e-2]),
    "plateau max": lambda lr, o: lr.ReduceLROnPlateau(
        o, "max", threshold=0.01, threshold_mode="abs", patience=3, eps=1e-3
    ),
}
METRICS = [1 - 0.01 * i if i < 15 else 0.9 + i % 3 * 0.01 for i in range(60)]


def scheduled(lib: Any, optim: Any, case: str, kind: str) -> tuple[Any, Any, list[Any]]:
    """An optimizer of two groups, its scheduler, and the arguments of each of 60 steps of that."""
    first, second = lib.zeros(2).requires_grad_(), lib.zeros(3).requires_grad_()
    options = {"momentum": 0.9} if kind == "SGD" else {}
    optimizer = getattr(optim, kind)([{"params": [first]}, {"params": [second], "lr": 0.5}], lr=0.1, **options)
    scheduler = SCHEDULES[case](optim.lr_scheduler, optimizer)
    return optimizer, scheduler, [[m] if case.startswith("plateau") else [] for m in METRICS]


def rates(optimizer: Any) -> list[float]:
    """Rate and momentum of each group."""
    groups = optimizer.param_groups
    return [g["lr"] for g in groups] + [g["betas"][0] if "betas" in g else g["momentum"] for g in groups]


def schedule(lib: Any, optim: Any, case: str, kind: str) -> Any:
    """The rates before each of 60 steps of a scheduler."""
    optimizer, scheduler, arguments = scheduled(lib, optim, case, kind)
    kept = []
    for given in arguments:
        kept.append(rates(optimizer))
        scheduler.step(*given)
    return np.array(kept)
