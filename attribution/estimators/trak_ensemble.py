"""TRAK over several trainings of the same recipe: what makes it strong."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attribution.estimators import register
from attribution.estimators._siblings import siblings
from attribution.estimators.trak import Trak, TrakSettings

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel


@register("trak-ensemble")
class TrakEnsemble(Trak):
    """TRAK averaged over this run and its siblings: finished runs of the same network and recipe on the same labels,
    with other seeds.

    Every checkpoint of every run counts as a model. Without a sibling it is ``trak``; the notes say how many runs took
    part.
    """

    title = "TRAK over several trainings"
    cheaper = "trak"
    summary = (
        "TRAK, averaged over all trainings of this recipe on these data. Chance in one training's weights averages "
        "out; two or three more seeds help the most."
    )
    formula = "meanₘ φ_q'(Φ'Φ + λI)⁻¹φᵢ · meanₘ(1 − pᵢ) over checkpoints m of all runs that differ in the seed alone"
    cost = "As TRAK, times the number of trainings; and those trainings."
    needs = "trainings of the same recipe with other seeds (`datablame train --seed 1`; without them it is trak)"

    def __init__(
        self,
        trained: "TrainedModel",
        seed: int = 0,
        settings: TrakSettings | None = None,
        others: "Sequence[TrainedModel] | None" = None,
    ) -> None:
        super().__init__(trained, seed, settings, siblings(trained) if others is None else others)

    def notes(self) -> dict[str, Any]:
        return {"runs": len({each.run.id for each, _ in self.models}), "models": len(self.models)}
