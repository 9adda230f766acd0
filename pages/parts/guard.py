"""Who may speak to the app: every request passes here before Streamlit sees it, and every answer leaves through here.

A web page that the user opens elsewhere can knock at this machine's ports. It is told by what browsers cannot be made
to lie about: the name that it called (``Host``; DNS rebinding brings a foreign one), where it comes from (``Origin``),
and what it wants (``Sec-Fetch-*``). Streamlit's own check comes too late: faced with a foreign origin it first asks a
server on the net for this machine's address.
"""

import hmac
import ipaddress
import re
import secrets
import socket
import webbrowser
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("", "0.0.0.0", "::")
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", re.IGNORECASE)
# Whatever a page is made to draw, the browser fetches it from nowhere but the app. Streamlit's own scripts need the
# inline and eval parts.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "connect-src 'self' ws://{host} wss://{host} data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
}


def settings() -> dict[str, Any]:
    """What ``st.App`` is given: the guard, set up for the address that the server listens on, and the line that says
    where it is."""
    address = str(st.get_option("server.address") or "")
    token = "" if address in LOOPBACK else secrets.token_urlsafe(32)
    hosts = {*st.get_option("server.allowedHosts"), *LOOPBACK, *(own_names() if address in EVERYWHERE else [address])}
    config.set_option("server.allowedHosts", sorted(hosts))  # Streamlit's own check of a WebSocket knows the same names
    return {"middleware": [Middleware(Guard, hosts=hosts, token=token)], "lifespan": _announcing(address, token)}


def own_names() -> list[str]:
    """What this machine may be called: its name, and the address of each of its network cards. Asked of nobody else."""
    import psutil

    found = [
        one
        for each in psutil.net_if_addrs().values()
        for one in each
        if one.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [socket.gethostname(), *(one.address.partition("%")[0] for one in found)]


class Guard:
    """ASGI middleware: ``hosts`` are the names that the app is opened as, ``token`` what a browser must bring once ("":
    nothing)."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str = "") -> None:
        self.app = app
        self.hosts = frozenset(_bare(host) for host in hosts)
        self.token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = self._foreign(scope, headers) or self._stranger(scope, headers)
        policy = (
            POLICY.format(host=headers.get("host", ""))
            if answer is None
            else "default-src 'none'; frame-ancestors 'none'"
        )
        if answer is None:
            await self.app(scope, receive, _with_headers(send, policy))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the browser gets a 403
        else:
            await answer(scope, receive, _with_headers(send, policy))

    def _foreign(self, scope: Scope, headers: Headers) -> Response | None:
        """The refusal of a request that was not made by the app's own page or typed by the user."""
        given = headers.getlist("host")
        match = HOST.fullmatch(given[0]) if len(given) == 1 else None
        if match is None or _bare(match[1] or match[2]) not in self.hosts:
            return _no(
                "This app is not opened under that name. Use the address that it printed, or start it with --host NAME."
            )
        if any(origin not in (f"http://{given[0]}", f"https://{given[0]}") for origin in headers.getlist("origin")):
            return _no("Another site may not speak to this app.")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not _visit(scope, headers):
            return _no("Another site may not load parts of this app.")
        return None

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        """The refusal of a browser that never brought the token; one that brings it gets a cookie and an address
        without it."""
        if not self.token:
            return None
        name = f"datablame-{(scope.get('server') or ('', 0))[1]}"  # cookies do not tell ports apart
        asked = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        brought = [value for key, value in asked if key == "token"]
        if scope["type"] == "http" and scope["method"] == "GET" and brought and self._right(brought[0]):
            rest = urlencode([(key, value) for key, value in asked if key != "token"])
            path = "/" + quote(scope["path"].lstrip("/"))  # never //elsewhere
            answer = RedirectResponse(path + (f"?{rest}" if rest else ""), 303, headers={"Cache-Control": "no-store"})
            answer.set_cookie(
                name, self.token.decode(), httponly=True, samesite="strict", secure=scope.get("scheme") == "https"
            )
            return answer
        cookies = [cookie_parser(line).get(name, "") for line in headers.getlist("cookie")]
        if any(self._right(cookie) for cookie in cookies):
            return None
        return _no("This app needs the token in the address that it printed when it started.")

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token)


def _bare(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()


def _visit(scope: Scope, headers: Headers) -> bool:
    """Whether somebody followed a link to the app: a page of its own, not a frame, a picture or a script in theirs."""
    wanted = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and wanted == ("navigate", "document")


def _no(why: str) -> Response:
    return PlainTextResponse(why + "\n", 403)


def _with_headers(send: Send, policy: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in {**HEADERS, "Content-Security-Policy": policy}.items():
                headers[name] = value
        await send(message)

    return sending


def _announcing(address: str, token: str) -> Any:
    """Says where the app is when it listens, opens a browser if it may, and warns when others can reach it."""

    @asynccontextmanager
    async def announce(app: st.App) -> AsyncIterator[None]:
        port = st.get_option("server.port")
        query = f"/?token={token}" if token else ""
        if token:
            print(
                f"Warning: {address or '0.0.0.0'} can be reached by other machines. Whoever has this address sees "
                "and changes your data:"
            )
        print(
            f"Opening http://{_shown(socket.gethostname() if address in EVERYWHERE else address)}:{port}{query} "
            "(Ctrl+C stops it)",
            flush=True,
        )
        if not st.get_option("server.headless"):
            here = f"http://{_shown('127.0.0.1' if address in EVERYWHERE else address)}:{port}{query}"
            Thread(target=webbrowser.open, args=(here,), daemon=True).start()
        yield

    return announce


def _shown(host: str) -> str:
    """A host as it stands in an address."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
