"""A URL of a file leads to no service inside the network, at any hop, however its host is written."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshapi_video import AsyncVideoClient, DownloadError, Video, VideoClient, parse_task
from support.clients import KEY, Caller, Kind
from support.files import LOCAL, PUBLIC, StoredFile, download, download_through_user_client, names, video_at
from support.http_library import httpx
from support.server import Response, Server, response

Lookup = Callable[[str], list[str]]


@pytest.fixture
def public_client(kind: Kind) -> Caller:
    """A client whose API is on the public internet."""
    return Caller(kind, PUBLIC)


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """The addresses that each lookup of a name finds. The last ones are found again and again."""
    results: dict[str, list[list[str]]] = {}
    original = socket.getaddrinfo

    def getaddrinfo(host: str | bytes, port: int, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401
        name = host.decode() if isinstance(host, bytes) else host
        if name not in results:
            return original(host, port, *arguments, **options)
        found = results[name].pop(0) if results[name][1:] else results[name][0]
        return [entry for address in found for entry in original(address, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return results


SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0",  # noqa: S104 - this machine as well
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "localhost.",
    "foo.localhost",
    "169.254.169.254",
    "10.0.0.1",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[64:ff9b::7f00:1]",
]


def redirect(target: str) -> Response:
    return response(302, b"", location=target)


def port_of(store: Server) -> str:
    return store.base_url.rpartition(":")[2]


@pytest.fixture
def local_names(lookups: dict[str, list[list[str]]]) -> None:
    """Systems differ in whether they know these names."""
    lookups |= {"localhost.": [["127.0.0.1"]], "foo.localhost": [["127.0.0.1"]]}


@pytest.mark.usefixtures("local_names")
@pytest.mark.parametrize("host", SPELLINGS)
def test_a_url_inside_the_network_is_not_requested(
    public_client: Caller, stored: StoredFile, out: Path, host: str
) -> None:
    # Over https as well: a service inside may have a certificate, and each connection tells who listens.
    with pytest.raises(DownloadError, match=r"^task task-1: the URL of the file leads to .* private_hosts=\["):
        download(public_client, video_at(f"https://{host}:{port_of(stored.server)}/admin"), out)
    assert stored.server.requests == []
    assert public_client.clock.sleeps == []
    assert names(out.parent) == []


def test_the_forged_url_of_a_callback_is_not_requested(public_client: Caller, stored: StoredFile, out: Path) -> None:
    callback = {"id": "task-1", "status": "succeeded", "content": {"video_url": f"{stored.server.base_url}/admin"}}
    task = parse_task(callback)
    url = callback["content"]["video_url"]  # type: ignore[index]  # pyright: ignore - a dict
    with pytest.raises(DownloadError, match=r"leads to 127\.0\.0\.1, which the public internet cannot reach"):
        download(public_client, Video(str(url), None, task), out)
    assert stored.server.requests == []


def test_a_redirect_inside_the_network_is_not_followed(
    kind: Kind, stored: StoredFile, store: Server, out: Path
) -> None:
    # The API is on this machine, and so the first server may be there, too. The target of the redirect may not.
    client = Caller(kind, LOCAL)
    for target in ("https://169.254.169.254/latest", "https://10.0.0.1/", "https://[fd00:ec2::254]/"):
        store.script(redirect(target))
        with pytest.raises(DownloadError, match=r"leads to .*, which the public internet cannot reach"):
            download(client, video_at(store), out)
    assert len(stored.server.requests) == 3


def test_a_name_is_judged_by_its_address(
    public_client: Caller, stored: StoredFile, out: Path, lookups: dict[str, list[list[str]]]
) -> None:
    lookups["files.example"] = [["127.0.0.1"]]
    with pytest.raises(DownloadError, match=r"leads to files\.example \(127\.0\.0\.1\), which the public internet"):
        download(public_client, video_at(f"https://files.example:{port_of(stored.server)}/v"), out)
    assert stored.server.requests == []


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_name_whose_address_changes_between_two_lookups_leads_nowhere_else(
    kind: Kind, store: Server, tls_server: Server, out: Path, lookups: dict[str, list[list[str]]]
) -> None:
    stored = StoredFile(tls_server)
    tls_server.script(stored)
    # The lookup for the check finds the server of the file. A second lookup would find no server.
    lookups["localhost"] = [["127.0.0.1"], ["192.0.2.1"]]
    client = Caller(kind, store.base_url)
    client.settings["max_retries"] = 0
    with pytest.raises(DownloadError, match="certificate"):
        # It was connected: its certificate is for 127.0.0.1, and the name is the one that TLS checks.
        download(client, video_at(f"https://localhost:{port_of(tls_server)}/v"), out)
    assert lookups["localhost"] == [["192.0.2.1"]]


def test_each_permitted_address_of_a_name_is_tried(
    kind: Kind, stored: StoredFile, out: Path, lookups: dict[str, list[list[str]]]
) -> None:
    # Nothing listens on the first address, and the second is not permitted.
    lookups["localhost"] = [["127.0.0.2", "10.0.0.1", "127.0.0.1"]]
    download(Caller(kind, LOCAL), video_at(f"http://localhost:{port_of(stored.server)}/v"), out)
    assert out.read_bytes() == stored.content


def test_a_name_without_an_address_is_retried(
    public_client: Caller, out: Path, lookups: dict[str, list[list[str]]]
) -> None:
    lookups["files.example"] = [[]]
    with pytest.raises(DownloadError, match=r"the connection to files\.example failed: files\.example has no address"):
        download(public_client, video_at("https://files.example/v"), out)
    assert len(public_client.clock.sleeps) == 2


def test_files_near_the_api_are_downloaded(
    kind: Kind, stored: StoredFile, out: Path, lookups: dict[str, list[list[str]]]
) -> None:
    lookups["api.internal"] = [["127.0.0.1"]]
    download(Caller(kind, "https://api.internal"), video_at(stored.server), out)
    assert out.read_bytes() == stored.content
    lookups["api.internal"] = [["10.0.0.9"]]
    with pytest.raises(DownloadError, match=r"leads to 127\.0\.0\.1"):
        download(Caller(kind, "https://api.internal"), video_at(stored.server), out, overwrite=True)
    # No lookup finds the API.
    with pytest.raises(DownloadError, match=r"leads to 127\.0\.0\.1"):
        download(Caller(kind, "https://nowhere.invalid."), video_at(stored.server), out, overwrite=True)


@pytest.mark.parametrize("user_client", [None, {}], ids=["own transports", "user client"])
def test_a_host_that_the_caller_names_may_be_inside_the_network(
    kind: Kind, stored: StoredFile, out: Path, user_client: dict[str, Any] | None
) -> None:
    client = Caller(kind, PUBLIC, user_client=user_client)
    client.settings["private_hosts"] = ["127.0.0.1"]
    download(client, video_at(stored.server), out)
    assert out.read_bytes() == stored.content


@pytest.mark.parametrize("of_the_user", [VideoClient, AsyncVideoClient])
def test_the_names_of_private_hosts_are_checked(of_the_user: type[VideoClient | AsyncVideoClient]) -> None:
    client = of_the_user(KEY, private_hosts=["Files.Example", "10.0.0.1", "fd00::1", "[::1]", "b\u00fccher.example"])
    assert client._settings.private_hosts == {
        "files.example", "10.0.0.1", "fd00::1", "::1", "xn--bcher-kva.example"
    }  # fmt: skip
    with pytest.raises(TypeError, match="private_hosts should be a collection of host names, and not a single string"):
        of_the_user(KEY, private_hosts="files.example")
    for wrong in ("", "https://files.example", "files.example:443", "files.example/v", "a@b", "files.example#x", "a b"):
        with pytest.raises(ValueError, match=r"private_hosts should contain names such as 'files.example', and not "):
            of_the_user(KEY, private_hosts=[wrong])


# Where others connect.


@pytest.mark.usefixtures("local_names")
@pytest.mark.parametrize("host", SPELLINGS)
def test_through_a_proxy_an_address_in_the_url_is_refused(
    public_client: Caller, store: Server, out: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", store.base_url)
    with pytest.raises(DownloadError, match=r"leads to .*, which the public internet cannot reach"):
        download(public_client, video_at(f"https://{host}/admin"), out)
    assert store.requests == []


@pytest.mark.parametrize("host", [*SPELLINGS, "127.0.0.1:9"])
def test_through_a_user_client_an_address_in_the_url_is_refused_at_each_hop(kind: Kind, out: Path, host: str) -> None:
    hosts = list[str]()

    def handler(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": f"https://{host}/admin"})

    with pytest.raises(DownloadError, match=r"leads to .*, which the public internet cannot reach"):
        download_through_user_client(
            kind, video_at("https://files.example/v"), out, transport=httpx.MockTransport(handler)
        )
    assert hosts == ["files.example"]
