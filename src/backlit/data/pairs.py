"""Where a class offers a slow and a fast way to the same results, whether the fast one still holds in a subclass."""


def in_step(kind: type, slow: str, fast: str) -> bool:
    """Whether method `fast` of class `kind` speaks for its method `slow`.

    It does not where a subclass has overridden `slow` alone: the fast way then knows nothing of the change.
    """
    definers = [next((at for at, cls in enumerate(kind.__mro__) if name in vars(cls)), None) for name in (slow, fast)]
    return definers[1] is not None and (definers[0] is None or definers[1] <= definers[0])
