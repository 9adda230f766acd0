"""The recommendation: what the rule chooses from what is measured so far, as names and numbers."""

from typing import Any

from attribution.storage.files import write_json
from attribution.studies.bench import recommend
from attribution.studies.bench.parts.fidelity import lds_by_estimator, means, subsets_of
from attribution.studies.bench.parts.state import Bench


def conclude(at: Bench) -> None:
    """Names and numbers from what is measured so far, into ``bench.json``; ``sentences`` makes words of them."""
    done = at.told["done"]
    told = at.told
    choices: dict[str, Any] = {}
    told |= {"explain": "", "mislabels": "", "no_better_than_random": [], "rule": recommend.RULE}
    if "fidelity" in done and recommend.CONTROL in at.matrices:
        values, drawn = lds_by_estimator(at, subsets_of(at), "loss")
        choice = recommend.choose(means(values), drawn, at.result.cost.set_index("estimator")["seconds_s"].to_dict())
        told |= {"explain": choice.pick, "no_better_than_random": list(choice.useless)}
        choices["explain"] = choice.to_json()
    if "usefulness" in done:
        sandbox, table = at.result.planted, at.result.usefulness
        truth = sandbox["planted"].to_numpy(dtype=bool)
        whole = table[table["label"] == -1].set_index("name")
        drawn = recommend.precision_draws(
            {name: sandbox[name].to_numpy() for name in whole.index}, truth, seed=at.config.seed
        )
        choice = recommend.choose(whole["ap"].to_dict(), drawn, whole["seconds_s"].to_dict())
        told["mislabels"] = choice.pick
        choices["mislabels"] = {
            **choice.to_json(),
            "budget": at.config.budget,
            "precision": whole["precision"].to_dict(),
        }
    if "stability" in done and told["explain"]:
        choices["stability"] = at.result.stability.set_index("estimator")["spearman"].to_dict()
    told["choices"] = choices
    write_json(at.result.folder / "bench.json", told)
