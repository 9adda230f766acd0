"""The bench as a study."""

from typing import Any

from attribution.settings.configs import BenchConfig
from attribution.studies import studies
from attribution.studies.base import Study


@studies.register("bench")
class Bench(Study[BenchConfig]):
    """Measure on this model and data which estimators and detectors to trust."""

    title = "Compare estimators"
    config = BenchConfig
    result = "BenchResult"
    alias = "compare"
    folder = "benches"
    page = "compare"

    def in_short(self, result: Any) -> str:
        return str(next(iter(result.recommendation), "measured"))
