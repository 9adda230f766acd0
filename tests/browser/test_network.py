"""Nobody but the user's own browser speaks to the app, and the app speaks to nobody: attacked over real sockets and
with a real browser."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from serve import ROOT, free_port, ready, server

EVIL = "rebind.attacker.example"
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    "dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ROUTES = [
    "/",
    "/history",
    "/_stcore/health",
    "/_stcore/metrics",
    "/_stcore/host-config",
    "/media/x.png",
    "/static/x.js",
    "/_stcore/agent/mcp",
]


def ask(address, path, host=None, method="GET", more="", stream=False):
    """A request written by hand: ``(status, headers in lower case, body)``."""
    place = address.removeprefix("http://")
    name, port = place.rsplit(":", 1)
    with socket.create_connection((name, int(port)), timeout=20) as line:
        closing = "" if stream else "Connection: close\r\n"
        line.sendall(f"{method} {path} HTTP/1.1\r\nHost: {host or place}\r\n{closing}{more}\r\n".encode())
        said = b""
        while piece := line.recv(65536):
            said += piece
            if stream and b"\r\n\r\n" in said:
                break
    head, _, body = said.decode("latin-1").partition("\r\n\r\n")
    lines = head.split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (one.split(": ", 1) for one in lines[1:])}, body


def knock(address, host=None, origin=None, more=""):
    """The status that a WebSocket handshake gets."""
    return ask(
        address, "/_stcore/stream", host, more=UPGRADE + (f"Origin: {origin}\r\n" if origin else "") + more, stream=True
    )[0]


@contextmanager
def listening(answer=b""):
    """A small server that records what is asked of it: ``(port, requests)``."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(answer() if callable(answer) else answer)

        do_CONNECT = do_POST = do_HEAD = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        yield there.server_address[1], seen
        there.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    from attribution import Project

    folder = tmp_path_factory.mktemp("network")
    Project.sample("moons", folder / "moons-sample")
    return folder


@pytest.fixture(scope="module")
def watched(home):
    """``(the app's address, what went out)``: whatever the server asks of the world goes to a proxy that records it."""
    with listening() as (port, out):
        proxies = dict.fromkeys(
            ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), f"http://127.0.0.1:{port}"
        )
        around = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
        with server({**around, **proxies, "DATABLAME_HOME": str(home)}) as address:
            yield address, out


def test_only_the_app_s_own_page_gets_a_connection(watched):
    address, out = watched
    port = int(address.rsplit(":", 1)[1])
    here = f"127.0.0.1:{port}"
    assert knock(address, here, f"http://{here}") == 101
    assert knock(address, f"localhost:{port}", f"http://localhost:{port}") == 101
    assert knock(address, here, f"http://{here}", "Sec-Fetch-Site: same-origin\r\n") == 101
    foreign_names = [
        f"{EVIL}:{port}",
        EVIL,
        f"localhost.{EVIL}:{port}",
        f"127.0.0.1.nip.example:{port}",
        f"0.0.0.0:{port}",
        "",
        "a b",
        f"x@{here}",
    ]
    for host in foreign_names:
        assert knock(address, host or " ", f"http://{host}") in (400, 403), host
    origins = [
        f"http://{EVIL}",
        f"http://{EVIL}:{port}",
        f"http://localhost:{port}",
        "http://localhost:3000",
        "http://127.0.0.1:9999",
    ]
    origins += [
        "http://127.0.0.1",
        f"https://{here}.{EVIL}",
        f"http://{here}@{EVIL}",
        "null",
        "file://",
        f"ftp://{here}",
        "http://[::1]",
        "%00",
    ]
    for origin in origins:
        assert knock(address, here, origin) == 403, origin
    assert knock(address, here, f"http://{here}", f"Origin: http://{EVIL}\r\n") in (400, 403)
    assert knock(address, here, f"http://{here}", f"Host: {EVIL}\r\n") in (400, 403)
    assert knock(address, here, None, "Sec-Fetch-Site: cross-site\r\n") == 403
    assert out == []


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_refuses_a_foreign_name_and_forbids_framing(watched, path):
    address, out = watched
    port = address.rsplit(":", 1)[1]
    assert ask(address, path, f"{EVIL}:{port}")[0] == 403
    assert ask(address, path, more=f"Origin: http://{EVIL}\r\n")[0] == 403
    assert (
        ask(address, path, more="Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n")[0]
        == 403
    )
    assert (
        ask(address, path, more="Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n")[
            0
        ]
        == 403
    )
    for host in (None, f"{EVIL}:{port}"):
        headers = ask(address, path, host)[1]
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers.get("access-control-allow-origin") is None
    assert out == []


def test_uploads_ask_for_the_page_s_own_token_and_a_link_may_lead_here(watched):
    address, _out = watched
    assert ask(address, "/_stcore/upload_file/a/b", method="PUT", more="Content-Length: 0\r\n")[0] == 403
    assert (
        ask(
            address, "/", more="Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
        )[0]
        == 200
    )


@pytest.fixture(scope="module")
def fooled(launch):
    """A browser in which the attacker's name leads to this machine, as DNS rebinding does."""
    return launch(f"--host-resolver-rules=MAP {EVIL} 127.0.0.1")


ATTACK = """<html><body><iframe id=frame src="APP/history"></iframe><script>
const app = "APP", ws = app.replace("http", "ws") + "/_stcore/stream";
const loads = (tag, from) => new Promise(done => { const one = document.createElement(tag);
    one.onload = () => done("loaded"); one.onerror = () => done("refused");
    one.src = app + from; document.body.append(one); });
const reads = path => fetch(app + path).then(() => "read", () => "refused");
const opens = () => new Promise(done => { const line = new WebSocket(ws, ["streamlit"]);
    line.onopen = () => done("open"); line.onclose = () => done("refused"); });
window.found = Promise.all([opens(), reads("/_stcore/metrics"), reads("/_stcore/host-config"),
    loads("img", "/favicon.png"),
    fetch(app + "/_stcore/upload_file/a/b", {method: "PUT", body: "x"}).then(() => "sent", () => "refused")]);
</script></body></html>"""


def test_a_foreign_page_in_a_browser_gets_nothing_and_nothing_goes_out(watched, fooled):
    address, out = watched
    port = address.rsplit(":", 1)[1]
    with listening(lambda: ATTACK.replace("APP", target).encode()) as (attacker, _):
        for site in (f"http://{EVIL}:{attacker}", f"http://localhost:{attacker}"):
            for target in (address, f"http://localhost:{port}"):
                page = fooled.new_page()
                page.goto(site)
                assert page.evaluate("window.found") == ["refused"] * 5, (site, target)
                frame = page.frames[1]
                assert frame.locator("#root").count() == 0
                page.close()
    page = fooled.new_page()
    assert page.goto(f"http://{EVIL}:{port}/history").status == 403
    page.close()
    assert out == []


def test_the_app_itself_works_under_its_own_rules_and_asks_nothing_of_others(watched, fooled):
    address, out = watched
    page = fooled.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None,
    )
    for name in ("overview", "map"):
        page.goto(f"{address}/{name}?project=moons-sample")
        ready(page)
    blocked = page.evaluate("fetch('http://127.0.0.1:1/x').then(() => 'sent', () => 'refused')")
    said = list(complaints)
    page.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert blocked == "refused"
    assert len(said) >= 1  # that one attempt of ours, and nothing of the app's own
    assert all("127.0.0.1:1/x" in one for one in said), said
    assert out == []


@pytest.fixture(scope="module")
def abroad(home):
    """``(address, token)`` of an app that other machines could reach; 127.0.0.2 stands for one of theirs."""
    port = free_port()
    command = [sys.executable, "-m", "attribution", "app", "--address", "127.0.0.2", "--port", str(port)]
    opener = home / "opener"
    opener.write_text(f"#!/bin/sh\necho \"$1\" > '{home}/opened.tmp' && mv '{home}/opened.tmp' '{home}/opened'\n")
    opener.chmod(0o700)
    around = {**os.environ, "DATABLAME_HOME": str(home), "PYTHONPATH": str(ROOT), "BROWSER": f"{opener} %s"}
    process = subprocess.Popen(command, cwd=home, env=around, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert lines[0].startswith("Warning: 127.0.0.2 can be reached by other machines."), lines
        found = re.fullmatch(
            rf"Opening (http://127\.0\.0\.2:{port})/\?token=([\w-]{{40,}}) \(Ctrl\+C stops it\)\n", lines[1]
        )
        assert found, lines
        yield found[1], found[2]
    finally:
        os.killpg(process.pid, 15)
        process.wait(15)
        process.stdout.close()


def test_elsewhere_than_on_this_machine_a_token_is_asked_for(abroad):
    address, token = abroad
    origin = f"Origin: {address}\r\n"
    name = f"datablame-{address.rsplit(':', 1)[1]}"
    for more in (
        "",
        f"Cookie: {name}=wrong\r\n",
        f"Cookie: {name}=\r\n",
        f"Cookie: {name}={token}x\r\n",
        f"Cookie: other={token}\r\n",
    ):
        for path in [*ROUTES, "/?token=", "/?token=wrong", f"/?token={token[:-1]}", f"/?other={token}"]:
            assert ask(address, path, more=more)[0] == 403, (path, more)
        assert knock(address, more=origin + more) == 403
    assert knock(address, more=origin) == 403
    status, headers, _ = ask(address, f"/history?project=a%26b&token={token}&x=1")
    assert (status, headers["location"]) == (303, "/history?project=a%26b&x=1")
    cookie, *flags = headers["set-cookie"].split("; ")
    assert {flag.lower() for flag in flags} >= {"httponly", "samesite=strict", "path=/"}
    with_it = f"Cookie: a=b; {cookie}\r\n"
    assert ask(address, "/history", more=with_it)[0] == 200
    assert knock(address, more=origin + with_it) == 101
    assert knock(address, more=f"Origin: http://{EVIL}\r\n" + with_it) == 403
    assert ask(address, "/", EVIL, more=with_it)[0] == 403
    assert ask(address, f"//{EVIL}/?token={token}")[1]["location"] == f"/{EVIL}/"


def test_the_browser_that_is_opened_is_given_the_token(abroad, home):
    address, token = abroad
    deadline = time.monotonic() + 20
    while not (home / "opened").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (home / "opened").read_text() == f"{address}/?token={token}\n"


def test_a_browser_keeps_the_token_and_its_address_bar_does_not(abroad, fooled):
    address, token = abroad
    page = fooled.new_page()
    assert page.goto(address).status == 403
    page.goto(f"{address}/history?project=moons-sample&token={token}")
    ready(page)
    assert "token" not in page.url
    assert page.evaluate("document.cookie.includes('datablame')") is False
    page.close()
