"""A recording read back in the terms of a project: its lines become rows, its classes the project's. No torch."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.datasets.places import rows_meant
from attribution.errors import UserError
from attribution.recording import layout
from attribution.settings.configs import fingerprint
from attribution.storage.files import file_hash
from attribution.storage.tables import read_table
from attribution.tasks.targets import Numbers
from attribution.training.dynamics import BATCHES, OF_KIND, STEPS
from attribution.training.known import Known

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels

STEADY = "SGD"  # whose steps are known: TracIn is in nats
CLOSE = 1e-5  # by which numbers, relative to their spread, may differ between a loop and the project


@dataclass(frozen=True)
class Recorded:
    """What ``attribution.record`` wrote into ``folder``."""

    folder: Path
    about: dict[str, Any]

    @staticmethod
    def open(folder: str | Path) -> "Recorded":
        """The recording in a folder; ``UserError`` when there is none, or no epoch is whole."""
        path = Path(folder).expanduser().resolve()
        found = layout.read(path)
        if not found["epochs"]:
            raise UserError(f"{path} has no whole epoch.", "There is nothing to open.", "Let the training go on.")
        return Recorded(path, found)

    @property
    def checkpoints(self) -> list[Path]:
        """The weight files that were kept, oldest first."""
        return [path for line in self.about["epochs"] if (path := self._weights(line)).is_file()]

    def _weights(self, line: dict[str, Any]) -> Path:
        return layout.weights_file(self.folder, line["epoch"])

    @cached_property
    def table(self) -> pd.DataFrame:
        """One line per sample and epoch; ``row`` is a place among the ids."""
        files = [layout.epoch_file(self.folder, line["epoch"]) for line in self.about["epochs"]]
        return pd.concat([read_table(path) for path in files], ignore_index=True)

    def known(self, dataset: "Dataset", labels: "Labels") -> Known:
        """The same about the rows of a dataset, on these labels. ``UserError`` for ids that it has not, for samples
        that it holds out, for another task, and for other targets than the labels."""
        self._check_task(dataset)
        rows = self._rows(dataset)
        table = self.table.assign(row=rows[self.table["row"].to_numpy()])
        table = table[labels.active[table["row"].to_numpy()]]
        if dataset.task.kind == "class":
            table = self._renamed(dataset, table)
        self._check_targets(dataset, labels, table)
        columns = OF_KIND[dataset.task.kind]
        lost = sorted(set(labels.train_rows(dataset).tolist()) - set(table["row"].tolist()))
        said = {"path": self.folder.name, "missing": len(lost), "how": self.about["epochs"][-1]["how"]}
        said |= {"optimizer": self.about.get("optimizer", {}), "note": self.about["config"].get("note", "")}
        entries, unit = self._weighed()
        return Known(
            fingerprint([file_hash(layout.epoch_file(self.folder, line["epoch"])) for line in self.about["epochs"]]),
            table[list(columns)].astype(columns).sort_values(["epoch", "row"]).reset_index(drop=True),
            entries,
            unit,
            int(self.about["config"].get("seed", 0)),
            {"recorded": said},
            *self._steps(rows),
        )

    def _steps(self, rows: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The loss of every step and its rows (``STEPS``, ``BATCHES``), where the loop logged what it said of each
        batch; empty ones elsewhere: a pass in eval mode says nothing of a step."""
        parts = []
        last = 0
        for line in self.about["epochs"]:
            path = layout.order_file(self.folder, line["epoch"])
            if line["how"] != "log" or not path.is_file():
                return pd.DataFrame(), pd.DataFrame()
            order = read_table(path)
            told = read_table(layout.epoch_file(self.folder, line["epoch"])).set_index("row")["loss"]
            loss = told.loc[order["row"]].to_numpy()
            parts.append(order.assign(step=order["step"] + last + 1, epoch=line["epoch"], loss=loss))
            last += int(line["steps"])
        found = pd.concat(parts, ignore_index=True)
        steps = found.groupby(["step", "epoch"], as_index=False)["loss"].mean()
        return steps.astype(STEPS), found.assign(row=rows[found["row"].to_numpy()])[list(BATCHES)].astype(BATCHES)

    def targets(self) -> tuple[list[str], np.ndarray]:
        """The ids with the target that each was last trained on."""
        last = self.table.drop_duplicates("row", keep="last")
        names = layout.ids_of(self.folder)
        return [names[place] for place in last["row"]], last["target"].to_numpy()

    def _rows(self, dataset: "Dataset") -> np.ndarray:
        """The row of every id (m,); of those that were never logged too."""
        names = layout.ids_of(self.folder)
        rows = rows_meant(dataset, names)
        logged = np.unique(self.table["row"].to_numpy())
        strange = [names[place] for place in logged if rows[place] < 0]
        if strange:
            raise UserError(
                f"{len(strange):,} of the {len(logged):,} recorded ids are none of this project's, the first is "
                f"{strange[0]!r}.",
                "What was recorded of them would be lost.",
                f"Record under the project's ids; they look like {dataset.ids[0]!r} (project.samples).",
            )
        held = [place for place in logged if dataset.split_of(int(rows[place])) != "train"]
        if held:
            split = dataset.split_of(int(rows[held[0]]))
            raise UserError(
                f"{len(held):,} recorded samples are held out here, the first is {names[held[0]]!r} ({split}).",
                "The loop trained on what this project measures by.",
                "Make the project with the split that the loop had: split=COLUMN (--split), and where it has no "
                "validation part, val_fraction=0 (--val-fraction 0).",
            )
        return rows

    def _renamed(self, dataset: "Dataset", table: pd.DataFrame) -> pd.DataFrame:
        """Classes by the project's numbers, where the recording names them."""
        names = list(self.about["config"].get("classes", []))
        ours = dataset.task.targets.names()
        if not names or names == ours:
            return table
        if set(names) != set(ours):
            raise UserError(
                f"The recording's classes are {', '.join(names)}; the project's are {', '.join(ours)}.",
                "They are matched by name.",
                "Give attribution.record the names that the data has.",
            )
        number = dataset.task.targets.encode(names)
        return table.assign(**{name: number[table[name].to_numpy()] for name in ("prediction", "target")})

    def _check_task(self, dataset: "Dataset") -> None:
        """``UserError`` where the loop's losses are of another task, or of targets on another scale."""
        own = dataset.task
        recorded = self.about["config"]["task"]
        if recorded != own.name:
            raise UserError(
                f"The recording is of {recorded}, the project of {own.name}.",
                "Losses and margins would be other numbers.",
                f"Record with task={own.name!r}, or make the project with --task {recorded}.",
            )
        if isinstance(own.targets, Numbers) and (own.targets.mean != 0 or own.targets.std != 1):
            raise UserError(
                "The recording is of values as they stand, the project of standardised ones.",
                "Losses and margins would be other numbers.",
                "Make the project with --task-options standardise=false.",
            )

    def _check_targets(self, dataset: "Dataset", labels: "Labels", table: pd.DataFrame) -> None:
        """``UserError`` where the loop was trained on other targets than the labels."""
        own = dataset.task
        last = table.drop_duplicates("row", keep="last")
        rows = last["row"].to_numpy()
        theirs = last["target"].to_numpy()
        ours = labels.values[rows]
        same = np.isclose(theirs, ours, rtol=CLOSE) if own.kind == "number" else theirs == ours
        if not same.all():
            place = int(np.flatnonzero(~same)[0])
            raise UserError(
                f"{int((~same).sum()):,} of {len(same):,} samples were trained on another {own.targets.noun} than they "
                f"have here, the first is {dataset.ids[rows[place]]}: target {theirs[place]}, here "
                f"{own.targets.word(ours[place])}.",
                "What was recorded would be taken for what the model said of these labels.",
                "Give version= of the labels that the loop had, the names of the outputs in their order "
                "(attribution.record(..., classes=[...])), or the ids of other samples.",
            )

    def _weighed(self) -> tuple[list[dict[str, Any]], str]:
        """An entry per checkpoint, by what it counts in TracIn: with a known optimiser by the steps since the one
        before, as our own training has it; with rates by the rate; else all alike."""
        optimizer = self.about.get("optimizer") or {}
        steady = optimizer.get("name") == STEADY
        entries: list[dict[str, Any]] = []
        steps = 0
        pull = 0.0
        for line in self.about["epochs"]:
            steps += line["steps"]
            pull += (line["lr_sum"] or 0.0) / line["samples"] / (1 - optimizer.get("momentum", 0.0) if steady else 1)
            if self._weights(line).is_file():
                entries.append({"epoch": line["epoch"], "lr": line["lr"], "steps": steps, "weight": pull})
                steps = 0
                pull = 0.0
        if optimizer:
            return entries, "nats" if steady else "order"
        rates = all(entry["lr"] for entry in entries)
        weighed = [{**entry, "weight": entry["lr"] if rates else 1 / len(entries)} for entry in entries]
        return weighed, "rate" if rates else "order"
