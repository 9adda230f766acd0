"""All detectors in one, weighted by how well they find wrong labels planted in a copy of the user's own data."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from attribution.datasets.dataset import Labels
from attribution.detectors import detectors, register
from attribution.detectors._planted import Weights, learn, planted_copy
from attribution.detectors.base import Detector, Evidence, above
from attribution.errors import UserError
from attribution.estimators._hash import uniform
from attribution.settings.configs import fingerprint
from attribution.storage.files import read_json, write_json

FORMAT = 1


@register("combined")
class Combined(Detector):
    """Probability that a label is wrong by a logistic regression on the members' standardised ranks, learned from
    planted flips.

    A tenth of the targets is made wrong on purpose in a copy, of classes half at random and half towards what the model
    confuses; the run's recipe is trained once on that copy, the members (detectors that are ``stacked``) judge it, and
    the weights that find the planted ones best are applied to the members' values on the real labels. The ledger and
    the project's runs never see the copy. The weights are kept in the run's folder (``planted/KEY.json``, with every
    member's AUROC on the planted flips), the copy's model is thrown away. Members that cannot serve (no validation
    split, no per-epoch record) are left out; out-of-fold predictions are no member, since they would take a training
    per fold on the copy as well.
    """

    title = "Combined, learned on planted errors"
    trains = True
    summary = (
        "Errors planted in a copy of your data show how much each detector is worth here; the weights that find them "
        "are applied to the real targets. Assumes that real errors look like planted ones."
    )
    formula = "σ(b + Σ_d w_d Φ⁻¹(rank_d / n)),  w ≥ 0 fitted to planted flips"
    cost = "One more training, and every member on the copy and on the real labels."
    source = (
        "Stacking: Wolpert, Stacked Generalization, 1992; planted errors as in the benchmarks of the "
        "detectors' sources."
    )
    needs = "a run trained here"
    share: float = 0.1
    seed: int = 0

    def values(self, evidence: Evidence) -> np.ndarray:
        found = _members(evidence)
        return self.weights(evidence, tuple(found)).probability(found)

    def weights(self, evidence: Evidence, members: Sequence[str] = ()) -> Weights:
        """The members' weights on this data; from the run's folder when they are there, else learned in a sandbox.

        ``members`` are all stacked detectors where none are named.
        """
        trained = evidence.trained
        members = members or stacked(evidence.task.kind)
        if trained.run.config["source"] != "trained":
            raise UserError(
                f"Run {trained.run.id} was loaded from files.",
                "How it was trained is not known, so no model can be trained the same way on planted errors.",
                "Train the model here, or leave the detector out.",
            )
        key = fingerprint(
            "planted", FORMAT, trained.run.id, trained.labels.version, self.share, self.seed, sorted(members)
        )
        folder = getattr(trained.run, "folder", None)
        if folder is None:  # a run that lies nowhere has no place to keep anything
            with tempfile.TemporaryDirectory(prefix="planted-") as place:
                return self._learn(evidence, members, Path(place))
        kept = Path(folder) / "planted" / f"{key}.json"
        scratch = Path(folder) / "planted" / key
        if not kept.is_file():
            write_json(kept, asdict(self._learn(evidence, members, scratch)))
            shutil.rmtree(scratch)
        return Weights(**read_json(kept))

    def _learn(self, evidence: Evidence, members: Sequence[str], scratch: Path) -> Weights:
        """Train once on the copy (in ``scratch``, resumed when cut short) and fit the weights."""
        from attribution.training.train import train
        from attribution.training.trained import TrainedModel

        trained, rows = evidence.trained, evidence.rows
        names = trained.dataset.ids[rows]
        p = evidence.probabilities if evidence.task.kind == "class" else None
        own = evidence.task.targets
        planted, flipped = planted_copy(own, evidence.targets, names, p, self.share, self.seed)
        values = np.array(trained.labels.values)
        values[rows] = planted
        labels = Labels.of(trained.dataset, values, trained.labels.active)
        recipe = replace(trained.run.train_config, device=str(trained.device))
        run = train(trained.dataset, labels, trained.run.model_config, recipe, scratch, trusted=trained.trusted)
        device = str(trained.device)
        size = trained.batch_size
        copy = TrainedModel(trained.dataset, labels, run, device=device, batch_size=size, trusted=trained.trusted)
        found = {name: detectors.get(name)().values(evidence.of(copy)) for name in members}
        trained.count(copy.spent)
        return learn(found, flipped, uniform([str(name) for name in names], self.seed + 4))

    def reason(self, value: float, higher_than: float) -> str:
        return (
            f"Weighed as the errors planted in a copy of this data taught, its {self.units.noun} is wrong with "
            f"probability {100 * value:.0f} %, {above(higher_than)}."
        )


def stacked(kind: str) -> list[str]:
    """Names of the members for this kind of targets, sorted."""
    return [name for name in detectors.names() if detectors.get(name).stacked and detectors.get(name).serves(kind)]


def _members(evidence: Evidence) -> dict[str, np.ndarray]:
    """Values (n,) of the members that can serve here."""
    found = {}
    for name in stacked(evidence.task.kind):
        try:
            found[name] = detectors.get(name)().values(evidence)
        except UserError:  # no validation split, no per-epoch record: the others must do
            continue
    if not found:
        raise UserError(
            "None of the combined detectors can serve this run.", "There is nothing to weigh.", "Train the model here."
        )
    return found
