"""Label Studio: the labelling page for a task, tasks with predictions, and annotations read back as decisions."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

from attribution.errors import UserError
from attribution.exporters._patch import Line, Patch
from attribution.tasks.targets import NOTHING, SEPARATOR, Targets, parts_of

LABEL = "label"  # names of the controls
VERDICT = "verdict"
NOTE = "note"
SAMPLE = "sample"  # what they are about
DROP = "drop"
UNSURE = "unsure"
SHOWN = {
    "picture": ("Image", "image"),
    "text": ("Text", "text"),
    "columns": ("Table", "table"),
    "plot": ("Text", "text"),
}  # tag and its data


def page(targets: Targets, shown_as: str) -> str:
    """The labelling configuration, XML."""
    view = xml.Element("View")
    tag, data = SHOWN[shown_as]
    xml.SubElement(view, tag, name=SAMPLE, value=f"${data}")
    if targets.kind == "number":
        xml.SubElement(view, "Number", name=LABEL, toName=SAMPLE)
    else:
        choice = "multiple" if targets.kind == "set" else "single"
        label = xml.SubElement(view, "Choices", name=LABEL, toName=SAMPLE, choice=choice, showInline="true")
        for name in dict.fromkeys(targets.names()):
            xml.SubElement(label, "Choice", value=name)
    verdict = xml.SubElement(view, "Choices", name=VERDICT, toName=SAMPLE, choice="single", showInline="true")
    xml.SubElement(verdict, "Choice", value="Take it out of the data", alias=DROP)
    xml.SubElement(verdict, "Choice", value="I am not sure", alias=UNSURE)
    xml.SubElement(view, "TextArea", name=NOTE, toName=SAMPLE, placeholder="Note", maxSubmissions="1")
    xml.indent(view)
    return xml.tostring(view, encoding="unicode") + "\n"


def result(targets: Targets, word: str) -> list[dict[str, Any]]:
    """A label as the result of a prediction or annotation; [] for none."""
    if not word:
        return []
    if targets.kind == "number":
        return [_result("number", float(word))]
    return [_result("choices", parts_of(word) if targets.kind == "set" else [word])]


def _result(kind: str, value: Any) -> dict[str, Any]:
    return {"from_name": LABEL, "to_name": SAMPLE, "type": kind, "value": {kind: value}}


def read_annotations(path: Path, targets: Targets) -> Patch:
    """The decisions in an export of Label Studio (JSON or JSON-MIN) of tasks that came from here. Skipped tasks and
    those without an annotation are passed over.

    ``UserError`` for another file, for tasks that do not say which sample they are, and where annotators disagree.
    """
    path = Path(path).expanduser()
    tasks = _tasks(path)
    lines = [line for task in tasks if (line := _line(task, targets, path)) is not None]
    return Patch(tuple(lines), {}, path.name)


def _tasks(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"There is no file {path}.", "", "Check the path.")
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path.name} is no JSON.", str(error), "Export as JSON from Label Studio.") from error
    if not isinstance(found, list) or not all(isinstance(task, dict) for task in found):
        raise UserError(
            f"{path.name} is no list of tasks.", "It is not what Label Studio exports.", "Export as JSON or JSON-MIN."
        )
    return found


def _line(task: Mapping[str, Any], targets: Targets, path: Path) -> Line | None:
    """The decision of one task; None where nobody answered."""
    data = task["data"] if isinstance(task.get("data"), dict) else task
    name = data.get("datablame_id")
    if not isinstance(name, str):
        raise UserError(
            f"A task of {path.name} (id {task.get('id')}) has no datablame_id.",
            "It did not come from here, so which sample it means is not known.",
            "Export the tasks with `datablame export label-studio`, label those, and apply their annotations.",
        )
    answers = dict(reversed(list(_answers(task, targets))))
    if not answers:
        return None
    _agreed(name, answers)
    ((label, verdict, note, unsure), (author, time)) = next(iter(answers.items()))
    was = {at: str(data.get(f"datablame_{at}", "")) for at in ("label", "verdict", "content")}
    same = label in ("", was["label"])
    decided = verdict or ("" if not label else was["verdict"] or "keep" if same else "relabel")
    now = (label or was["label"], decided, (), note, unsure and not decided)
    return Line(name, was["content"], was["label"], was["verdict"], *now, "labelled in Label Studio", author, time)


def _agreed(name: str, answers: "Iterable[Answer]") -> None:
    """``UserError`` for annotators who say different things of one sample."""
    said = [label or verdict or note or UNSURE for label, verdict, note, _ in answers]
    if len(said) > 1:
        raise UserError(
            f"The annotations of sample {name} disagree: {'; '.join(sorted(said))}.",
            "One of them must be right.",
            "Settle it in Label Studio (delete or skip one), export again, and apply.",
        )


Answer = tuple[str, str, str, bool]  # label, verdict, note, unsure


def _answers(task: Mapping[str, Any], targets: Targets) -> Iterator[tuple[Answer, tuple[str, str]]]:
    """What each annotator said, with who and when."""
    if not isinstance(task.get("annotations"), list):  # JSON-MIN: an annotation a line, values beside the data
        fields = {name: task[name] for name in (LABEL, VERDICT, NOTE) if name in task}
        if fields:
            yield _answer(fields, targets), (_who(task.get("annotator")), str(task.get("created_at", "")))
        return
    for annotation in task["annotations"]:
        if annotation.get("was_cancelled"):
            continue
        fields = {one.get("from_name"): one.get("value", {}) for one in annotation.get("result", [])}
        when = str(annotation.get("updated_at") or annotation.get("created_at") or "")
        yield _answer(fields, targets), (_who(annotation.get("completed_by")), when)


def _answer(fields: Mapping[Any, Any], targets: Targets) -> Answer:
    values = {name: _values(fields.get(name)) for name in (LABEL, VERDICT, NOTE)}
    label = values[LABEL]
    if targets.kind == "number":
        word = targets.word(float(label[0])) if label else ""
    elif targets.kind == "set":
        known = [name for name in targets.names() if name in label]
        word = SEPARATOR.join([*known, *(name for name in label if name not in known and name != NOTHING)])
        word = word or (NOTHING if label else "")
    else:
        word = label[0] if label else ""
    verdict = values[VERDICT]
    return word, DROP if DROP in verdict else "", "\n".join(values[NOTE]), UNSURE in verdict


def _values(value: Any) -> list[str]:
    """The words of a control's value in any of the ways in which it is exported."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("choices", "number", "text") if name in value), None)
    found = value if isinstance(value, list) else [] if value in (None, "") else [value]
    return [str(one) for one in found]


def _who(value: Any) -> str:
    return str(value.get("email", value.get("id", ""))) if isinstance(value, dict) else str(value or "")
