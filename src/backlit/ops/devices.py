"""Where tensors live: in the memory of the processor. Programs that name a device keep running, others are told."""

from typing import Any

from backlit.errors import DeviceError

__all__ = ["device"]


class device:
    """A place for tensors; `device("cpu")` is the one there is.

    Attributes:
        type: `"cpu"`.
        index: The number given with the name, else None.

    Raises:
        DeviceError: Another device is named.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: "str | device", index: int | None = None) -> None:
        name, _, number = str(type).partition(":")
        if name != "cpu":
            raise DeviceError(
                f"device {str(type)!r}: backlit keeps tensors in the processor's memory; use device('cpu'), or ask "
                "backlit.accelerator.is_available(), which is False, before naming another"
            )
        if number and not number.isdigit():
            raise DeviceError(f"device {str(type)!r}: after the colon comes a number, as in 'cpu:0'")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type='cpu'{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return "cpu" if self.index is None else f"cpu:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and self.index == other.index

    def __hash__(self) -> int:
        return hash(("cpu", self.index))

    def __reduce__(self) -> tuple[Any, ...]:
        return (device, (str(self),))


Device = device | str | None
CPU = device("cpu")


def check_device(place: Device) -> None:
    """Raise `DeviceError` unless `place` is None or names the processor."""
    if place is not None and place is not CPU:
        device(place)
