"""Work outlives the page, the server, and its own death; a resume computes only what is missing."""

import os
import re
import signal
import time

import pytest
from playwright.sync_api import expect
from serve import free_port, ready, start

from attribution import ScoreConfig

pytestmark = pytest.mark.browser


def shards(project):
    return {path.name: path.stat().st_mtime_ns for path in project.folder.glob("scores/*/shards/*.safetensors")}


def until(condition, seconds=240):
    deadline = time.time() + seconds
    while time.time() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("did not happen in time")


def test_a_job_survives_reload_server_kill_and_its_own_sigkill(page, projects, fashion):
    port = free_port()
    environment = {**os.environ, "DATABLAME_HOME": str(projects)}
    server = start(environment, port)
    had = shards(fashion)
    job = fashion.submit("score", ScoreConfig(estimator="tracin", queries="val", device="cpu"))
    try:
        page.goto(f"http://127.0.0.1:{port}/overview?project=fashion-sample")
        ready(page)
        expect(page.get_by_text(re.compile("Explain all validation samples")).first).to_be_visible()
        page.reload()
        ready(page)
        assert fashion.job(job.id).active
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    until(lambda: set(shards(fashion)) - set(had) or len(shards(fashion)) > len(had))
    running = until(
        lambda: (found := fashion.job(job.id)).fraction > 0 and found
    )  # said a moment after the first shard
    assert running.state == "running"

    os.killpg(running.pid, signal.SIGKILL)
    stopped = until(lambda: (found := fashion.job(job.id)).state == "interrupted" and found)
    assert 0 < stopped.fraction < 1
    kept = shards(fashion)

    server = start(environment, port)
    try:
        page.goto(f"http://127.0.0.1:{port}/overview?project=fashion-sample")
        ready(page)
        fashion.resume(job.id)
        until(lambda: len(shards(fashion)) > len(kept))
        fashion.cancel(job.id)
        until(lambda: not fashion.job(job.id).active)
    finally:
        server.terminate()
        server.wait(15)
    after = shards(fashion)
    assert {name: after[name] for name in kept} == kept, "a finished shard was computed again"
