"""PyTorch's questions about CUDA devices. There is none."""


def is_available() -> bool:
    """Always False."""
    return False


def device_count() -> int:
    """Always 0."""
    return 0
