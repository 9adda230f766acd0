"""The bench: which estimator to trust on the user's own model and data, measured side by side."""

from attribution.studies.bench.result import BenchResult

__all__ = ["BenchResult"]
