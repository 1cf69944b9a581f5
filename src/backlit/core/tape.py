"""The tape: one `Binding` for each application of a primitive whose result needs a gradient.

A binding points backward only, to the bindings that made its inputs, so the tape is released by reference counting
as soon as nothing that came out of it is alive.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from backlit.core.modes import STATE
from backlit.core.tensor_base import Storage, TensorBase, make
from backlit.errors import GradientError

if TYPE_CHECKING:
    from backlit.core.primitive import Primitive
    from backlit.core.recording import Record

_sequence = itertools.count()


def now() -> int:
    """A number later than that of all bindings made so far, and earlier than that of all to come."""
    return next(_sequence)


class Binding:
    """One application of a primitive: what went in, what is kept for its gradient, and where in the network it ran.

    Attributes:
        primitive: The operation.
        settings: Its keyword arguments.
        sequence: Position in the order of creation; inputs always come before.
        path: Names of the modules that were running, such as `"layers.0"`; empty outside of modules.
        edges: For each input the (binding, result number) it came from, the leaf tensor, or None.
        shapes: Shapes of the inputs (None for inputs that are not tensors).
        dtypes: Element types of the inputs.
        needs: For each input, whether a gradient is wanted.
        outputs: Shape and element type of each visible result.
        record: What `backlit.record()` keeps of it, else None.
    """

    __slots__ = (
        "__weakref__",
        "_ans",
        "_saved",
        "_versions",
        "dtypes",
        "edges",
        "hooks",
        "needs",
        "outputs",
        "path",
        "primitive",
        "record",
        "retained",
        "sequence",
        "settings",
        "shapes",
    )

    def __init__(
        self,
        primitive: "Primitive",
        args: tuple[Any, ...],
        settings: dict[str, Any],
        results: tuple[tuple[Any, Storage], ...],
    ) -> None:
        self.primitive = primitive
        self.settings = settings
        self.sequence = next(_sequence)
        self.path = STATE.path
        self.record: Record | None = None
        self.hooks: dict[int, dict[int, Callable[[Any], Any]]] | None = None
        self.retained: dict[int, Any] | None = None
        edges: list[Any] = []
        shapes: list[Any] = []
        dtypes: list[Any] = []
        needs: list[bool] = []
        saved: list[Any] = []
        trace = STATE.trace
        for a in args:
            if isinstance(a, TensorBase):
                array = a._array
                shapes.append(array.shape)
                dtypes.append(array.dtype)
                if trace is None:
                    node, index = a._node, a._index
                else:
                    node, index = trace.tape(a)
                edge = (node, index) if node is not None else a if a._requires_grad else None
                edges.append(edge)
                needs.append(edge is not None)
                saved.append(None)
            else:
                shapes.append(None)
                dtypes.append(None)
                edges.append(None)
                needs.append(False)
                saved.append(a)
        self.edges = edges
        self.shapes = tuple(shapes)
        self.dtypes = dtypes
        self.needs = tuple(needs)
        visible = results[: -primitive.hidden] if primitive.hidden else results
        self.outputs = tuple([(array.shape, array.dtype) for array, _ in visible])
        positions, keep_ans = primitive.kept(self.needs)
        versions: list[tuple[int, int | None]] = []
        for position in range(len(args)) if positions is None else positions:
            a = args[position]
            if isinstance(a, TensorBase):
                version = a._storage.version if trace is None else trace.writes(a)[0]
                if version is None:
                    raise GradientError(
                        f"{primitive.name}: a tensor made in inference mode cannot be kept for a gradient; "
                        "make it outside of inference_mode, or clone it first"
                    )
                saved[position] = a
                versions.append((position, version))
        self._saved: tuple[Any, ...] | None = tuple(saved)
        # For each tensor among these its place and its version when it was kept.
        self._versions = versions
        self._ans = tuple([(array, storage, storage.version) for array, storage in results]) if keep_ans else ()

    def keep(self, values: Sequence[Any], results: Sequence[tuple[Any, Storage]]) -> None:
        """Keep these values and results for the gradient, in place of those that the operation's rules name."""
        self._saved = tuple(values)
        self._versions = [(i, _version(v)) for i, v in enumerate(values) if isinstance(v, TensorBase)]
        self._ans = tuple([(a, s, _version(make(a, s))) for a, s in results])

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path else ""
        return f"<{self.primitive.name}{where}, number {self.sequence}>"

    def release(self) -> None:
        """Let go of everything kept for the gradient; a later backward pass through here is an error."""
        if self._versions or self._ans:
            self._saved = None
            self._ans = ()

    def held(self) -> tuple[Any, ...]:
        """The inputs that were kept, unchecked."""
        return self._saved or ()

    def keep_copy(self, tensor: TensorBase, copy: Callable[[Any], Any]) -> None:
        """Keep a copy of a kept input, because its memory is about to get this binding's own result."""
        saved = self._saved or ()
        if any(a is tensor for a in saved):
            copied = copy(tensor)
            self._saved = tuple(copied if a is tensor else a for a in saved)
            self._versions = [(i, _version(copied) if self._saved[i] is copied else v) for i, v in self._versions]

    def kept(self) -> tuple[Any, Any]:
        """The inputs and the result that were kept, after checking that nothing has changed them since.

        Raises:
            GradientError: A backward pass has released them, or an in-place operation has changed one.
        """
        saved = self._unchanged()
        ans: list[Any] = []
        for index, (array, storage, made_at) in enumerate(self._ans):
            tensor = make(array, storage)
            if _version(tensor) != made_at:
                raise self._changed("its result", tensor, made_at or 0)
            if array.dtype.kind == "f":
                tensor._node, tensor._index = self, index
            ans.append(tensor)
        if not ans:
            return saved, None
        return saved, ans[0] if len(ans) == 1 else tuple(ans)

    def kept_arrays(self) -> tuple[tuple[Any, ...], Any]:
        """As `kept`, outside of a trace, the arrays alone."""
        arrays = tuple([a._array if isinstance(a, TensorBase) else a for a in self._unchanged()])
        for array, storage, made_at in self._ans:
            if storage.version != made_at:
                raise self._changed("its result", make(array, storage), made_at or 0)
        ans = [array for array, _, _ in self._ans]
        return arrays, ans[0] if len(ans) == 1 else tuple(ans)

    def _unchanged(self) -> tuple[Any, ...]:
        """The inputs that were kept, after checking them."""
        saved = self._saved
        if saved is None:
            raise GradientError(
                f"{self.primitive.name}: the values that its gradient needs were released by an earlier backward "
                "pass; pass retain_graph=True to that pass in order to run backward through the same graph again"
            )
        trace = STATE.trace
        for position, version in self._versions:
            tensor = saved[position]
            if (tensor._storage.version if trace is None else trace.writes(tensor)[0]) != version:
                raise self._changed(f"input {position}", tensor, version or 0)
        return saved

    def _changed(self, what: str, tensor: TensorBase, version: int) -> GradientError:
        where = f" (in {self.path})" if self.path else ""
        storage = tensor._storage
        now, operation = (storage.version, storage.written_by) if STATE.trace is None else STATE.trace.writes(tensor)
        return GradientError(
            f"{self.primitive.name}{where}: {what} of shape {tensor._array.shape} is needed for the gradient, but the "
            f"in-place operation `{operation}` changed it since (it is at version {now}, expected version {version}); "
            "use the out-of-place operation, or clone() before writing"
        )


def _version(tensor: TensorBase) -> int | None:
    return tensor._storage.version if STATE.trace is None else STATE.trace.writes(tensor)[0]
