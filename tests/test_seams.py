"""What differs by target stands in ``tasks``, what differs by kind of data in ``modalities``: softmax, argmax, classes
and questions about the modality are found nowhere else, but where the list below says why. The list only shrinks."""

import io
import re
import tokenize
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent.parent
ROOMS = ("attribution/tasks/", "attribution/modalities/")  # theirs
DECLARED = re.compile(r'^    kinds(: [^=]+)? = \("class"', re.MULTILINE)  # a plug-in that is about classes and says so

PLACE = "the place of a largest number, which is nobody's prediction"
NAMES = "class names as they stand in the user's files, read and written"
BUILT = "which network reads which kind of data, and what a user's own builder is told of the classes"
JUDGED = "about classes by nature: confusions, groups of a fairness gap, planted and corrected classes"
TABLES = "class names of tables, charts and menus, which numbers do not have"
TOKENS = "the next token of a text among all that there are, which is no class of the data"

ALLOWED = {
    TOKENS: {
        "attribution/models/head.py": 4,
    },
    PLACE: {
        "attribution/datasets/encode.py": 2,
        "attribution/gradients/engine.py": 1,
        "attribution/studies/bench/agreement.py": 1,
        "attribution/studies/leaks/run.py": 1,
        "attribution/studies/map/run.py": 1,
        "attribution/studies/memorization/run.py": 1,
        "attribution/studies/retrain/changes.py": 1,
        "attribution/views/damping.py": 1,
    },
    NAMES: {
        "attribution/datasets/dataset.py": 2,
        "attribution/datasets/label_sets.py": 2,
        "attribution/datasets/labels.py": 2,
        "attribution/datasets/load.py": 5,
        "attribution/datasets/readers/npz.py": 1,
        "attribution/datasets/source.py": 4,
        "attribution/datasets/targets.py": 2,
        "attribution/training/subsets.py": 1,
        "attribution/training/train.py": 1,
    },
    BUILT: {
        "attribution/models/check.py": 1,
        "attribution/models/causes.py": 4,
        "attribution/models/fit.py": 2,
        "attribution/models/own_function.py": 4,
        "attribution/project/first_look.py": 2,
    },
    JUDGED: {
        "attribution/detectors/evidence.py": 1,
        "attribution/detectors/planting.py": 1,
        "attribution/project/lookup.py": 1,
        "attribution/studies/categories/categories.py": 1,
        "attribution/studies/categories/signals.py": 2,
        "attribution/studies/fairness/run.py": 2,
        "attribution/studies/mislabels/estimate.py": 2,
        "attribution/studies/mislabels/judges.py": 1,
        "attribution/studies/mislabels/run.py": 1,
        "attribution/studies/preview/run.py": 1,
        "attribution/studies/shift/targets.py": 2,
        "pages/fairness.py": 5,
    },
    TABLES: {
        "attribution/figures/answers.py": 1,
        "attribution/project/folder.py": 1,
        "attribution/views/faces.py": 5,
        "attribution/views/targets.py": 2,
        "pages/parts/edits.py": 2,
    },
}


def words(source: str) -> Counter[str]:
    """How often code, not comments or texts, speaks of classes or asks for the modality."""
    tokens = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type in (tokenize.NAME, tokenize.OP)
    ]
    found: Counter[str] = Counter()
    for before, word, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if word in ("softmax", "log_softmax", "cross_entropy", "argmax"):
            found[word] += 1
        elif word == "classes" and before == ".":
            found[".classes"] += 1
        elif word == "modality" and ({before, after} & {"==", "!=", "in"} or after in ("not", "is")):
            found["modality"] += 1
    return found


def found() -> dict[str, Counter[str]]:
    """By file, those that have such words and no leave of their own."""
    files = [*HERE.glob("attribution/**/*.py"), *HERE.glob("pages/**/*.py"), HERE / "app.py"]
    named = {path.relative_to(HERE).as_posix(): path.read_text() for path in sorted(files)}
    counted = {name: words(text) for name, text in named.items() if not DECLARED.search(text)}
    return {name: each for name, each in counted.items() if each and not name.startswith(ROOMS)}


def test_classes_and_kinds_of_data_are_named_in_their_rooms_and_where_the_list_says_why():
    most = {name: count for entries in ALLOWED.values() for name, count in entries.items()}
    beyond = {name: dict(each) for name, each in found().items() if each.total() > most.get(name, 0)}
    assert not beyond, "ask the task (attribution/tasks) or the modality instead"


def test_the_list_only_shrinks():
    there = found()
    stale = [name for entries in ALLOWED.values() for name in entries if name not in there]
    assert not stale, "these files need no leave any more: take them off the list"
    assert sum(sum(entries.values()) for why, entries in ALLOWED.items() if why != TOKENS) <= 73


def test_the_words_are_seen_in_code_alone():
    source = (
        '"""softmax"""\nx = z.softmax(1)  # argmax\nif info.modality == "text" or name in info.classes:\n    pass\n'
    )
    assert words(source) == {"softmax": 1, "modality": 1, ".classes": 1}
