"""The search for what is wrong with the rows of a chat file as a study."""

from dataclasses import dataclass

from attribution.settings.ranges import Settings, opt
from attribution.studies import studies
from attribution.studies.base import Study
from attribution.studies.hygiene.finding import KINDS


@dataclass(frozen=True)
class HygieneConfig(Settings):
    """One look at the rows of a chat file; no model is asked."""

    kinds: tuple[str, ...] = opt((), "Kinds of findings; empty: all.", choices=tuple(KINDS))
    near: float = opt(
        0.7, "Share of word triples that near repeats have in common at least (Jaccard).", low=0.3, high=1.0
    )
    languages: tuple[str, ...] = opt(
        (), "Languages that the answers may be in, as English,German; empty: each that a twentieth of the rows is in."
    )


@studies.register("hygiene")
class Hygiene(Study[HygieneConfig]):
    """Look for repeats, conflicting answers, faults of form, personal data and keys in chats."""

    title = "Look for faulty rows"
    config = HygieneConfig
    result = "HygieneResult"
    page = "review"

    def asks_model(self, config: HygieneConfig) -> bool:
        return False
