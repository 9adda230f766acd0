"""A package as somebody else would write it: one plug-in of every kind. It is copied to a folder of its own, installed
there by its metadata alone, and never imported by these tests."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from attribution.datasets.readers import register as reader
from attribution.datasets.readers.base import Reader
from attribution.datasets.source import Source
from attribution.detectors import register as detector
from attribution.detectors.base import Detector, above
from attribution.estimators import register as estimator
from attribution.estimators.base import ScoreBlock
from attribution.estimators.ip import GradientDotProduct
from attribution.exporters import register as exporter
from attribution.exporters.base import Exporter
from attribution.measures import register as measure
from attribution.measures.base import Measure
from attribution.report import Section
from attribution.report import register as section
from attribution.report.html import el
from attribution.runners import register as runner
from attribution.runners.serial import Serial
from attribution.settings.ranges import Settings, opt
from attribution.storage.artefact import Artefact
from attribution.studies import studies
from attribution.studies.base import Request, Study
from attribution.tasks import register as task
from attribution.tasks.base import Task
from attribution.tasks.figure import Figure


@dataclass(frozen=True)
class ScaledSettings(Settings):
    """By what."""

    scale: float = opt(2.0, "What every influence is multiplied by.", above=0.0)


@estimator("scaled-ip")
class Scaled(GradientDotProduct):
    """influence(i, q) = scale <grad l_i, grad l_q>."""

    title = "Scaled dot product"
    summary = "The gradient dot product, times a number."
    formula = "s ⟨∇ℓᵢ, ∇ℓ_q⟩"
    Settings = ScaledSettings

    def options(self):
        return {"scale": self.settings.scale}

    def score(self, rows):
        block = super().score(rows)
        return ScoreBlock(block.influence * self.settings.scale, block.cosine)


@detector("far-out")
class FarOut(Detector):
    """Distance from the mean of all samples, as the model sees them."""

    title = "Far out"
    summary = "The sample lies far from all others."
    formula = "|f_i − mean f|"
    cost = "None beyond training."
    source = "A test."

    def values(self, evidence):
        seen = evidence.representation
        return np.linalg.norm(seen - seen.mean(0), axis=1)

    def reason(self, value, higher_than):
        return f"It lies {value:.2g} from the middle, {above(higher_than)}."


@measure("doubled")
class Doubled(Measure):
    """mean_i 2 l_i."""

    title = "Doubled loss"
    summary = "Twice the loss."
    formula = "2 ℓ"
    unit = "nats"
    source = "A test."

    def per_sample(self, trained):
        if not hasattr(self, "_loss"):
            loss = trained.task.loss
            self._loss = lambda outputs, targets: 2 * loss(outputs, targets)
        return self._loss


@reader("pairs")
class Pairs(Reader):
    """Lines "x y label"."""

    title = "a file of pairs"
    summary = "Two numbers and a label a line."
    suffixes = (".pairs",)

    def read(self, config):
        from pathlib import Path

        path = Path(config.path).expanduser()
        lines = [line.split() for line in path.read_text().splitlines()]
        names = [f"line {number}" for number in range(1, len(lines) + 1)]
        samples = pd.DataFrame(
            {
                "id": [f"pair-{number}" for number in range(len(lines))],
                "label": [line[2] for line in lines],
                "split": "",
                "source": names,
                "col:x": [float(line[0]) for line in lines],
                "col:y": [float(line[1]) for line in lines],
            }
        )
        return Source("tabular", path, samples, seen=len(lines))


@exporter("counts")
class Counts(Exporter):
    """How many samples have each label."""

    title = "Counts"
    summary = "Samples per label."
    file = "counts.csv"

    def table(self, project):
        words = project.dataset.task.targets.words(project.labels.values)
        return pd.Series(words, name="label").value_counts().sort_index().reset_index()


@section("counted")
class Counted(Section):
    """How many samples there are."""

    title = "Counted"
    order = 15

    def body(self, state):
        return el("p", f"{len(state.dataset)} <samples>")


@task("absolute")
class Absolute(Task):
    """The absolute error."""

    title = "Absolute error"
    summary = "A number per sample, and what it is off by."
    formula = "|f − y|"
    kind = "number"
    unit = "standard deviations"

    def loss(self, outputs, targets):
        return (outputs.reshape(len(outputs)) - targets).abs()

    def predict(self, outputs):
        return self.targets.in_units(outputs.reshape(len(outputs)).numpy())

    @property
    def figures(self):
        return (Figure("loss", "loss", self.unit, "lower", lambda said, y: said["loss"]),)

    def chance(self, values):
        return float(np.abs(self.targets.standardised(values)).mean())

    def out_features(self, info):
        return 1


@runner("backwards")
class Backwards(Serial):
    """The last item first."""

    title = "Backwards"
    summary = "The last shard first."

    def run(self, work, items, progress):
        super().run(work, items[::-1], progress)


@dataclass(frozen=True)
class SpreadConfig(Settings):
    """How labels are spread."""

    power: float = opt(1.0, "Exponent of the shares.", above=0.0)


class SpreadResult(Artefact):
    """Shares of the labels."""

    what = "spread"


@studies.register("spread")
class Spread(Study[SpreadConfig]):
    """How the labels are spread."""

    title = "Spread of the labels (power {power})"
    config = SpreadConfig
    result = SpreadResult

    def asks_model(self, config):
        return False

    def request(self, context, config):
        return Request({"study": "spread", "version": context.labels.version, "power": config.power})

    def compute(self, context, config, asked, out, work, **extra):
        shares = np.bincount(context.labels.values[context.labels.active]) / context.labels.active.sum()
        return {"shares": (shares**config.power).tolist()}
