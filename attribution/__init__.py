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
from attribution.recording.record import record
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig, TrainConfig
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.behaviour.study import BehaviourConfig
from attribution.studies.bench.study import BenchConfig
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.damping.study import DampingConfig
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.hygiene.study import HygieneConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.memorization.study import MemorizeConfig
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.plane.study import PlaneConfig
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.removal.study import RemovalConfig
from attribution.studies.retrain.study import RetrainConfig
from attribution.studies.shift.study import ShiftConfig

__version__ = "0.1.0"

__all__ = [
    "AnglesConfig",
    "BehaviourConfig",
    "BenchConfig",
    "CalibrateConfig",
    "ContaminationConfig",
    "DampingConfig",
    "DataConfig",
    "FlagConfig",
    "HygieneConfig",
    "LeakConfig",
    "MapConfig",
    "MemorizeConfig",
    "ModelConfig",
    "PlaneConfig",
    "PreviewConfig",
    "Progress",
    "Project",
    "RemedyConfig",
    "RemovalConfig",
    "RetrainConfig",
    "ScoreConfig",
    "ShiftConfig",
    "TrainConfig",
    "UserError",
    "list_projects",
    "record",
]
