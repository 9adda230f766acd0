"""Datablame: which training samples made a prediction what it is, which labels are wrong, and proof that fixing them
helped.

>>> from attribution import Project
>>> project = Project.sample("fashion")                      # doctest: +SKIP
>>> project.influence([7060], "ip").harmful                   # doctest: +SKIP
"""

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project.home import list_projects
from attribution.project.project import Project
from attribution.settings.configs import (
    AnglesConfig,
    BenchConfig,
    CalibrateConfig,
    DampingConfig,
    DataConfig,
    FlagConfig,
    LeakConfig,
    MapConfig,
    MemorizeConfig,
    ModelConfig,
    PreviewConfig,
    RemedyConfig,
    RetrainConfig,
    ScoreConfig,
    ShiftConfig,
    TrainConfig,
)

__version__ = "0.1.0"

__all__ = [
    "AnglesConfig",
    "BenchConfig",
    "CalibrateConfig",
    "DampingConfig",
    "DataConfig",
    "FlagConfig",
    "LeakConfig",
    "MapConfig",
    "MemorizeConfig",
    "ModelConfig",
    "PreviewConfig",
    "Progress",
    "Project",
    "RemedyConfig",
    "RetrainConfig",
    "ScoreConfig",
    "ShiftConfig",
    "TrainConfig",
    "UserError",
    "list_projects",
]
