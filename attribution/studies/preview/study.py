"""The preview as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study


@dataclass(frozen=True)
class PreviewConfig(Settings):
    """Preview the edits without retraining: the current model, moved by a few steps on part of its parameters."""

    variant: str = opt(
        "if",
        "if (all parameters), gif, fif (others frozen), pif (projected) or ip (plain gradient).",
        choices=("if", "gif", "fif", "pif", "ip"),
    )
    ratio: float = opt(
        0.05,
        "Share of the parameters that may move, near it by whole rows (not for if); 1: all of them.",
        above=0.0,
        high=1.0,
    )
    selection: str = opt(
        "outputs",
        "How they are chosen on the edited samples: outputs, gradients (largest means) or random.",
        choices=("outputs", "gradients", "random"),
    )
    steps: int = opt(
        6,
        "Most steps; each looks at the model anew and is shortened until the training side gets better.",
        low=1,
        high=1000,
    )
    damping_ratio: float = opt(10.0, "Damping in mean eigenvalues of the curvature.", above=0.0, high=1e12)
    curvature_samples: int = opt(
        128, "Training samples drawn for the curvature; more is slower and steadier.", low=1, high=1_000_000
    )
    run: str = opt("", "Training run whose model is moved; empty: the project's current one.")
    bootstrap: int = opt(2000, "Bootstrap resamples of the test set.", low=20, high=1_000_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    seed: int = opt(0, "Seed of the samples drawn for the curvature, and of a random selection.", low=0, high=SEED)


@studies.register("preview")
class Preview(Study[PreviewConfig]):
    """What the edits since the model was trained would do to it, without training: an approximation for one model."""

    title = "Preview without retraining"
    config = PreviewConfig
    result = "PreviewResult"
    folder = "previews"
    page = "retrain"
