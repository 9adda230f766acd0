"""Trainings by a script or a function of the user's own: one per version and seed, each kept and found again.

What a script is handed is the version in the user's own layout (``Context.export``); what it leaves, predictions of the
test samples or weights of the project's network, becomes the same array that a run keeps. A script is run again only
when the command, the content of a file that it names, the data version, the seed or the network differ.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from attribution.datasets.dataset import Dataset, Labels
from attribution.models.build import identity, inputs_for
from attribution.models.predict import predict
from attribution.progress import Progress
from attribution.settings.configs import fingerprint
from attribution.storage.files import read_json, whole_file
from attribution.storage.sums import finish
from attribution.studies.base import Context
from attribution.studies.retrain import returned, script
from attribution.studies.retrain.study import RetrainConfig
from attribution.training.train import adopt
from attribution.trust.commands import CommandLook, look_command

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
SHOWN = 8  # letters of a version that are said


@dataclass(frozen=True)
class Answered:
    """What one training said, in the folder where a run's outputs would lie."""

    folder: Path
    config: dict[str, Any]

    @property
    def id(self) -> str:
        """The run that its weights became; "" for predictions."""
        return str(self.config.get("run", ""))


@dataclass(frozen=True)
class Version:
    """One version of the data, as a training function is handed it."""

    dataset: "Dataset"
    context: Context
    held: "Labels"
    folder: Path

    @property
    def version(self) -> str:
        """The first letters of the version's hash."""
        return self.held.version[:SHOWN]

    @cached_property
    def files(self) -> tuple[Path, Path]:
        """Your file or folder with these labels and without what is dropped, and ``labels.csv``; written on first
        use."""
        found: tuple[Path, Path] = self.context.export(self.held, self.folder)
        return found

    @property
    def path(self) -> Path:
        """Your file or folder with these labels."""
        return self.files[0]

    @cached_property
    def labels(self) -> "pd.DataFrame":
        """A line per sample in the project's order: id, label (in words, or a number), active, split."""
        import pandas as pd

        words = self.dataset.task.targets.words(self.held.values)
        targets = self.held.values if self.dataset.task.kind == "number" else np.array(words, dtype=object)
        split = self.dataset.column("split").to_numpy(dtype=object)
        table = {"id": self.dataset.ids, "label": targets, "active": self.held.active, "split": split}
        return pd.DataFrame(table)

    def rows(self, split: str) -> np.ndarray:
        """Rows of ``labels`` that are in the split and not dropped (n,)."""
        rows = self.dataset.rows(split)
        return rows[self.held.active[rows]]

    def arrays(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """What the project's network is handed of the split's samples (n, ...), and their targets as its loss takes
        them: class numbers in the order of ``project.classes``, standardised numbers."""
        rows = self.rows(split)
        x = self.dataset.tensor(rows, inputs=inputs_for(self.context.model))
        return x.numpy(), self.dataset.task.tensor(self.held.values[rows]).numpy()


def judged(dataset: "Dataset", labels: "Labels", after: "Labels") -> "Labels":
    """These labels, with every test sample that ``after`` is judged by."""
    active = labels.active.copy()
    rows = dataset.rows("test")
    active[rows] |= after.active[rows] & ~dataset.task.targets.bare(labels.values[rows])
    return labels if (active == labels.active).all() else Labels.of(dataset, labels.values, active)


def look(config: RetrainConfig) -> CommandLook:
    """The command of a proof, with its files as they are now."""
    script.check(config.command)
    return look_command(config.command, config.workdir or Path.cwd())


def trained(
    context: Context, config: RetrainConfig, before: "Labels", test: np.ndarray, work: Progress
) -> tuple[list[Answered], list[Answered]]:
    """What the trainings on both versions said, one per seed; ``UserError`` for a command that is not trusted."""
    data = context.folder / "scripts" / ".data"
    one = _Functions(context, test, data) if context.fit else _Scripts(context, config, test, data)
    both = []
    for place, (labels, words) in enumerate(((before, "before"), (context.labels, "after"))):
        held = judged(context.dataset, labels, context.labels)
        part = work.part(place / 2, (place + 1) / 2)
        count = len(config.seeds)
        both.append(
            [
                one.answer(held, seed, part.part(at / count, (at + 1) / count, f"{words} the edits, seed {seed}"))
                for at, seed in enumerate(config.seeds)
            ]
        )
    shutil.rmtree(data, ignore_errors=True)
    return both[0], both[1]


@dataclass(frozen=True)
class _Functions:
    """Trainings by a Python function: made anew each time, as nobody can tell whether it is still the same."""

    context: Context
    test: np.ndarray
    data: Path

    def answer(self, labels: "Labels", seed: int, work: Progress) -> Answered:
        """Call it, and keep what its model says."""
        context = self.context
        dataset = context.dataset
        work.update(0, 1, "your function trains")
        assert context.fit is not None
        handed = Version(dataset, context, labels, self.data / labels.version)
        said = context.fit(handed, seed)
        if isinstance(said, torch.nn.Module):
            if not hasattr(said, "datablame_inputs"):
                said.datablame_inputs = inputs_for(context.model)  # type: ignore[assignment]
            found = predict(said, dataset, dataset.rows("all"))[0].astype(np.float64)
        else:
            wanted = returned.Wanted(dataset, self.test, handed.rows("test"), {})
            found = returned.outputs(said, wanted, "What your function returned")
        folder = context.folder / "scripts" / fingerprint("function", labels.version, seed, found.tolist())
        keep(folder, dataset, found)
        finish(folder, {"command": "", "version": labels.version, "seed": seed, "source": "function", "finished": True})
        return Answered(folder, read_json(folder / "config.json"))


@dataclass(frozen=True)
class _Scripts:
    """Trainings by a command."""

    context: Context
    config: RetrainConfig
    test: np.ndarray
    data: Path

    @cached_property
    def seen(self) -> CommandLook:
        """The command; ``UserError`` where it is not trusted."""
        found = look(self.config)
        if not found.trusted:
            raise found.refusal()
        return found

    def answer(self, labels: "Labels", seed: int, work: Progress) -> Answered:
        """Run it, or find what it said before."""
        context = self.context
        dataset = context.dataset
        network = identity(replace(context.model, checkpoints=()), dataset.info.modality)
        key = fingerprint("script", FORMAT, self.seen.key, dataset.info.base_hash, labels.version, seed, network)
        folder = context.folder / "scripts" / key
        if not (folder / "config.json").is_file():
            self._run(folder, labels, seed, work)
        work.update(1, 1, "done")
        return Answered(folder, read_json(folder / "config.json"))

    def _run(self, folder: Path, labels: "Labels", seed: int, work: Progress) -> None:
        context = self.context
        work.update(0, 1, "writing your data with these labels")
        data, listed = context.export(labels, self.data / labels.version)
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        values = {"data": data, "labels": listed, "seed": seed, "out": out, "version": labels.version[:SHOWN]}
        place = Path(self.config.workdir or Path.cwd())
        command = script.filled(self.config.command, place, {name: str(value) for name, value in values.items()})
        print(f"seed {seed}: {' '.join(command)}", flush=True)
        took_s = script.run(command, place, folder / "log.txt", work)
        found, run = self._read(out, labels, listed)
        keep(folder, context.dataset, found)
        shutil.rmtree(out, ignore_errors=True)
        about = {"command": self.config.command, "version": labels.version, "seed": seed, "seconds_s": took_s}
        finish(folder, {**about, "source": "weights" if run else "predictions", "run": run, "finished": True})

    def _read(self, out: Path, labels: "Labels", listed: Path) -> tuple[np.ndarray, str]:
        """The outputs that the script left, and the run that its weights became."""
        table, weights = returned.found(out)
        if table is not None:
            return returned.predictions(table, self._wanted(labels, listed)), ""
        context = self.context
        model = replace(context.model, checkpoints=tuple(map(str, weights)), checkpoint_lr=())
        runs = context.folder / "runs"
        run = adopt(context.dataset, labels, model, runs, trusted=context.trusted, device=self.config.device)
        return context.dataset.task.outputs_kept(run.outputs()).numpy(), run.id

    def _wanted(self, labels: "Labels", listed: Path) -> returned.Wanted:
        """What predictions of this version are about."""
        import pandas as pd

        dataset = self.context.dataset
        told = pd.read_csv(listed, dtype=str, keep_default_na=False)
        rows = dataset.find(told["id"].tolist())
        files = dict(zip(told["file"], rows.tolist(), strict=True)) if "file" in told else {}
        there = np.isin(rows, dataset.rows("test")) & labels.active[rows]
        return returned.Wanted(dataset, self.test, rows[there], files)


def keep(folder: Path, dataset: "Dataset", outputs: np.ndarray) -> None:
    """Write what a run would keep of these outputs (N, c) float64."""
    task = dataset.task
    kept = task.kept(torch.from_numpy(outputs).float())
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / task.kept_file) as temporary, open(temporary, "wb") as stream:
        np.save(stream, kept, allow_pickle=False)


Fit = Callable[[Version, int], Any]
