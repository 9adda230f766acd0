"""Which names and which token the app is guarded by, from what it is told to listen on; test_network.py attacks a
running one."""

import socket

import pytest


@pytest.fixture
def guarded(monkeypatch):
    """``guarded(address, *names)``: the hosts and the token that the server would be given, and what Streamlit itself
    is told."""
    from streamlit import config

    from pages.parts import guard

    def ask(address, *names):
        told = {}
        options = {"server.address": address, "server.allowedHosts": list(names)}
        monkeypatch.setattr(guard.st, "get_option", options.get)
        monkeypatch.setattr(config, "set_option", lambda name, value: told.update({name: value}))
        (middleware,) = guard.settings()["middleware"]
        assert told["server.allowedHosts"] == sorted(middleware.kwargs["hosts"])
        return middleware.kwargs["hosts"], middleware.kwargs["token"]

    return ask


def test_this_machine_needs_no_token_and_any_other_address_does(guarded):
    for address in ("127.0.0.1", "localhost", "::1"):
        assert guarded(address) == ({"127.0.0.1", "localhost", "::1"}, "")
    for address in ("127.0.0.2", "10.0.0.7", "box.example", "::", "0.0.0.0", "", None):
        hosts, token = guarded(address, "tunnel.example")
        assert len(token) >= 40
        assert guarded(address)[1] != token
        assert {"127.0.0.1", "localhost", "tunnel.example"} <= hosts
        assert (address in hosts) == (address in ("127.0.0.2", "10.0.0.7", "box.example"))


def test_listening_everywhere_allows_this_machine_s_own_names_alone(guarded):
    hosts, _ = guarded("0.0.0.0")
    assert socket.gethostname() in hosts
    assert not hosts & {"*", "", "0.0.0.0", "::", None}
