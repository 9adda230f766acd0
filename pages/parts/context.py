"""What every page starts from: the open project, cached readings of it keyed by content, and the state in the URL."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attribution.browse.columns import Columns
from attribution.browse.filter import matching, parse
from attribution.browse.see import influence_on, marks_of
from attribution.errors import UserError
from attribution.project import lookup
from attribution.project.home import home
from attribution.project.project import Project
from attribution.studies.categories.relations import sources
from attribution.views import budget, categories, comparison, leaks, pending
from attribution.views.faces import Face, face_of
from pages.parts import states

# What travels between pages in the URL, beside the widgets that are bound to it under their own label.
SHARED = (
    "query",
    "selection",
    "find",
    "reverse",
    "item",
    "case",
    "estimator",
    "asked",
    "beside",
    "space",
    "method",
    "point",
)


@st.cache_resource(max_entries=16, show_spinner=False)
def open_project(folder: str) -> Project:
    """One object per project folder for all sessions; it reads the folder anew where that may have changed."""
    return Project.open(folder)


def open_chosen(names: list[str]) -> None:
    """Open the project that the URL names, else this session's, else the last used one."""
    st.session_state.pop("open_project", None)
    chosen = st.query_params.get("project") or st.session_state.get("project-name-shown") or (names[0] if names else "")
    if chosen and chosen not in names:
        states.error_box(
            {
                "what": f"There is no project {chosen!r} here.",
                "why": "",
                "do": "Choose one on the left, or make a new one.",
            }
        )
    if chosen in names:
        try:
            st.session_state["open_project"] = open_project(str(home() / chosen))
        except UserError as error:
            states.error_box(error)
    if st.session_state.get("project-name-shown") not in (None, chosen):
        st.session_state["shared"] = {}
    st.session_state["project-name-shown"] = chosen
    if chosen in names:
        st.query_params["project"] = chosen


def pick_project(names: list[str]) -> None:
    """The project picker; another project starts without this one's query and selection."""

    def changed() -> None:
        st.session_state["shared"] = {}
        st.query_params.from_dict({"project": st.session_state["project-picker"]})

    shown = st.session_state.get("project-name-shown")
    if shown in names:
        st.session_state["project-picker"] = shown
    st.selectbox(
        "Project",
        names,
        index=0 if shown in names else None,
        key="project-picker",
        placeholder="Choose a project",
        on_change=changed,
    )


def opened() -> bool:
    """Whether a project is open."""
    return "open_project" in st.session_state


def project() -> Project:
    """The project that is open in this run of the script."""
    return st.session_state["open_project"]


def restore() -> None:
    """Keep the shared state in the URL: an address that says something wins, what it leaves out comes from this
    session.

    After the browser's back button the address is the whole truth: what it leaves out was not chosen at that time.
    """
    mine: dict[str, str] = st.session_state.setdefault("shared", {})
    run = get_script_run_ctx()
    if run is not None and run.is_history_navigation:
        mine.clear()
    for name in SHARED:
        given = st.query_params.get(name)
        if given is not None:
            mine[name] = given
        elif mine.get(name):
            st.query_params[name] = mine[name]


def readdress() -> None:
    """Write this session's shared state over the address, which may be older: a request holds the address as it was
    when it was sent."""
    mine = {name: st.session_state.get("shared", {}).get(name, "") for name in SHARED}
    put(**{name: value for name, value in mine.items() if value != st.query_params.get(name, "")})


def get(name: str) -> str:
    """A shared value ("" when unset)."""
    return st.session_state.setdefault("shared", {}).get(name, "")


def put(**values: str) -> None:
    """Set shared values here and in the URL; "" removes one."""
    mine = st.session_state.setdefault("shared", {})
    for name, value in values.items():
        mine[name] = value
        if value:
            st.query_params[name] = value
        elif name in st.query_params:
            del st.query_params[name]


def choice(name: str, options: Iterable[str], default: str) -> dict[str, Any]:
    """Arguments that tie a required single-choice widget to a shared value: its options, its key, and the way back to
    the URL.

    Streamlit's own binding would write the option's label into the address; this writes the option, which stays when
    words change.
    """
    known = list(options)
    st.session_state[name] = get(name) if get(name) in known else default

    def changed() -> None:
        put(**{name: st.session_state[name] if st.session_state[name] != default else ""})

    return {"options": known, "key": name, "required": True, "on_change": changed}


def address() -> dict[str, str]:
    """The shared state with the project, as query parameters for a link to another page."""
    mine = {name: value for name, value in st.session_state.get("shared", {}).items() if value}
    return {"project": project().name, **mine}


@st.cache_resource(max_entries=2, show_spinner=False)
def _base_predictions(folder: str, base_hash: str, run_id: str, _project: Project, _run: Any) -> pd.DataFrame:
    """Some labels' predictions of a run; those for other labels are worked out from them."""
    return _project.predictions(_run)


@st.cache_resource(max_entries=3, show_spinner=False)
def _predictions(folder: str, run_id: str, version: str, _project: Project, _run: Any) -> pd.DataFrame:
    return _project.predictions(_run, _base_predictions(folder, _project.info.base_hash, run_id, _project, _run))


def _face(folder: str, _project: Project) -> Face:
    return _face_of(folder, _project.info.base_hash, _project)


@st.cache_resource(max_entries=16, show_spinner=False)
def _face_of(folder: str, base_hash: str, _project: Project) -> Face:
    return face_of(_project.dataset)


@st.cache_resource(max_entries=16, show_spinner=False)
def _selection(folder: str, token: str, _project: Project) -> np.ndarray:
    return _project.selected(token)


@st.cache_resource(max_entries=8, show_spinner=False)
def _pending(folder: str, run_version: str, version: str, _project: Project) -> pd.DataFrame:
    labels = pending.trained_labels(_project, run_version)
    return pending.differences(labels, _project.labels, _project.dataset.ids, _face(folder, _project))


@st.cache_resource(max_entries=8, show_spinner=False)
def _suspicion(folder: str, flag_id: str, n: int, _flags: Any) -> np.ndarray:
    values = np.full(n, np.nan)
    values[_flags.detectors["row"].to_numpy()] = _flags.detectors["suspicion"].to_numpy()
    return values


@st.cache_resource(max_entries=8, show_spinner=False)
def _truth(folder: str, base_hash: str, _project: Project) -> pd.DataFrame | None:
    return _project.truth()


@st.cache_resource(max_entries=8, show_spinner=False)
def _data_map(folder: str, run_id: str, n: int, _run: Any, _face: Face) -> np.ndarray:
    return categories.data_map(_face.steadiness(_run.dynamics()), n)


@st.cache_resource(max_entries=32, show_spinner=False)
def _budget(folder: str, decisions: tuple[Any, ...], _flags: Any, _states: pd.DataFrame, _calibration: Any) -> Any:
    return lookup.budget(_flags, _states, _calibration, 50)


@st.cache_resource(max_entries=16, show_spinner=False)
def _leak_gap(folder: str, leaks_id: str, run_id: str, decisions: tuple[int, float], _sight: Any) -> Any:
    cases = _sight.leaks.cases(_sight.labels.values)
    test = _sight.project.dataset.rows("test")
    left_out = np.isin(test, leaks.leaked_rows(cases, [not one for one in leaks.verdicts(cases, _sight.states)]))
    if not left_out.any() or left_out.all():
        return None
    found = _sight.face.score_without(_sight.predictions.loc[test], left_out)
    return found if found.difference.low > 0 or found.difference.high < 0 else None


@st.cache_resource(max_entries=32, show_spinner=False)
def _kept(folder: str, _result: Any) -> Any:
    """One object per finished artefact, so that its tables are read from disk once; a folder's name is its content."""
    return _result


def kept(result: Any) -> Any:
    """The same finished artefact as one object for all sessions."""
    return _kept(str(result.folder), result)


@st.cache_resource(max_entries=8, show_spinner=False)
def _columns(folder: str, known: tuple[Any, ...], _sight: Any) -> Columns:
    """One object with all columns for everything they are made of, so that values and orders are read once."""
    return Columns(_sight)


@st.cache_resource(max_entries=32, show_spinner=False)
def _found(folder: str, known: tuple[Any, ...], words: str, _columns: Columns) -> np.ndarray:
    return matching(parse(words), _columns)


@dataclass
class Sight:
    """The project as it stands in this run of the script; each part is read at most once. Arrays are shared: read,
    never write."""

    project: Project
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = str(self.project.folder)

    @cached_property
    def labels(self) -> Any:
        """The current labelled version."""
        return self.project.labels

    @cached_property
    def dataset(self) -> Any:
        """The samples as they are now, those that were rewritten with their new words."""
        return self.project.dataset.as_of(self.labels)

    @cached_property
    def face(self) -> Face:
        """What is said and drawn of the targets."""
        return _face(self.key, self.project)

    @cached_property
    def run(self) -> Any:
        """The current model's run, or None."""
        return self.project.run

    @cached_property
    def flags(self) -> Any:
        """The newest search for wrong labels, or None."""
        found = self.project.flags()
        return None if found is None else _kept(str(found.folder), found)

    @cached_property
    def categories(self) -> Any:
        """What kind of sample each searched training row is, or None."""
        return self.project.categories()

    @cached_property
    def calibration(self) -> Any:
        """How the queue ranked planted errors, or None."""
        return self.project.calibration()

    @cached_property
    def budget(self) -> Any:
        """What is left of the queue after the decisions so far, in whole tens; None before a search, or before the
        first ten without a calibration."""
        decided = budget.settled(self.states)
        if self.flags is None or not (len(decided) or self.calibration):
            return None
        key = (self.flags.id, self.calibration.id if self.calibration else "", tuple(decided["edit"]))
        return _budget(self.key, key, self.flags, decided, self.calibration)

    @cached_property
    def truth(self) -> pd.DataFrame | None:
        """What is known to be wrong with a sample project's data, or None."""
        return _truth(self.key, self.project.dataset.info.base_hash, self.project)

    @cached_property
    def data_map(self) -> np.ndarray:
        """Where training samples stand on the data map (n, 2); asks for a model."""
        return _data_map(self.key, self.run.id, len(self.project.dataset), self.run, self.face)

    @cached_property
    def leaks(self) -> Any:
        """The newest search for leaks and duplicates, or None."""
        found = self.project.leaks()
        return None if found is None else _kept(str(found.folder), found)

    @cached_property
    def states(self) -> pd.DataFrame:
        """The edited samples."""
        return self.project.states()

    @cached_property
    def unsure(self) -> np.ndarray:
        """Rows that were put off, ascending."""
        return self.marks.index[self.marks["unsure"]].to_numpy(dtype=np.int64)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """What the current model says of every sample, indexed by row; asks for a model."""
        return _predictions(self.key, self.run.id, self.labels.version, self.project, self.run)

    @cached_property
    def suspicion(self) -> np.ndarray | None:
        """(n,) float, NaN outside the training set; None before a search."""
        return (
            None if self.flags is None else _suspicion(self.key, self.flags.id, len(self.project.dataset), self.flags)
        )

    @cached_property
    def pending(self) -> pd.DataFrame:
        """What the current model has not seen of the edits."""
        seen = self.run.version if self.run is not None else self.project.dataset.base_version().version
        return _pending(self.key, seen, self.labels.version, self.project)

    @cached_property
    def retrained(self) -> str:
        """A finished retraining's model that has all edits and is not the one in use; "" without one."""
        found = next(
            (one for one in self.project.comparisons() if one.config["after_version"] == self.labels.version), None
        )
        target = comparison.after_run(found, self.project.train_config.seed) if found is not None else ""
        return "" if self.run is not None and self.run.id == target else target

    @cached_property
    def leak_gap(self) -> Any:
        """What the likely leaks that nobody has judged do to the test score (``WithAndWithout``); None where that is
        not sure."""
        if self.run is None or self.leaks is None:
            return None
        return _leak_gap(self.key, self.leaks.id, self.run.id, self.project.ledger.stamp(), self)

    def beforehand(self, seeds: int = 3) -> Any:
        """What a proof of the edits made so far would tell; None without a model or edits."""
        return self.project.beforehand(seeds, self.predictions) if self.run is not None else None

    def versions(self, rows: list[int]) -> dict[int, int]:
        """The last edit of each of these rows as shown now (0: none), so that a write on one that changed since is
        refused."""
        return dict(zip(rows, self.states["edit"].reindex(rows, fill_value=0).astype(int).tolist(), strict=True))

    @cached_property
    def marks(self) -> pd.DataFrame:
        """Tags, notes and "unsure" by row."""
        return marks_of(self.project)

    @cached_property
    def influence(self) -> Any:
        """Rows and influence of the training samples on the query in the URL; None without one that is scored."""
        return influence_on(self.project, get("query"), get("estimator") or "ip") if self.run is not None else None

    @cached_property
    def known(self) -> tuple[Any, ...]:
        """What the columns depend on: two sights with the same have the same columns."""
        run = self.run.id if self.run is not None else ""
        flags = self.flags.id if self.flags is not None else ""
        query = (get("query"), get("estimator"), self.influence is not None)
        told = tuple(map(str, sources(self.project.folder, run))) if flags else ()
        return (self.project.dataset.info.base_hash, run, flags, *told, self.project.ledger.stamp(), query)

    @cached_property
    def columns(self) -> Columns:
        """What is known of every sample, by the names of filter words."""
        return _columns(self.key, self.known, self)

    @cached_property
    def find(self) -> str:
        """The filter words in the URL when the page was drawn; "" without any."""
        return get("find")

    @cached_property
    def found(self) -> np.ndarray | None:
        """Rows that the filter in the URL means, ascending; None without one, or where it means nothing here."""
        try:
            return _found(self.key, self.known, self.find, self.columns) if self.find.strip() else None
        except UserError as error:
            self.misfound = error
            return None

    misfound: UserError | None = field(default=None, init=False)

    @cached_property
    def token(self) -> str:
        """The selection in the URL when the page was drawn; "" without one."""
        return get("selection")

    @cached_property
    def selection(self) -> np.ndarray:
        """Rows of the selection in the URL; empty without one."""
        if not self.token:
            return np.empty(0, np.int64)
        try:
            return _selection(self.key, self.token, self.project)
        except UserError:
            put(selection="")
            return np.empty(0, np.int64)


def sight() -> Sight:
    """A fresh look at the open project. The session remembers how far the ledger was when it last drew a page."""
    found = Sight(project())
    st.session_state["drawn"] = (found.key, found.project.ledger.last_id())
    return found


def dark() -> bool:
    """Whether the page is shown dark."""
    return st.context.theme.type == "dark"
