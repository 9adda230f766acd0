"""Starts the app on a free port of 127.0.0.1, and knows when a page has finished drawing."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# A second and more between the server's word and the browser: ticks of the page before are then on their way when the
# page is switched.
LATE = """
const add = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function (kind, take, ...rest) {
    if (kind !== "message") return add.call(this, kind, take, ...rest);
    let before = Promise.resolve();
    return add.call(this, kind, (event) => {
        const due = performance.now() + 1200;
        const rest_ms = () => Math.max(0, due - performance.now());
        before = before.then(() => new Promise((done) => setTimeout(() => { take(event); done(); }, rest_ms())));
    }, ...rest);
};
"""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(environment: dict[str, str], port: int, log: Any = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    """Start the server and wait until it answers."""
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.headless=true",
        "--server.address=127.0.0.1",
    ]
    process = subprocess.Popen(
        [*command, f"--server.port={port}"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
                if answer.read() == b"ok":
                    return process
        except OSError:
            time.sleep(0.25)
    process.kill()
    raise RuntimeError("the app did not start within a minute")


@contextmanager
def server(environment: dict[str, str] | None = None) -> Iterator[str]:
    """The app's address while it runs."""
    port = free_port()
    process = start(environment or dict(os.environ), port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def ready(page: Any, timeout_ms: int = 60_000) -> None:
    """Wait until the page's script has run, the connection stands and no placeholder is left."""
    page.wait_for_timeout(100)
    page.wait_for_function(
        """() => { const app = document.querySelector("[data-testid='stApp']");
        return app && app.getAttribute('data-test-script-state') === 'notRunning'
            && app.getAttribute('data-test-connection-state') === 'CONNECTED'
            && document.querySelector(
                ["h1", "h2", "h3"].map((level) => `[data-testid='stMain'] ${level}`).join()); }""",
        timeout=timeout_ms,
    )
