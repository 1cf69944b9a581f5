"""The onnx package, which is imported when it is first needed."""

from typing import Any

from backlit.errors import MissingPackageError


def onnx_package() -> Any:
    """The onnx package.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingPackageError("ONNX files need the onnx package: pip install 'backlit[onnx]'") from error
    return onnx
