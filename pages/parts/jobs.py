"""Running work: the strip in the sidebar, the panel in a page, and the callbacks that start, stop and resume it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from attribution.errors import UserError
from attribution.jobs.board import Job
from attribution.project.project import Project
from attribution.views.numbers import ago, duration, whole_percent
from pages.parts import context, states

POLL_S = 1.0


def submit(project: Project, kind: str, config: Any = None) -> None:
    """Callback: queue a job."""
    try:
        project.submit(kind, config)
    except UserError as error:
        states.flash_error(error)


def cancel(project: Project, job_id: str) -> None:
    """Callback: ask a job to stop; what is finished is kept."""
    try:
        project.cancel(job_id)
    except UserError as error:
        states.flash_error(error)
        return
    states.flash("Stopping at the next step. What is finished is kept.", ":material/stop_circle:")


def end(project: Project, job_id: str) -> None:
    """Callback: end a job that does not hear, by signal."""
    try:
        project.kill(job_id, grace_s=1.0)
    except UserError as error:
        states.flash_error(error)
        return
    states.flash("The job was ended. What it finished is kept.", ":material/stop_circle:")


def resume(project: Project, job_id: str) -> None:
    """Callback: go on with a stopped job."""
    try:
        project.resume(job_id)
    except UserError as error:
        states.flash_error(error)


def progress_text(job: Job) -> str:
    """How far a job is, what it does, and how long it will take: "45 % · Scoring · about 20 s left"."""
    if job.state == "queued":
        return "Starting"
    parts = ["Stopping" if job.stopping else "", whole_percent(job.fraction), states.plain(job.message)]
    if job.trouble:
        return " · ".join([*[part for part in parts if part], job.trouble])
    parts.append(f"about {duration(job.eta_s)} left" if job.eta_s is not None else f"{duration(job.elapsed_s)} so far")
    return " · ".join(part for part in parts if part)


def _watch(project: Project, draw: Callable[[list[Job]], None], wanted: Callable[[Job], bool], place: str) -> None:
    """Draw the wanted active jobs now and once a second; when one ends or leaves a result, the whole page is drawn
    anew, once."""
    active = [job for job in project.jobs() if job.active and wanted(job)]
    results = finished(project)

    def look() -> None:
        now = [job for job in project.jobs() if job.active and wanted(job)]
        if {job.id for job in now} != {job.id for job in active} or finished(project) != results:
            context.readdress()
            st.rerun()
        draw(now)

    # its identity: a tick of one page is never drawn on another
    look.__qualname__ = f"watch-{place}-{st.session_state.get('page-shown')}"
    if active:
        st.fragment(look, run_every=POLL_S, key=f"watch-{place}")()


def finished(project: Project) -> int:
    """How many results the project holds; a job of several steps leaves one after the other."""
    return sum(1 for _ in project.folder.glob("*/*/config.json"))


def strip(project: Project) -> None:
    """The sidebar's strip: every running job with a bar, and the newest one if it failed (its page says why)."""

    def draw(active: list[Job]) -> None:
        for job in active:
            st.progress(job.fraction, text=f"**{states.plain(job.title)}**  \n{progress_text(job)}")
            if job.trouble or job.stopping:
                _end_button(project, job, "strip")

    _watch(project, draw, lambda job: True, "strip")
    newest_job = newest(project, ())
    if newest_job is not None and newest_job.state in ("failed", "interrupted"):
        st.caption(
            f":material/error: {states.plain(newest_job.title)}: {newest_job.state} {ago(newest_job.finished_s)}"
        )


def _end_button(project: Project, job: Job, place: str) -> None:
    """For a job that was asked to stop, or does not answer."""
    st.button(
        "End now",
        key=f"end-{place}-{job.id}",
        icon=":material/dangerous:",
        help="Ends its processes. What it finished is kept, and it can go on from there.",
        on_click=end,
        args=(project, job.id),
    )


def newest(project: Project, kinds: tuple[str, ...], wanted: Callable[[Job], bool] = lambda job: True) -> Job | None:
    """The newest job of these kinds (none given: of any), finished or not."""
    return next((job for job in project.jobs() if (not kinds or job.kind in kinds) and wanted(job)), None)


def panel(
    project: Project, kinds: tuple[str, ...], wanted: Callable[[Job], bool] = lambda job: True, place: str = "panel"
) -> bool:
    """The page's own running or failed state of these kinds of work; True while one is active."""
    job = newest(project, kinds, wanted)
    if job is None or job.state == "done":
        return False
    if job.active:

        def draw(active: list[Job]) -> None:
            for one in active:
                with st.container(border=True):
                    st.progress(one.fraction, text=f"**{states.plain(one.title)}**  \n{progress_text(one)}")
                    if one.trouble or one.stopping:
                        _end_button(project, one, place)
                    else:
                        st.button(
                            "Stop",
                            key=f"stop-{place}-{one.id}",
                            icon=":material/stop_circle:",
                            on_click=cancel,
                            args=(project, one.id),
                        )

        _watch(project, draw, lambda one: one.kind in kinds and wanted(one), place)
        return True
    _stopped(project, job, place)
    return False


def _stopped(project: Project, job: Job, place: str) -> None:
    """A job that ended without a result: why, its log, and how to go on."""
    if job.state == "failed":
        states.error_box(job.error or {"what": f"{job.title} failed.", "why": "", "do": "The log has the details."})
    else:
        words = "was stopped" if job.state == "cancelled" else "was interrupted"
        st.warning(
            f"{states.plain(job.title)} {words} {ago(job.finished_s)} at {whole_percent(job.fraction)}. What it "
            "finished is kept."
        )
    with st.container(horizontal=True):
        st.button(
            "Try again" if job.state == "failed" else "Go on",
            key=f"resume-{place}-{job.id}",
            icon=":material/replay:",
            on_click=resume,
            args=(project, job.id),
        )
    log = job.log_tail(20)
    if log:
        with st.expander("Last lines of the log", icon=":material/description:"):
            st.code(log, language=None, wrap_lines=True)
