"""Models retrained on random subsets of the training rows: made once, kept, and reused by everything that needs them.

    subsets = Subsets.at(NAME/subsets, dataset, labels, model, recipe)     # finds those that are there
    subsets.grow(dataset, labels, 24)                                      # trains the missing ones only
    subsets.members(), subsets.losses(rows, labels)                        # (m, n) bool, (m, q) nats

They are the truth of the linear datamodeling score, the material of datamodels, and of memorization (in against out).
"""

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset, Labels
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import (
    ModelConfig,
    TrainConfig,
    but_seed,
    fingerprint,
    from_dict,
    model_request,
    stored_model,
    to_dict,
)
from attribution.storage.files import read_array, read_json, whole_file, write_json
from attribution.tasks import task_class

if TYPE_CHECKING:
    from torch import nn

    from attribution.tasks.base import Task
    from attribution.training.run import Run

FORMAT = 1
# seed of the trainings; a repeat adds to it. No project starts from it, so the model that is explained is none of these
SEED = 1000


def draw(n: int, share: float, index: int) -> np.ndarray:
    """Which of ``n`` rows member ``index`` is trained on, ``(n,)`` bool: exactly ``round(share * n)`` of them, drawn
    from its number."""
    chosen = np.zeros(n, dtype=bool)
    chosen[np.random.default_rng([index, FORMAT]).permutation(n)[: round(share * n)]] = True
    return chosen


@dataclass(frozen=True)
class Subsets:
    """The retrained models in one folder ``NAME/subsets/KEY``.

    KEY is the fingerprint of data, labels, network, recipe (without its seed) and share. All members start from the
    same weights and visit the samples in the same order, so that two of them differ by their samples and by nothing
    else; with ``repeats`` above 1 each subset is trained that often from other weights, and the outputs are means. A
    member is ``model-0007`` (its further repeats ``model-0007.1``, ...): ``members.npy`` (n,) bool, ``logits.npy``
    (rows of the data, classes) float32, ``weights.safetensors``, and ``config.json``, written last.
    """

    folder: Path
    repeats: int = 1

    @staticmethod
    def at(
        root: Path,
        dataset: "Dataset",
        labels: "Labels",
        model: ModelConfig,
        recipe: TrainConfig,
        *,
        share: float = 0.5,
        repeats: int = 1,
    ) -> "Subsets":
        """The store for this request below ``root``, with what is there already; nothing is trained. ``UserError`` for
        a bad share."""
        from attribution.models.build import identity

        # Loaded weights may have seen the samples that a member is to do without.
        recipe = replace(recipe, start="seed")
        model = replace(model, checkpoints=())
        n = len(labels.train_rows(dataset))
        if not 0 < round(share * n) < n:
            raise UserError(
                f"A share of {share:g} of {n} training samples is none or all of them.",
                "Subsets must differ from one another.",
                "Set it between 0 and 1, for example 0.5.",
            )
        told = but_seed(recipe)
        what = identity(model, dataset.info.modality)
        key = fingerprint("subsets", FORMAT, dataset.info.base_hash, labels.version, what, told, share)
        folder = Path(root) / key
        store = Subsets(folder, repeats)
        if not (folder / "about.json").is_file():  # written with the first model: looking must not write
            about = {
                "version": labels.version,
                "model": to_dict(model),
                "train": told,
                "share": share,
                "n": n,
                "code": what["code"],
                **({"task": dataset.info.task, "classes": list(dataset.info.classes)} if dataset.info.task else {}),
            }
            store.__dict__["about"] = about
        return store

    @staticmethod
    def open(folder: Path, repeats: int = 1) -> "Subsets":
        """The store in ``folder``; ``UserError`` when there is none."""
        if not (Path(folder) / "about.json").is_file():
            raise UserError(
                f"There are no retrained subset models in {folder}.", "Its about.json is missing.", "Train some first."
            )
        return Subsets(Path(folder), repeats)

    @cached_property
    def about(self) -> dict[str, Any]:
        """version (of the labels), model, train (recipe without seed), share, n (active training rows), code."""
        return dict(read_json(self.folder / "about.json"))

    def answers_for(self, run: "Run", version: str) -> bool:
        """Whether its models are the run's network, trained by its recipe on parts of these labels."""
        about = self.about
        mine = (about["version"], about["code"], model_request(stored_model(about["model"])))
        wanted = (version, run.config.get("code"), model_request(replace(run.model_config, checkpoints=())))
        recipe = but_seed(replace(run.train_config, start="seed"))
        return mine == wanted and but_seed(from_dict(TrainConfig, about["train"])) == recipe

    # --- what is there
    # -----------------------------------------------------------------------------------------------------------

    def finished(self) -> list[int]:
        """Numbers of the members whose repeats are all trained, ascending."""
        found = {path.parent.name for path in self.folder.glob("model-*/config.json")}
        numbers = sorted(int(name.removeprefix("model-")) for name in found if "." not in name)
        return [
            number
            for number in numbers
            if all(self._at(number, repeat).name in found for repeat in range(self.repeats))
        ]

    @property
    def count(self) -> int:
        """How many subsets are trained."""
        return len(self.finished())

    @property
    def seconds_per_model(self) -> float | None:
        """Mean time of one training in seconds; None when there is none yet."""
        spent = [read_json(path)["seconds_s"] for path in self.folder.glob("model-*/config.json")]
        return float(np.mean(spent)) if spent else None

    def members(self) -> np.ndarray:
        """Which active training rows each subset holds, ``(m, n)`` bool; columns in row order
        (``labels.train_rows``)."""
        return np.array([_load(self._at(number, 0) / "members.npy") for number in self.finished()], dtype=bool).reshape(
            -1, self.about["n"]
        )

    def logits(self, rows: Any) -> np.ndarray:
        """Outputs of the models on these rows of the data, ``(m, repeats, q, ...)`` float64."""
        rows = np.asarray(rows, dtype=np.int64)
        found = [
            [_load(self._at(number, r) / "logits.npy")[rows] for r in range(self.repeats)] for number in self.finished()
        ]
        return np.array(found, dtype=np.float64)

    def losses(self, rows: Any, labels: Any) -> np.ndarray:
        """Losses of these rows under ``labels`` (q,) (as ``Labels.values``), ``(m, q)``: the mean over the repeats."""
        return self._said("loss", rows, labels)

    def margins(self, rows: Any, labels: Any) -> np.ndarray:
        """How sure the models are of the labels, ``(m, q)`` (of classes: logit of the label minus the best other's,
        below
        0 = predicted wrong); mean over the repeats."""
        return self._said("margin", rows, labels)

    def correct(self, rows: Any, labels: Any) -> np.ndarray:
        """Share of the repeats that predict the label, ``(m, q)``: 0 or 1 without repeats, NaN for numbers."""
        return self._said("right", rows, labels)

    def _said(self, name: str, rows: Any, labels: Any) -> np.ndarray:
        """What the task says of these rows, ``(m, q)`` float64; the mean over the repeats."""
        import torch

        task = self.task
        values = np.asarray(labels)
        models = self.logits(rows)
        found = [
            np.mean([task.said(torch.from_numpy(outputs), values)[name] for outputs in repeats], axis=0)
            for repeats in models
        ]
        return np.array(found, dtype=np.float64).reshape(len(models), len(values))

    @cached_property
    def task(self) -> "Task":
        """What the models were trained for."""
        told = self.about.get("task", {})
        return task_class(told).of(self.about.get("classes", ()), told)

    def model(self, number: int, dataset: "Dataset", repeat: int = 0, *, trusted: bool = False) -> "nn.Module":
        """A member's network in eval mode on the CPU; custom code runs only when ``trusted``."""
        from attribution.models.build import build_model
        from attribution.models.checkpoints import load_checkpoint
        from attribution.training.frozen import freeze

        network = build_model(stored_model(self.about["model"]), dataset.info, SEED, trusted=trusted)
        load_checkpoint(network, self._at(number, repeat) / "weights.safetensors")
        return freeze(network, self.about["train"].get("freeze", ())).eval()

    # --- making more
    # -------------------------------------------------------------------------------------------------------------

    def grow(
        self,
        dataset: "Dataset",
        labels: "Labels",
        count: int,
        progress: Progress | None = None,
        *,
        trusted: bool = False,
        device: str = "auto",
    ) -> "Subsets":
        """Train until members ``0 .. count - 1`` are there with all repeats; after an interruption only the missing
        ones are trained.

        ``dataset`` and ``labels`` are those the store was opened for. Cost: one training on ``share`` of the rows and
        one forward pass over all rows each.
        """
        if labels.version != self.about["version"]:
            raise ValueError("these subsets belong to another version of the labels")
        progress = progress or Progress()
        if not (self.folder / "about.json").is_file():
            write_json(self.folder / "about.json", self.about)
        recipe = replace(from_dict(TrainConfig, self.about["train"]), device=device)
        wanted = [(number, repeat) for number in range(count) for repeat in range(self.repeats)]
        missing = [pair for pair in wanted if not (self._at(*pair) / "config.json").is_file()]
        for done, (number, repeat) in enumerate(missing):
            part = progress.part(
                done / len(missing), (done + 1) / len(missing), f"model {done + 1} of {len(missing)} on a random subset"
            )
            self._train(dataset, labels, recipe, number, repeat, part, trusted)
        progress.update(1, 1, f"{self.count} models on random subsets")
        return self

    def _train(
        self,
        dataset: "Dataset",
        labels: "Labels",
        recipe: TrainConfig,
        number: int,
        repeat: int,
        progress: Progress,
        trusted: bool,
    ) -> None:
        from attribution.models.checkpoints import save_checkpoint
        from attribution.models.predict import predict
        from attribution.training.train import fit

        started_s = time.perf_counter()
        rows = labels.train_rows(dataset)
        members = draw(len(rows), self.about["share"], number)
        active = labels.active.copy()
        active[rows[~members]] = False
        seed = SEED + repeat
        model = stored_model(self.about["model"])
        network = fit(
            dataset,
            Labels.of(dataset, labels.values, active),
            model,
            replace(recipe, seed=seed),
            progress,
            trusted=trusted,
        )
        folder = self._at(number, repeat)
        _save(folder / "members.npy", members)
        _save(folder / "logits.npy", predict(network, dataset, dataset.rows("all"))[0].astype(np.float32))
        save_checkpoint(network, folder / "weights.safetensors")
        write_json(
            folder / "config.json", {"member": number, "seed": seed, "seconds_s": time.perf_counter() - started_s}
        )

    def _at(self, number: int, repeat: int) -> Path:
        return self.folder / (f"model-{number:04d}" + (f".{repeat}" if repeat else ""))


def _load(path: Path) -> np.ndarray:
    return read_array(path, mapped=True)


def _save(path: Path, values: np.ndarray) -> None:
    with whole_file(path) as temporary, open(temporary, "wb") as stream:
        np.save(stream, values, allow_pickle=False)
