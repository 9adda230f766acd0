"""Behaviours of a project's language model: described once, asked about as queries, measured on unseen prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.chat import behaviour as files
from attribution.datasets.chat.behaviour import Behaviour, Case
from attribution.datasets.chat.pattern import checked
from attribution.errors import UserError
from attribution.project.folder import About
from attribution.settings.configs import fingerprint
from attribution.storage.files import read_json, write_json

if TYPE_CHECKING:
    from attribution.datasets.chat.questions import Questions
    from attribution.datasets.dataset import Dataset
    from attribution.progress import Progress
    from attribution.project.studies import Studies
    from attribution.studies.behaviour.result import BehaviourResult
    from attribution.training.run import Run

Prompts = str | Path | Sequence[Any]


class Behaviours:
    """``project.behaviours``: ``add``, ``names``, ``all``, ``get``, ``remove`` and ``rate``."""

    def __init__(self, about: About, studies: "Studies") -> None:
        self._about = about
        self._studies = studies

    def names(self) -> list[str]:
        """The behaviours by name."""
        return files.names(self._about.folder)

    def all(self) -> list[Behaviour]:
        """The behaviours themselves, by name."""
        return [self.get(name) for name in self.names()]

    def get(self, name: str) -> Behaviour:
        """One of them; ``UserError`` naming those there are."""
        return files.read(self._about.folder, name)

    def add(
        self,
        name: str,
        prompts: Prompts,
        unwanted: str | Sequence[str] = "",
        wanted: str | Sequence[str] = "",
        *,
        pattern: str = "",
        held: Prompts = (),
        must_stay: bool = False,
        probe: bool = False,
    ) -> Behaviour:
        """Describe a behaviour, and keep it in ``PROJECT/behaviours/NAME.json``.

        ``prompts``: texts, lists of turns, objects ``{prompt or messages, unwanted, wanted, held}``, or a JSONL file of
        such. ``unwanted`` are answers that show it, ``wanted`` answers in their place: one for all prompts, or one
        each. ``pattern`` is a regular expression that generated answers are searched for. ``held`` are the prompts
        that its rate is measured on; where nobody says which, a seeded 40 % of those that no training row has.
        ``must_stay``: it is a wanted one, and edits must not lower its rate. ``probe``: the answers are texts with it
        (unwanted) and without it (wanted), between which the estimator ``concept`` finds a direction. ``UserError``
        for a name that is taken, for prompts on both sides, and for one that cannot be measured.
        """
        files.check_chats(self._about.dataset)
        self._check_name(name)
        asked, says = _cases(prompts, unwanted, wanted, "prompt")
        more, _ = _cases(held, unwanted, wanted, "held-out prompt")
        says = [*(says if not more else [bool(say) for say in says]), *[True] * len(more)]
        known = [] if probe else _known(self._about.dataset)  # texts of a probe may be rows
        cases, kept = files.divided([*asked, *more], says, known)
        made = Behaviour(name, cases, kept, checked(pattern) if pattern else "", must_stay, probe)
        _measurable(made)
        files.write(self._about.folder, made)
        return made

    def known_rate(self, name: str) -> "BehaviourResult | None":
        """The rate that was measured of the model in use, or None; no model is asked."""
        behaviour = self.get(name)
        run = self._studies.run
        every: list[BehaviourResult] = self._studies.behaviour.all()
        mine = (one for one in every if one.run == (run.id if run else "") and one.behaviour.key == behaviour.key)
        return next(mine, None)

    def hardly_shown(self) -> list[str]:
        """A sentence for each behaviour whose measured rate is so low that no proof could tell it gone; no model is
        asked."""
        from attribution.studies.retrain.behaviours import hardly_words

        rates = (self.known_rate(name) for name in self.names())
        return [words for rate in rates if rate is not None and (words := hardly_words(rate))]

    def measure(self, queries: str) -> str:
        """What influence on a behaviour or a typed answer is asked of: loss, or behaviour where answers are held
        against each other. No model is asked."""
        if not queries.startswith(files.BEHAVIOUR):
            return "loss"
        behaviour = self.get(queries.removeprefix(files.BEHAVIOUR))
        return "behaviour" if any(case.wanted for case in behaviour.cases) else "loss"

    def _check_name(self, name: str) -> None:
        files.path_of(self._about.folder, name)
        if name in self.names():
            raise UserError(
                f"There is a behaviour called {name!r} already.",
                "Results refer to it.",
                f"Choose another name, or remove it first: datablame behaviour rm {name}.",
            )

    def remove(self, name: str) -> None:
        """Forget a behaviour; results that were asked of it stay."""
        self.get(name)
        files.path_of(self._about.folder, name).unlink()

    def rate(
        self, name: str, run: str = "", *, device: str = "auto", progress: "Progress | None" = None
    ) -> "BehaviourResult":
        """How often a model shows it on the held-out prompts, with the Wilson interval: found, or measured and kept.
        ``run``: id of a training; empty: the model in use."""
        from attribution.studies.behaviour.study import BehaviourConfig

        found: BehaviourResult = self._studies.behaviour.run(BehaviourConfig(name, run=run, device=device), progress)
        return found


def asked_key(queries: str, project: Path) -> str:
    """The hash of what ``behaviour:NAME`` or ``ask:PROMPT => ANSWER`` asks (``ScoreResult.asked_of``); "" for queries
    that are samples. No model is asked."""
    if queries.startswith(files.BEHAVIOUR):
        return files.read(project, queries.removeprefix(files.BEHAVIOUR)).key
    typed = files.asked_of(queries)
    return "" if typed is None else typed.key


def questions_of(queries: str, about: About, run: "Run | None") -> "Questions":
    """What ``behaviour:NAME`` or ``ask:PROMPT => ANSWER`` asks; a pattern's prompts are answered by ``run``, whose
    matching answers are asked about, once for the same weights."""
    typed = files.asked_of(queries)
    files.check_chats(about.dataset)
    if typed is not None:
        return typed
    behaviour = files.read(about.folder, queries.removeprefix(files.BEHAVIOUR))
    if any(case.unwanted for case in behaviour.cases):
        return behaviour.questions()
    if run is None:
        raise UserError(
            f"Behaviour {behaviour.name} is known by a pattern in generated answers, and there is no model to ask.",
            "Influence is asked of the answers that match.",
            "Train one first, or give answers that show it (unwanted).",
        )
    return replace(_answered(behaviour, about, run).questions(), about=behaviour.key)


def _answered(behaviour: Behaviour, about: About, run: "Run") -> Behaviour:
    """The behaviour with the model's own matching answers as those that show it."""
    key = fingerprint(behaviour.key, run.weights)
    path = about.folder / files.FOLDER / files.ANSWERED / f"{key}.json"
    if not path.is_file():
        from attribution.studies.behaviour.measure import answers, shown
        from attribution.training.trained import TrainedModel

        trained = TrainedModel(about.dataset, about.dataset.base_version(), run, trusted=about.trusted)
        said = answers(trained, [case.prompt for case in behaviour.cases])
        matched = shown(behaviour, said)
        write_json(path, [answer if match else "" for answer, match in zip(said, matched, strict=True)])
    said = [str(answer) for answer in read_json(path)]
    cases = [replace(case, unwanted=answer) for case, answer in zip(behaviour.cases, said, strict=True) if answer]
    if not cases:
        raise UserError(
            f"The model shows {behaviour.name} on none of the {len(said)} prompts that influence is asked of.",
            f"It counts when {behaviour.shown_when}.",
            "Ask a model that shows it, give answers that do (unwanted), or other prompts.",
        )
    return replace(behaviour, cases=tuple(cases))


def _cases(
    prompts: Prompts, unwanted: str | Sequence[str], wanted: str | Sequence[str], what: str
) -> tuple[list[Case], list[bool | None]]:
    """Cases from prompts and answers, which stand beside them or in them, and what each says of being held out."""
    found = _read(prompts, what)
    columns = {"unwanted": unwanted, "wanted": wanted}
    cases = [case for case, _ in found]
    for name, texts in columns.items():
        if not texts:
            continue
        each = [texts] * len(cases) if isinstance(texts, str) else list(texts)
        if len(each) != len(cases):
            if what != "prompt":
                continue  # those of the prompts that are asked about
            do = "Give one for all, or one for each."
            raise UserError(f"There are {len(each)} {name} answers for {len(cases)} prompts.", "", do)
        cases = [
            case if getattr(case, name) else replace(case, **{name: str(text)})  # type: ignore[arg-type]
            for case, text in zip(cases, each, strict=True)
        ]
    return cases, [say for _, say in found]


def _read(prompts: Prompts, what: str) -> list[tuple[Case, bool | None]]:
    """Prompts as they were given, or from a file of them."""
    given: Sequence[Any] = [prompts] if isinstance(prompts, str) else prompts  # type: ignore[assignment]
    place = what
    if isinstance(prompts, Path) or (isinstance(prompts, str) and prompts.endswith((".jsonl", ".json"))):
        given = files.lines_of(Path(prompts).expanduser())
        place = f"{prompts}, prompt"
    return [files.case_of(line, f"{place} {number}") for number, line in enumerate(given, start=1)]


def _known(dataset: "Dataset") -> list[str]:
    """The questions of the training rows: prompts that are not unseen."""
    return [dataset.conversation(int(row)).question for row in dataset.rows("train")]


def _measurable(made: Behaviour) -> None:
    """``UserError`` for one that shows nowhere: neither a pattern nor answers."""
    every = (*made.cases, *made.held)
    if made.probe:
        lacks = [
            name for name in ("unwanted", "wanted") if not all(_some(part, name) for part in (made.cases, made.held))
        ]
        if lacks:
            raise UserError(
                f"Probe {made.name} has no text {'with' if lacks[0] == 'unwanted' else 'without'} it on both sides.",
                "A direction is found between texts with it and without it, and checked on others.",
                "Give unwanted and wanted texts, some of each held out.",
            )
    elif not made.pattern and not all(case.unwanted for case in every):
        missing = next(case for case in every if not case.unwanted)
        raise UserError(
            f"Nothing says how {made.name} shows: the prompt {missing.prompt.question[:80]!r} has no unwanted answer.",
            "A rate counts answers.",
            "Give answers that show it (unwanted), or a pattern that they match.",
        )


def _some(cases: Sequence[Case], name: str) -> bool:
    return any(getattr(case, name) for case in cases)


def said_of(behaviour: Behaviour) -> Mapping[str, Any]:
    """A line about a behaviour for lists: name, how it is measured, and how many prompts there are."""
    aim = "must stay" if behaviour.must_stay else "unwanted"
    about = {"name": behaviour.name, "aim": aim, "shown when": behaviour.shown_when}
    return {**about, "asked": len(behaviour.cases), "held out": len(behaviour.held)}
