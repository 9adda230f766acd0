"""New project: data, model and splits in three steps on one page, everything shown back before anything is made."""

import re
import time
from typing import Any

import pandas as pd
import streamlit as st

from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.modalities.image import png
from attribution.models.sources import sources
from attribution.progress import Progress
from attribution.project.home import home
from attribution.project.project import Project
from attribution.settings.configs import DataConfig, ModelConfig, default_recipe, from_dict, small_words
from attribution.settings.lists import entries
from attribution.settings.ranges import limits
from attribution.trust import Look, say_yes
from attribution.views import cards as card_views
from attribution.views import importing, numbers
from pages.parts import (
    adapting,
    chat,
    frame,
    handed,
    networks,
    own_uses,
    preprocessing,
    recipe,
    source,
    start,
    states,
    trusting,
)

PURPOSES = {
    "label": ("Label", "The column to predict."),
    "text": ("Text", "The column that holds the text. None: the other columns are the features of a table."),
    "id": ("Id", "A stable name for every sample. None: row numbers."),
    "split": ("Split", "Holds train, val or test. None: seeded fractions."),
    "group": ("Group", "Kept for figures by group, for example a demographic one."),
}
PROBLEMS = 8  # named one by one; the rest is counted


def _shares() -> dict[str, Any]:
    """How much is held out where the data do not say."""
    with st.expander("When the data brings no splits", icon=":material/call_split:"), st.grid(3, min_column_width=180):
        return {
            "val_fraction": st.slider("Validation", 0.0, 0.5, 0.1, 0.05, key="val-fraction"),
            "test_fraction": st.slider("Test", 0.05, 0.5, 0.2, 0.05, key="test-fraction"),
            "seed": st.number_input("Seed", *limits(DataConfig, "seed"), 0, key="split-seed"),
        }


def data_step() -> tuple[DataConfig | None, Any]:
    """Step one: where the samples are and how to read them (None where that cannot be said yet), and the place above
    the choices for what is shown back."""
    st.subheader("1. Data")
    path = source.path()
    shown = st.container()
    if not path:
        st.caption("Name some data and it is shown back here before anything is made.")
        return None, shown
    rows = importing.first_rows(path)
    labelled = importing.labelled(path)
    if len(rows) and labelled:
        with shown:
            source.first_rows(rows)
    columns = column_fields(path, rows, labelled) if importing.kind_of(path) != "archive" else {}
    if importing.kind_of(path) == "table" and len(rows) and labelled:
        columns = with_own_uses(columns, path, rows)
    task = task_fields() if labelled else {"task": "auto"}
    labelled = labelled and (task is None or task["task"] != importing.WORDS)
    if len(rows) and labelled and not columns.get("label", " "):
        st.markdown(":material/arrow_upward: **Which column holds the label?** Choose it under Columns.")
    columns |= _shares()
    if task is None or (labelled and not columns.get("label") and rows.shape[1]):
        return None, shown  # nothing is wrong yet: something has not been chosen
    trimmed = {name: value.strip() if isinstance(value, str) else value for name, value in (columns | task).items()}
    return from_dict(DataConfig, {"path": path, **trimmed}), shown


def column_fields(path: str, rows: pd.DataFrame, labelled: bool = True) -> dict[str, Any]:
    """Which column means what: chosen from the table's own columns, or named for an image folder's metadata.csv."""
    table = importing.kind_of(path) == "table"
    names = [str(name) for name in rows.columns]
    purposes = PURPOSES if table else {name: PURPOSES[name] for name in ("label", "split", "group")}
    if not labelled:
        purposes = {name: PURPOSES[name] for name in ("id", "split", "group")}
    guessed = {purpose: importing.guess_column(rows, purpose) for purpose in purposes} if names else {}
    found: dict[str, Any] = {}
    with st.expander("Columns", expanded=table and labelled, icon=":material/view_column:"):
        if names and labelled:
            st.caption(states.plain(importing.guesses(rows, guessed)))
        with st.grid("auto", min_column_width=170):
            for purpose, (title, help) in purposes.items():
                key = f"{purpose}-{path}"
                found[purpose] = (
                    st.selectbox(
                        title, names, index=guessed[purpose], format_func=str, key=key, help=help, placeholder="None"
                    )
                    if names
                    else st.text_input(title, "label" if purpose == "label" else "", key=f"{purpose}-column", help=help)
                ) or ""
            if table and labelled:
                found |= table_fields(path, names, found)
    return found


def with_own_uses(columns: dict[str, Any], path: str, rows: pd.DataFrame) -> dict[str, Any]:
    """The columns with those of a use of their own, which are no features; several annotators need no label column."""
    found = columns | own_uses.fields(path, [str(name) for name in rows.columns])
    used = {found["split_by"], found["time"], found["weight"], *found["annotators"]}
    features = tuple(name for name in found.get("features", ()) if name not in used)
    label = "" if found["label"] in found["annotators"] and len(found["annotators"]) > 1 else found["label"]
    return found | {"features": features, "label": label or ("label" if found["annotators"] else "")}


def table_fields(path: str, names: list[str], chosen: dict[str, Any]) -> dict[str, Any]:
    """What else can be said of a table: columns that are no features, numbers that are classes, rows without a
    label."""
    found: dict[str, Any] = {}
    if names and not chosen["text"]:
        left_out = st.multiselect(
            "Leave out", names, key=f"left-out-{path}", help="Columns that are no features.", placeholder="None"
        )
        found["features"] = importing.left_features(names, [chosen[purpose] for purpose in PURPOSES], left_out)
    found["number_classes"] = st.checkbox(
        "Numbers are classes", key="number-classes", help="Labels that look like a quantity are classes all the same."
    )
    keep = st.checkbox(
        "Keep unlabelled",
        key="keep-unlabelled",
        help="Nothing trains on them until Review gives them a label. Else they are left out and listed.",
    )
    return {**found, "unlabelled": "keep" if keep else "leave-out"}


def task_fields() -> dict[str, Any] | None:
    """What is to be predicted; None while a task of the user's own is not said or not trusted."""
    with st.expander("What is predicted", icon=":material/target:"):
        with st.grid("auto", min_column_width=170):
            task = st.selectbox(
                "Target",
                list(importing.TASKS),
                format_func=importing.TASKS.__getitem__,
                key="task",
                help="A class is usual; labels that look like a quantity are refused as classes.",
            )
            found: dict[str, Any] = {"task": task}
            if task == "regression":
                found["unit"] = st.text_input(
                    "Unit", key="unit", help="Such as mm or EUR; it stands beside the values."
                )
            options = st.text_input(
                "Settings of the task",
                key="task-options",
                placeholder="label_smoothing=0.1",
                help="NAME=VALUE, with commas.",
            )
        found |= {"task": own_task()} if task == "own" else {}
        return found | {"task_options": tuple(entries(options))} if found["task"] else None


def own_task() -> str:
    """The user's own FILE.py:CLASS, once it is trusted; "" before. What was said yes to is kept at once: looking at the
    data asks the task."""
    name = st.text_input(
        "Python file and class",
        key="own-task",
        placeholder="/code/task.py:MyTask",
        help="A class that extends attribution.tasks.base.Task; docs/tasks.md has an example.",
    ).strip()
    if not re.fullmatch(r".+\.py:\w+", name):
        st.caption("Name a class in a file: FILE.py:CLASS, for example task.py:MyTask.")
        return ""
    seen = trusting.tick(name.rpartition(":")[0], "trust-task")
    if seen is None:
        return ""
    try:
        say_yes(seen)
    except UserError as error:
        states.error_box(error)
        return ""
    return name


@st.cache_data(max_entries=8, show_spinner="Looking at the data")
def looked_at(config: DataConfig, stamp: str) -> dict[str, Any]:
    """The preview of a source, as it was when last changed."""
    from attribution.datasets.load import preview

    return preview(config)


def show_back(found: dict[str, Any], path: str) -> None:
    """What was understood: sizes, balance, examples, and what had to be left out."""
    st.markdown(
        f":material/check_circle: **{states.plain(importing.summary_line(found))}.** {states.plain(found['splits'])}"
    )
    if chats := importing.conversations(found):
        with st.grid("auto", min_column_width=300, gap="small"):
            for where, conversation in chats:
                with st.container(border=True, gap="xsmall"):
                    st.caption(states.plain(where.capitalize()))
                    chat.show(conversation)
    else:
        balance(found, path)
    show_problems([one for one in found["problems"] if one["kind"] == importing.LEFT_OUT], found["seen"])
    show_problems([one for one in found["problems"] if one["kind"] == importing.NOTE], 0)


def balance(found: dict[str, Any], path: str) -> None:
    """Targets by split, and examples."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.dataframe(
            importing.balance_table(found),
            hide_index=True,
            height="content" if len(found["classes"]) <= 12 else 400,
            alt="Targets by split",
        )
    with right:
        pictures = [example for example in found["examples"] if "pixels" in example]
        if pictures:
            cells = [
                card_views.captioned_picture_html(card_views.data_uri(png(one["pixels"], 84)), one["label"], 84)
                for one in pictures
            ]
            st.html(f'<div style="display:flex;flex-wrap:wrap;gap:10px">{"".join(cells)}</div>')
        elif not len(importing.first_rows(path, 1)):
            st.dataframe(importing.example_table(found), hide_index=True, alt="The first samples")


def show_problems(problems: list[dict[str, Any]], seen: int) -> None:
    """What was left out (``seen`` files or rows were met), or what is worth knowing (0)."""
    if not problems:
        return
    title = f"Left out: {importing.counts_sentence(seen, problems)}" if seen else "Worth knowing:"
    shown = "\n".join(f"- {states.plain(one['where'])}: {states.plain(one['what'])}" for one in problems[:PROBLEMS])
    more = f"\n- and {numbers.count(len(problems) - PROBLEMS)} more" if len(problems) > PROBLEMS else ""
    (st.warning if seen else st.info)(
        f"{title}\n{shown}{more}", icon=":material/report:" if seen else ":material/info:"
    )


def model_step(modality: str) -> tuple[ModelConfig, tuple[Look, ...], float | None, UserError | None]:
    """Step two: the network and its preprocessing, which of their code may run, and how well its weights should do in
    percent."""
    st.subheader("2. Model")
    left, right = st.columns(2, gap="large")
    trusted: Look | None = None
    name = "auto"
    problem = None
    own: dict[str, Any] = {}
    with left:
        kind = st.selectbox(
            "Network",
            importing.networks_for(modality),
            format_func=lambda choice: importing.network_title(choice, modality),
            key="network",
        )
    with right:
        weights = st.text_area(
            "Trained weights, one path a line, oldest first",
            key="weights",
            height=68,
            help="safetensors or state_dict files; FILE#KEY for one of several in a file; a folder that "
            "save_pretrained, Trainer or peft wrote, or with numbered checkpoints; builder: those that your function "
            "returns. Leave empty to train here, or for the weights in a Hugging Face folder.",
        )
    if kind == "own":
        name, trusted, problem = networks.own_code()
    elif kind in sources.names():
        name, problem = networks.from_source(kind)
        if not name and modalities.get(modality).task:
            st.caption(adapting.SMALL)
    else:
        name = kind or "auto"
        if modalities.get(modality).task:
            st.caption(adapting.REAL)
    if ":" in name or kind == "own":
        own, wrong = handed.fields(modality)
        adapted = adapting.fields() if kind in sources.names() and modalities.get(modality).task else ()
        own["arguments"] = (*adapted, *networks.arguments())
        problem = problem or wrong
    transform, more, wrong = preprocessing.fields(modalities.get(modality))
    if transform:  # it alone says what the model is handed
        own = {**{name: value for name, value in own.items() if name == "arguments"}, **transform}
    checkpoints = tuple(line.strip() for line in (weights or "").splitlines() if line.strip())
    model = ModelConfig()
    if problem is None:
        try:
            model = ModelConfig(name=name, checkpoints=checkpoints, **own)
        except UserError as error:
            problem = error
    if problem is not None and name:
        states.error_box(problem)
    problem = problem or wrong
    asked = checkpoints or name.startswith("hf:")
    codes = (*([trusted] if trusted else []), *more)
    told = asked and not modalities.get(modality).task  # else accuracy is no figure of it
    return model, codes, handed.expected() if told else None, problem


def recipe_step(found: dict[str, Any]) -> dict[str, Any]:
    """How the model is trained: the settings that differ from what suits the data."""
    samples = found["counts"]["train"]
    usual = default_recipe(found["modality"], samples, found["kind"])
    with st.expander("Training recipe", icon=":material/tune:"):
        st.caption("What suits the data is filled in. Retraining and proofs take the recipe of the model in use.")
        if small := small_words(found["modality"], samples):
            st.caption(f"Small data: {small}.")
        return recipe.form(usual, f"recipe-{found['modality']}{'-number' * (found['kind'] == 'number')}")


def _shown_in(bar: Any) -> Progress:
    """Progress that a bar shows: how far, at what pace, and how long is left."""
    began_s = time.monotonic()

    def listen(done: float, total: float, message: str) -> None:
        share = done / total if total else 0.0
        bar.progress(share, text=states.plain(importing.pace(share, time.monotonic() - began_s, message)))

    return Progress(listen)


def create(
    name: str,
    data: DataConfig,
    model: ModelConfig,
    trusted: tuple[Look, ...],
    expected: float | None,
    changed: dict[str, Any],
) -> None:
    """Import with visible progress, start the first analysis, and open the project."""
    bar = st.progress(0.0, text="Reading the data")
    share = None if expected is None else expected / 100
    try:
        for seen in trusted:
            say_yes(seen)  # to what was shown; a file that changed since is refused
        project = Project.create(home() / name, data, model, changed, expect_accuracy=share, progress=_shown_in(bar))
        project.submit("prepare")
    except UserError as error:
        bar.empty()
        states.error_box(error)
        return
    start.go_to(project.name)


def name_step(
    data: DataConfig,
    model: ModelConfig,
    trusted: tuple[Look, ...],
    expected: float | None,
    changed: dict[str, Any],
    ready: bool,
    searched: bool,
) -> None:
    """Step three: a name, and go. ``searched``: wrong targets are looked for."""
    st.subheader("3. Create")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.session_state.get("named-for") != data.path:
            st.session_state["named-for"] = data.path
            st.session_state["project-name"] = importing.project_name(data.path)
        name = st.text_input("Project name", key="project-name", width=320).strip()
        st.button(
            "Create and analyse",
            type="primary",
            key="create",
            disabled=not ready or not name,
            on_click=states.want,
            args=("project", True),
        )
    if not re.fullmatch(r"[\w][\w.-]*", name or "x"):
        states.error_box(
            UserError(
                f"“{name}” cannot be a folder name.", "A project is a folder.", "Use letters, digits, dots and dashes."
            )
        )
        return
    st.caption(importing.then_words(searched))
    if states.wanted("project"):
        create(name, data, model, trusted, expected, changed)


def main() -> None:
    """The page."""
    st.title("New project")
    with st.expander("Open a sample instead", expanded=False, icon=":material/inventory_2:"):
        start.samples()
    data, shown = data_step()
    if data is None:
        return
    try:
        found = looked_at(data, importing.stamp(data.path))
    except UserError as error:
        states.error_box(error)
        return
    with shown:
        show_back(found, data.path)
    model, trusted, expected, problem = model_step(found["modality"])
    changed = recipe_step(found)
    name_step(data, model, trusted, expected, changed, ready=problem is None, searched=found.get("kind") != "text")


frame.show(main)
