"""Run in a process of its own that finds the package as installed: tries one plug-in of every kind, says what came of
it as JSON. ``python tried.py FOLDER``."""

import json
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
found = {}
before = sorted(name for name in sys.modules if name.startswith("pack"))

from attribution import DataConfig, FlagConfig, ModelConfig, Project, ScoreConfig, TrainConfig  # noqa: E402
from attribution.cli import cli  # noqa: E402

chance = np.random.default_rng(0)
points = chance.normal(size=(120, 2)).round(3)
words = np.where(points @ [1.0, -1.0] + 0.1 * chance.normal(size=120) > 0, "up", "down")
lines = [f"{x} {y} {word}" for (x, y), word in zip(points, words, strict=True)]
(folder / "data.pairs").write_text("\n".join(lines))

# a reader, a network with a layer rule
project = Project.create(
    folder / "home" / "pairs",
    DataConfig(path=str(folder / "data.pairs")),
    ModelConfig(name="stretched"),
    TrainConfig(epochs=30, device="cpu"),
)
found["reader"] = [len(project.dataset), list(project.classes)]
project.train()

from attribution.gradients.layers import handler_of  # noqa: E402
from attribution.training.trained import TrainedModel  # noqa: E402

trained = TrainedModel(project.dataset, project.labels, project.run, device="cpu")
model = trained.model()
x, y = trained.batch(project.dataset.rows("train")[:5])
norms = trained.engine().norms(x, y) if hasattr(trained.engine(), "norms") else None
import torch  # noqa: E402

exact = []
for row in range(len(x)):
    loss = trained.task.loss(model(x[row : row + 1]), y[row : row + 1]).sum()
    parts = torch.autograd.grad(loss, list(model.parameters()))
    exact.append(float(torch.cat([part.flatten() for part in parts]).norm()))
queries = trained.engine().queries(x, y)
found["layer rule"] = [handler_of(model[0]).__name__, float(np.abs(queries.norms.numpy() - exact).max())]

# a source of networks
named = Project.create(
    folder / "home" / "named", DataConfig(path=str(folder / "data.pairs")), ModelConfig(name="plain:8")
)
found["source"] = [named.model_config.name, named.first_look["parameters"]]

# an estimator with a setting, a measure, a runner
config = ScoreConfig(estimator="ip", queries="test", device="cpu")
plain = project.score(config)
scaled = project.score(ScoreConfig(estimator="scaled-ip", queries="test", device="cpu", scale=3.0, runner="backwards"))
ratio = np.nanmedian(scaled.matrix()[1] / plain.matrix()[1])
found["estimator"] = [float(ratio), scaled.config["options"], scaled.config["asked"]]
doubled = project.score(ScoreConfig(queries="test", measure="doubled", device="cpu"))
found["measure"] = float(np.nanmedian(doubled.matrix()[1] / plain.matrix()[1]))
found["runner"] = scaled.config["cost"].get("runner", "")

# a detector, an exporter, a section of the report, a study
flags = project.flag(FlagConfig(detectors=("far-out", "loss"), folds=2, device="cpu"))
found["detector"] = [name for name in flags.detectors.columns if "far" in name]
found["exporter"] = project.export("counts", folder / "counts.csv").read_text().splitlines()
found["section"] = project.report(folder / "report.html").read_text()
spread = project.studies.spread.run()
found["study"] = [round(sum(spread.config["shares"]), 6), project.studies.spread.latest().id == spread.id]

# a task
rows = "\n".join(f"{a},{b},{2 * a - b:.3f}" for a, b in points)
(folder / "numbers.csv").write_text("a,b,y\n" + rows)
numbers = Project.create(
    folder / "home" / "numbers",
    DataConfig(path=str(folder / "numbers.csv"), label="y", task="absolute"),
    ModelConfig(name="mlp", width=8),
    TrainConfig(epochs=20, device="cpu"),
)
numbers.train()
asked = numbers.score(ScoreConfig(queries="test", device="cpu"))
found["task"] = [numbers.dataset.task.name, bool(np.isfinite(asked.matrix()[1][:, 0]).any())]

# a kind of data: read, shown back, encoded, trained on, scored, compared and shown
from attribution.datasets.load import preview  # noqa: E402
from attribution.modalities import alt, modality_of  # noqa: E402
from attribution.views import importing  # noqa: E402

waves = np.sin(np.arange(8) * chance.uniform(0.2, 1.5, (90, 1)))
named = [{"label": "fast" if wave[3] < 0.7 else "slow", "wave": wave.round(4).tolist()} for wave in waves]
(folder / "sea.waves").write_text("\n".join(json.dumps(line) for line in named))
config = DataConfig(path=str(folder / "sea.waves"))
shown = preview(config)
sea = Project.create(folder / "home" / "sea", config, train=TrainConfig(epochs=20, device="cpu"))
sea.train()
wave_score = sea.score(ScoreConfig(queries="test", device="cpu"))
shift = sea.compare_splits()
found["modality"] = {
    "line": importing.summary_line(shown),
    "choices": list(importing.networks_for("wave")),
    "shape": list(sea.info.shape),
    "finite": bool(np.isfinite(wave_score.matrix()[1]).any()),
    "alt": alt(sea.dataset, 0),
    "attackable": modality_of(sea.dataset).attackable(sea.info),
    "shift": bool(shift.id),
}

# the command line
from typer.testing import CliRunner  # noqa: E402

listed = CliRunner().invoke(cli, ["status", "--plugins"]).output
found["listed"] = [name for name in ("scaled-ip", "far-out", "doubled", "pairs", "counts") if name in listed]
help = CliRunner().invoke(cli, ["score", "--help"]).output
found["flag"] = "--scale" in help
found["before"] = before
print(json.dumps(found))
