"""PyTorch's questions about an accelerator. There is none: tensors live in the processor's memory."""


def is_available() -> bool:
    """Always False."""
    return False


def current_accelerator() -> None:
    """Always None."""


def device_count() -> int:
    """Always 0."""
    return 0
