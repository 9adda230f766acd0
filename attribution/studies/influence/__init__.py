"""Score runs: influence of every training sample on chosen queries, in shards that survive an interruption."""

from attribution.studies.influence.result import ScoreResult
from attribution.studies.influence.run import score
from attribution.studies.influence.strongest import strongest

__all__ = ["ScoreResult", "score", "strongest"]
