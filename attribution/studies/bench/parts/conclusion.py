"""The recommendation: sentences from what is measured so far."""

from attribution.storage.files import write_json
from attribution.studies.bench import recommend
from attribution.studies.bench.parts.fidelity import lds_by_estimator, means, subsets_of
from attribution.studies.bench.parts.state import Bench


def conclude(at: Bench) -> None:
    """Sentences from what is measured so far, into ``bench.json``."""
    done = at.told["done"]
    told = at.told
    sentences: list[str] = []
    told |= {"explain": "", "mislabels": "", "no_better_than_random": [], "rule": recommend.RULE}
    if "fidelity" in done and recommend.CONTROL in at.matrices:
        values, drawn = lds_by_estimator(at, subsets_of(at), "loss")
        choice = recommend.choose(means(values), drawn, at.result.cost.set_index("estimator")["seconds_s"].to_dict())
        told |= {"explain": choice.pick, "no_better_than_random": list(choice.useless)}
        sentences += recommend.explain_sentences(choice)
    if "usefulness" in done:
        sandbox, table = at.result.planted, at.result.usefulness
        truth = sandbox["planted"].to_numpy(dtype=bool)
        whole = table[table["label"] == -1].set_index("name")
        drawn = recommend.precision_draws(
            {name: sandbox[name].to_numpy() for name in whole.index}, truth, seed=at.config.seed
        )
        choice = recommend.choose(whole["ap"].to_dict(), drawn, whole["seconds_s"].to_dict())
        told["mislabels"] = choice.pick
        sentences += recommend.mislabel_sentences(choice, at.config.budget, whole["precision"].to_dict())
    if "stability" in done and told["explain"]:
        sentences += recommend.fragile_sentences(
            [told["explain"]], at.result.stability.set_index("estimator")["spearman"].to_dict()
        )
    told["recommendation"] = sentences
    write_json(at.result.folder / "bench.json", told)
