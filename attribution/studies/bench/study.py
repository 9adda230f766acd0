"""The bench as a study."""

from typing import Any

from attribution.progress import Progress
from attribution.settings.configs import BenchConfig
from attribution.studies import studies
from attribution.studies.base import Context, Study


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

    def cost(self, context: Context, config: BenchConfig, progress: Progress | None = None) -> Any:
        """What more subsets would cost, and how narrow the LDS interval would get."""
        return self._beside("run").cost(context, config)
