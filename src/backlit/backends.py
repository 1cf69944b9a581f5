"""PyTorch's questions about the libraries behind it. What is asked for on other devices is not there.

Flags that programs set, such as `backends.cudnn.benchmark = False`, may be set and have no effect.
"""


class _Absent:
    """A library that is not there."""

    def is_available(self) -> bool:
        """Always False."""
        return False

    def is_built(self) -> bool:
        """Always False."""
        return False


cuda = _Absent()
cudnn = _Absent()
mps = _Absent()
