"""Score runs: influence of every training sample on chosen queries, in shards that survive an interruption."""

from attribution.scoring.pipeline import score
from attribution.scoring.result import ScoreResult
from attribution.scoring.strongest import strongest

__all__ = ["ScoreResult", "score", "strongest"]
