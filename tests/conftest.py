"""What holds for every test: examples that repeat, no clock, no display, JAX in double precision on the CPU."""

import os

from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

# A busy machine must not fail a test, and one commit must give one answer.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")
