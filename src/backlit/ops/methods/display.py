"""How a notebook shows a tensor: by what an installed package has registered for that."""

from backlit.core.modes import STATE
from backlit.core.tensor_base import TensorBase, tape_of


class DisplayMethods(TensorBase):
    """What notebooks ask of the last line of a cell."""

    def _repr_html_(self) -> str | None:
        """The computation graph of a tensor that operations made; None for others, which are shown as text.

        The picture is drawn by what is registered under the entry point `backlit.display`, because operations know
        nothing of pictures.
        """
        if STATE.trace is not None or tape_of(self)[0] is None:
            return None
        from importlib.metadata import entry_points  # reads mail headers, so it brings a quarter of `import backlit`

        for entry in entry_points(group="backlit.display", name="html"):
            return entry.load()(self)
        return None
