"""Exchange with other systems through ONNX files (the onnx package, extra `onnx`)."""

from backlit.onnx.exporting import export

__all__ = ["export"]
