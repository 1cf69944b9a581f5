"""Training and evaluation mode for a while: state of a model that threads share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from backlit.errors import StateError
from backlit.nn import Module


@dataclass
class _Claim:
    """A mode in which threads hold a module.

    Attributes:
        training: The mode.
        before: The module's own mode, to which the last thread puts it back.
        outer: The claim inside which this one was made.
        threads: The threads that hold it, each as often as it does.
    """

    training: bool
    before: bool
    outer: "_Claim | None"
    threads: list[int] = field(default_factory=list)

    def only(self, thread: int) -> bool:
        """Whether no other thread holds it."""
        return all(one == thread for one in self.threads)


# By identity: a module lives as long as it is held.
_claims: dict[int, _Claim] = {}
_turn = threading.Lock()


@contextmanager
def in_mode(model: Module, *, training: bool) -> Iterator[None]:
    """Puts a model into training or evaluation mode, and each of its modules back into its own mode on leaving.

    Threads that want the same mode share it, and the last one puts the modules back.

    Raises:
        StateError: Another thread holds a module in the other mode. Nothing has changed.
    """
    modules, thread = model.listed_modules(), threading.get_ident()
    with _turn:
        _check(model, modules, training, thread)
        for module in modules:
            claim = _claims.get(id(module))
            if claim is None or claim.training != training:
                claim = _claims[id(module)] = _Claim(training, module.training, claim)
            claim.threads.append(thread)
        if any(module.training is not training for module in modules):
            model.train(training)
    try:
        yield
    finally:
        with _turn:
            for module in modules:
                _leave(module, thread)


def _check(model: Module, modules: tuple[Module, ...], training: bool, thread: int) -> None:
    for module in modules:
        claim: Any = _claims.get(id(module))
        if claim is not None and claim.training == training:
            # Whoever interrupts training to evaluate goes on with training, and cannot wait for others.
            claim = claim.outer
        if claim is not None and not claim.only(thread):
            doing, wanted = ("train", "evaluated") if claim.training else ("evaluate", "trained")
            raise StateError(
                f"{type(model).__name__} cannot be {wanted} now: another thread {doing}s it, and a model has one "
                f"mode for all threads; wait for that, or give each thread a copy, copy.deepcopy(model)"
            )


def _leave(module: Module, thread: int) -> None:
    claim = _claims[id(module)]
    claim.threads.remove(thread)
    if claim.threads:
        return
    if module.training is not claim.before:
        module.training = claim.before
    if claim.outer is None:
        del _claims[id(module)]
    else:
        _claims[id(module)] = claim.outer
