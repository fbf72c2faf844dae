"""A proxy of the environment that fails is named in the error, without its password."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshapi_video import ConnectionFailed, DownloadError, MeshVideoError
from support.clients import Caller, Kind
from support.files import download, video_at
from support.server import Server, close, response, serving, task

API = "https://api.example"
MODEL = "byteplus/dreamina-seedance-2-0"


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("all_proxy", server.base_url.replace("//", "//me:secret-word@"))
    return server


def message_of(caught: pytest.ExceptionInfo[MeshVideoError]) -> str:
    assert "secret-word" not in str(caught.value)
    assert "secret-word" not in repr(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("status", [403, 407, 502, 503])
def test_a_proxy_that_refuses_a_tunnel_is_named(kind: Kind, proxy: Server, status: int) -> None:
    proxy.script(response(status))
    with pytest.raises(ConnectionFailed) as caught:
        Caller(kind, API, settings={"max_retries": 0}).get()
    assert f"task-1: no complete response from {API}: the proxy {proxy.base_url} refused the connection: {status}" in (
        message_of(caught)
    )
    assert [request.method for request in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize("api", [API, "http://api.example"])
def test_a_proxy_without_a_listener_is_named(kind: Kind, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(down=True) as proxy:
        monkeypatch.setenv("all_proxy", proxy.base_url.replace("//", "//me:secret-word@"))
        with pytest.raises(ConnectionFailed) as caught:
            Caller(kind, api, settings={"max_retries": 0, "private_hosts": ["http://api.example"]}).get()
    assert f"no complete response from {api}: the proxy {proxy.base_url} cannot be reached: " in message_of(caught)


def test_a_proxy_is_named_in_the_same_words_over_httpx(kind: Kind, proxy: Server) -> None:
    proxy.script(response(407))
    client = Caller(kind, API, settings={"max_retries": 0, "transport": "httpx"})
    with pytest.raises(ConnectionFailed) as caught:
        client.get()
    assert f"the proxy {proxy.base_url} refused the connection: 407" in message_of(caught)


def test_a_server_behind_the_proxy_that_fails_is_not_taken_for_the_proxy(kind: Kind, proxy: Server) -> None:
    proxy.script(close)
    with pytest.raises(ConnectionFailed) as caught:
        Caller(kind, "http://api.example", settings={"max_retries": 0, "private_hosts": ["http://api.example"]}).get()
    assert f"no complete response from http://api.example through the proxy {proxy.base_url}: " in message_of(caught)


def test_a_create_that_the_proxy_refuses_made_no_task(kind: Kind, proxy: Server) -> None:
    proxy.script(response(407))
    caller = Caller(kind, API, settings={"max_retries": 1})
    with pytest.raises(ConnectionFailed, match=r"the proxy .* refused the connection: 407 .* No task was made"):
        caller.run(lambda client: client.create(MODEL, "a lake"))
    assert len(proxy.requests) == 1


def test_a_download_names_the_proxy(kind: Kind, proxy: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy.script(response(407))
    client = Caller(kind, API, settings={"max_retries": 0})
    with pytest.raises(DownloadError) as refused:
        download(client, video_at("https://files.example/v.mp4"), tmp_path / "v.mp4")
    assert f"files.example failed: the proxy {proxy.base_url} refused the connection: 407" in message_of(refused)
    with serving(down=True) as down:
        monkeypatch.setenv("all_proxy", down.base_url)
        with pytest.raises(DownloadError) as unreachable:
            download(client, video_at("https://files.example/v.mp4"), tmp_path / "v.mp4")
    assert f"the proxy {down.base_url} cannot be reached: " in str(unreachable.value)


def test_the_proxy_of_a_user_client_that_refuses_is_named(kind: Kind, server: Server) -> None:
    server.script(response(407))
    client = Caller(kind, API, settings={"max_retries": 0}, user_client={"proxy": server.base_url})
    with pytest.raises(ConnectionFailed, match=r"the proxy of the http_client refused the connection: 407"):
        client.get()


def test_no_proxy_with_a_network_leads_past_the_proxy(
    kind: Kind, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_loopback(_host: str) -> bool:
        return False

    # This machine never needs the proxy. For this test, it is a machine of a network.
    monkeypatch.setattr("meshapi_video._transport.environment.is_loopback", is_loopback)
    server.script(task("running"))
    with serving(down=True) as proxy:
        monkeypatch.setenv("all_proxy", proxy.base_url)
        with pytest.raises(ConnectionFailed, match="the proxy"):
            Caller(kind, server.base_url, settings={"max_retries": 0}).get()
        monkeypatch.setenv("no_proxy", "10.0.0.0/8, 127.0.0.0/8")
        assert Caller(kind, server.base_url).get().status == "running"
