"""The same training jobs on backlit and on its peers, in one run: `python -m benchmarks`."""
