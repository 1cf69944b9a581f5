"""Every operation that can be written as ONNX means the same there, and comes back as the same."""

import numpy as np
import onnxruntime
import pytest

from backlit import Tensor, nn
from backlit.core.primitive import Primitive
from backlit.errors import GraphError
from backlit.onnx import export, load
from tests.ops.operation_checks import calls, results_of

# What takes no tensor, such as the creation of one, is no model.
OPERATIONS = sorted(
    (p for p in Primitive.registry.values() if not p.dynamic and (p.inputs or p.variadic)), key=lambda p: p.name
)


class Applied(nn.Module):
    """One operation on tensors, its other arguments fixed."""

    def __init__(self, operation, args, settings):
        super().__init__()
        self.operation, self.args, self.settings = operation, args, settings

    def forward(self, *tensors):
        given = iter(tensors)
        args = [next(given) if isinstance(a, Tensor) else a for a in self.args]
        return self.operation.bind(*args, **self.settings)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_means_the_same(operation, tmp_path):
    path = tmp_path / "model.onnx"
    for call in calls(operation):
        args = [a.detach() if isinstance(a, Tensor) else a for a in call.tensors("float32")]
        tensors = tuple(a for a in args if isinstance(a, Tensor))
        module = Applied(operation, args, call.settings)
        try:
            export(module, path, example_input=tensors, dynamic_batch=False)
        except GraphError as error:
            # Those that layers and losses need are tried with them.
            if f"export: {operation.name} cannot be written" not in str(error):
                raise
            return
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found = session.run(None, {i.name: t.numpy() for i, t in zip(session.get_inputs(), tensors, strict=True)})
        back = results_of(load(path)(*tensors))
        expected = results_of(module(*tensors))
        assert len(found) == len(back) == len(expected)
        for one, other, wanted in zip(found, back, expected, strict=True):
            for result in (one, other.numpy()):
                assert result.shape == tuple(wanted.shape)
                assert result.dtype == wanted.numpy().dtype
                assert np.allclose(result, wanted.numpy(), rtol=1e-4, atol=1e-5, equal_nan=True)
