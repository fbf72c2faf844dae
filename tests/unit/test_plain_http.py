"""The key goes over plain http only to this machine, and to hosts that the user allows."""

from __future__ import annotations

import pytest

from meshapi_video import AsyncVideoClient, VideoClient
from meshapi_video._cli.commands import run
from support.cli import Output
from support.clients import KEY

CLIENTS = (VideoClient, AsyncVideoClient)
GATEWAY = "http://gateway.internal:8080/mesh"


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> type[VideoClient | AsyncVideoClient]:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8787", "http://[::1]:8787", "http://localhost", "https://x.example"])
def test_plain_http_to_this_machine_and_https_to_any_are_accepted(
    client: type[VideoClient | AsyncVideoClient], url: str
) -> None:
    client(KEY, base_url=url)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (GATEWAY, "gateway.internal"),
        ("http://10.0.0.1", "10.0.0.1"),
        ("http://[fd00::1]:8787", "[fd00::1]"),
        ("http://localhost.example", "localhost.example"),
    ],
)
@pytest.mark.parametrize("place", ["argument", "variable"])
def test_plain_http_to_another_host_is_refused_until_the_user_allows_this_host(
    client: type[VideoClient | AsyncVideoClient], url: str, host: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHAPI_BASE_URL", url)
    base_url = url if place == "argument" else None
    with pytest.raises(ValueError, match="anybody on the way could read the API key") as caught:
        client(KEY, base_url=base_url)
    allowed = f"http://{host}"
    assert str(caught.value).endswith(f"private_hosts=[{allowed!r}], or MESHAPI_PRIVATE_HOSTS={allowed}")
    client(KEY, base_url=base_url, private_hosts=[allowed])
    monkeypatch.setenv("MESHAPI_PRIVATE_HOSTS", f"{allowed},http://other.example")
    client(KEY, base_url=base_url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize(
    "proxy", ["http://me:a-word@proxy.example:3128", "https://10.0.0.1", "http://localhost.example"]
)
def test_the_key_goes_over_plain_http_to_no_proxy_on_another_machine_until_the_user_allows_the_host(
    client: type[VideoClient | AsyncVideoClient], host: str, proxy: str
) -> None:
    # This proxy takes requests to this machine, too.
    url, allowed = f"http://{host}:8787", f"http://{host}"
    with pytest.raises(
        ValueError, match=r"plain http to .*, through the proxy https?://.*could read the API key"
    ) as caught:
        client(KEY, base_url=url, proxy=proxy)
    assert str(caught.value).endswith(f"private_hosts=[{allowed!r}], or MESHAPI_PRIVATE_HOSTS={allowed}")
    assert "a-word" not in str(caught.value)
    client(KEY, base_url=url, proxy=proxy, private_hosts=[allowed])


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:3128", "http://me:a-word@[::1]:3128", "localhost:3128"])
def test_the_key_may_go_over_plain_http_to_this_machine_through_a_proxy_on_this_machine(
    client: type[VideoClient | AsyncVideoClient], proxy: str
) -> None:
    client(KEY, base_url="http://127.0.0.1:8787", proxy=proxy)


def test_a_proxy_of_the_environment_never_sees_requests_to_this_machine(
    client: type[VideoClient | AsyncVideoClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    client(KEY, base_url="http://127.0.0.1:8787")


@pytest.mark.parametrize("allowed", ["gateway.internal", "http://other.example", "http://internal"])
def test_no_other_entry_allows_it(client: type[VideoClient | AsyncVideoClient], allowed: str) -> None:
    with pytest.raises(ValueError, match="anybody on the way could read the API key"):
        client(KEY, base_url=GATEWAY, private_hosts=[allowed])


@pytest.mark.parametrize(
    "command", [["get", "task-1"], ["wait", "task-1"], ["list"], ["download", "task-1", "v.mp4"]], ids=" ".join
)
def test_the_command_line_refuses_it_and_names_the_variable(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", GATEWAY)
    assert run(command) == 2
    printed = capsys.readouterr().err
    assert "could read the API key. Use https." in printed
    assert printed.rstrip().endswith("allow it: set MESHAPI_PRIVATE_HOSTS=http://gateway.internal")
