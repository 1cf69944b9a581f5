"""PyTorch's questions about CUDA devices. There is none."""


def is_available() -> bool:
    """Always False."""
    return False


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no generator to seed."""


def device_count() -> int:
    """Always 0."""
    return 0
