"""Exchange with other systems through ONNX files (the onnx package, extra `onnx`)."""

from backlit.onnx.exporting import export
from backlit.onnx.loading import OnnxModule, load

__all__ = ["OnnxModule", "export", "load"]
