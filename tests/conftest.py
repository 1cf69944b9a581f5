"""What holds for every test: examples that repeat, no clock, no display, no cache of the user, JAX in float64."""

import os
import tempfile

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

# A busy machine must not fail a test, and one commit must give one answer.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests, and the processes they start, out of the user's cache of machine code."""
    folder = tempfile.TemporaryDirectory(prefix="backlit-cache-")
    os.environ["BACKLIT_CACHE_DIR"] = folder.name
    config.add_cleanup(folder.cleanup)
