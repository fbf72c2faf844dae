"""Behind a company's proxy, with a certificate authority that only the company knows: each client reaches the API."""

from __future__ import annotations

import base64
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from meshapi_video import (
    APIError,
    AsyncVideoClient,
    CertificateError,
    ConnectionFailed,
    DownloadError,
    MeshVideoError,
    NotFoundError,
    VideoClient,
    WaitTimeout,
)
from meshapi_video._cli.commands import run
from meshapi_video._settings import CAPACITY
from meshapi_video._transport.connection_settings import ConnectionSettings
from support.cli import Output
from support.clients import KEY, Caller, Kind
from support.files import StoredFile, video_at
from support.proxy import ESCAPED_PASSWORD, PASSWORD, USER, Proxy, proxying
from support.server import TASK_ID, Response, Server, close, finished, raw, reset, response, serving, task

API, FILES = "https://api.example", "https://files.example"
MODEL = "byteplus/dreamina-seedance-2-0"
SENTENCE = "If your company inspects TLS, ask its IT for the file of its certificate authority"


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme does not state the type of a context of the standard library.
    authority.issue_cert(*names).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


@dataclass
class Company:
    """The API and a file server, which are reached only through the company's proxy."""

    authority: trustme.CA
    file: Path
    """The certificate authority, in the format PEM."""
    proxy: Proxy
    api: Server
    files: Server

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.file))


@pytest.fixture
def company(tmp_path: Path) -> Generator[Company]:
    authority = trustme.CA()
    file = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(file))
    tls = server_context(authority, "api.example", "files.example")
    with proxying() as proxy, serving(tls) as api, serving(tls) as files:
        proxy.hosts = {"api.example": port_of(api), "files.example": port_of(files)}
        yield Company(authority, file, proxy, api, files)
        # A proxy is no part of the API.
        assert KEY not in "".join(proxy.heads)


def port_of(server: Server) -> int:
    return int(server.base_url.rpartition(":")[2])


@pytest.fixture(params=["arguments", "environment"])
def settings(request: pytest.FixtureRequest, company: Company, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments of a client; its other settings are in the environment."""
    if request.param == "arguments":
        return {"proxy": company.proxy.with_password, "ssl_context": company.context}
    monkeypatch.setenv("HTTPS_PROXY", company.proxy.with_password)
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    return {}


def test_polls_creates_and_downloads_go_through_the_proxy_and_trust_the_company(
    kind: Kind, company: Company, settings: dict[str, Any], out: Path
) -> None:
    company.api.script(response(200, {"id": TASK_ID, "status": "queued"}), finished(url=f"{FILES}/v"))
    company.files.script(StoredFile(company.files))

    async def body(client: AsyncVideoClient) -> None:
        created = await client.create(MODEL, "a lake")
        video = await client.wait(created)
        await client.download(video, out)

    Caller(kind, API, settings=settings).run(body)
    assert out.read_bytes() == StoredFile(company.files).content
    assert [request.method for request in company.api.requests] == ["POST", "GET"]
    assert set(company.proxy.tunnels) == {"api.example:443", "files.example:443"}
    assert company.proxy.refused == 0


def test_everything_works_over_plain_httpx_too(
    kind: Kind, company: Company, settings: dict[str, Any], out: Path
) -> None:
    company.api.script(finished(url=f"{FILES}/v"))
    company.files.script(StoredFile(company.files))
    caller = Caller(kind, API, settings={**settings, "transport": "httpx"})
    caller.run(lambda client: client.download(TASK_ID, out))
    assert set(company.proxy.tunnels) == {"api.example:443", "files.example:443"}


def test_a_proxy_that_is_reached_over_tls_may_have_a_certificate_of_the_company(
    kind: Kind, company: Company, out: Path
) -> None:
    company.api.script(finished(url=f"{FILES}/v"))
    company.files.script(StoredFile(company.files))
    with proxying(server_context(company.authority, "127.0.0.1")) as proxy:
        proxy.hosts = company.proxy.hosts
        settings = {"proxy": proxy.with_password, "ssl_context": company.context}
        Caller(kind, API, settings=settings).run(lambda client: client.download(TASK_ID, out))
        assert proxy.address.startswith("https:")
        assert set(proxy.tunnels) == {"api.example:443", "files.example:443"}


def test_a_connection_through_the_proxy_is_kept_for_the_next_request(
    kind: Kind, company: Company, settings: dict[str, Any]
) -> None:
    company.api.script(task())

    async def body(client: AsyncVideoClient) -> None:
        for _ in range(3):
            await client.get(TASK_ID)

    Caller(kind, API, settings=settings).run(body)
    assert company.proxy.tunnels == ["api.example:443"]
    assert len(company.api.requests) == 3


@pytest.fixture
def strict_api(company: Company) -> Generator[Server]:
    """An API that asks for a certificate of the client, as does the server of the files."""
    tls = server_context(company.authority, "api.example", "files.example")
    company.authority.configure_trust(tls)  # pyright: ignore[reportUnknownMemberType] - see above
    tls.verify_mode = ssl.CERT_REQUIRED
    with serving(tls) as api:
        company.proxy.hosts = dict.fromkeys(company.proxy.hosts, port_of(api))
        yield api


def test_a_client_certificate_reaches_the_api_and_the_files(
    kind: Kind, company: Company, strict_api: Server, out: Path
) -> None:
    context = company.context
    company.authority.issue_cert("a-client.example").configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - see above
    strict_api.script(finished(url=f"{FILES}/v"), StoredFile(strict_api))
    settings: dict[str, Any] = {"proxy": company.proxy.with_password, "ssl_context": context}
    Caller(kind, API, settings=settings).run(lambda client: client.download(TASK_ID, out))
    assert len(strict_api.requests) == 2
    without = {**settings, "ssl_context": company.context, "max_retries": 0}
    with pytest.raises(ConnectionFailed):
        Caller(kind, API, settings=without).get()
    assert len(strict_api.requests) == 2


def meeting(count: int, sent: Response) -> Response:
    """Sends each response when `count` requests have arrived: with fewer connections, none would ever be sent."""
    barrier = threading.Barrier(count)

    def write(connection: socket.socket) -> bool:
        barrier.wait(20)
        return sent(connection)

    return write


@pytest.mark.parametrize("proxied", [True, False])
def test_as_many_requests_are_in_flight_as_without_these_settings(
    kind: Kind, company: Company, *, proxied: bool
) -> None:
    count = 40
    # Each request is refused when all have arrived. With fewer connections, none would ever be refused.
    company.api.script(meeting(count, response(404, {"error": {"code": "not_found", "message": "no task"}})))
    context = company.context
    # The certificate is for names, not for the address of this machine.
    context.check_hostname = proxied
    settings: dict[str, Any] = {"ssl_context": context}
    if proxied:
        settings["proxy"] = company.proxy.with_password

    async def body(client: Any) -> list[MeshVideoError]:  # noqa: ANN401 - for the private session
        assert client._session.capacity == CAPACITY
        return [result.error async for result in client.wait_many(f"task-{n}" for n in range(count))]

    errors = Caller(kind, API if proxied else company.api.base_url, settings=settings).run(body)
    assert [type(error) for error in errors] == [NotFoundError] * count
    assert company.api.max_in_flight == count
    if proxied:
        assert company.proxy.max_open == count


def test_an_address_in_proxy_goes_before_the_environment(
    kind: Kind, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.api.script(task())
    monkeypatch.setenv("HTTPS_PROXY", "http://another-proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "*")
    settings = {"proxy": company.proxy.with_password, "ssl_context": company.context}
    Caller(kind, API, settings=settings).get()
    assert company.proxy.tunnels == ["api.example:443"]


def test_the_password_goes_to_the_proxy_with_each_request_over_plain_http(kind: Kind, server: Server) -> None:
    server.script(task())
    proxy = server.base_url.replace("//", f"//{USER}:{ESCAPED_PASSWORD}@")
    settings = {"proxy": proxy, "private_hosts": ["http://api.example"]}

    async def body(client: AsyncVideoClient) -> None:
        await client.get(TASK_ID)
        await client.create(MODEL, "a lake")

    server.script(task(), response(200, {"id": TASK_ID, "status": "queued"}))
    Caller(kind, "http://api.example", settings=settings).run(body)
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert [request.headers["proxy-authorization"] for request in server.requests] == [expected] * 2
    assert all(request.target.startswith("http://api.example/v1/video/") for request in server.requests)


def everything_of(error: BaseException) -> str:
    return f"{error} {error!r} {error.__cause__!r} {error.__context__!r} {vars(error)}"


@pytest.mark.parametrize("transport", [None, "httpx"])
def test_a_wrong_password_is_an_error_that_names_the_proxy_and_shows_no_password(
    kind: Kind, company: Company, transport: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = company.proxy.address.replace("://", f"://{USER}:wrong-word@")
    settings = {"proxy": wrong, "ssl_context": company.context, "max_retries": 1, "transport": transport}
    with pytest.raises(ConnectionFailed) as caught:
        Caller(kind, API, settings=settings).get()
    text = f"no complete response from {API}: the proxy {company.proxy.address} refused the connection: 407"
    assert text in str(caught.value)
    assert "Check the user and the password in its address" in str(caught.value)
    assert company.proxy.refused == 1
    assert "wrong-word" not in everything_of(caught.value) + caplog.text


WRONG_PASSWORD = raw(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")


@pytest.fixture(params=["polls", "creates", "lists"])
def call(request: pytest.FixtureRequest) -> Callable[[AsyncVideoClient], Any]:
    """A call of the client that sends one request to the API, and then needs another."""

    async def take_first(client: AsyncVideoClient) -> None:
        async for _ in client.list():
            pass

    bodies: dict[str, Callable[[AsyncVideoClient], Any]] = {
        "polls": lambda client: client.get(TASK_ID),
        "creates": lambda client: client.create(MODEL, "a lake"),
        "lists": take_first,
    }
    return bodies[request.param]


@pytest.mark.parametrize("api", [API, "http://api.example"])
@pytest.mark.parametrize("transport", [None, "httpx"])
def test_each_call_but_a_wait_ends_with_the_first_407_of_the_proxy_over_https_and_plain_http(
    kind: Kind, server: Server, call: Callable[[AsyncVideoClient], Any], api: str, transport: str | None
) -> None:
    server.script(WRONG_PASSWORD)
    proxy = server.base_url.replace("//", f"//{USER}:wrong-word@")
    settings = {"proxy": proxy, "private_hosts": ["http://api.example"], "transport": transport}
    with pytest.raises(ConnectionFailed) as caught:
        Caller(kind, api, settings=settings).run(call)
    assert (
        f"no complete response from {api}: the proxy {server.base_url} refused the connection: "
        "407 Proxy Authentication Required. Check the user and the password in its address"
    ) in str(caught.value)
    assert len(server.requests) == 1
    assert "wrong-word" not in everything_of(caught.value)


@pytest.mark.parametrize("url", ["https://files.example", "http://files.example"])
@pytest.mark.parametrize("transport", [None, "httpx"])
def test_a_download_ends_with_the_first_407_of_the_proxy_over_https_and_plain_http(
    kind: Kind, server: Server, url: str, transport: str | None, out: Path
) -> None:
    server.script(WRONG_PASSWORD)
    proxy = server.base_url.replace("//", f"//{USER}:wrong-word@")
    settings = {"proxy": proxy, "private_hosts": ["http://files.example"], "transport": transport}
    with pytest.raises(DownloadError) as caught:
        Caller(kind, API, settings=settings).run(lambda client: client.download(video_at(url), out))
    assert (
        f"files.example failed: the proxy {server.base_url} refused the connection: 407 Proxy Authentication Required. "
        "Check the user and the password in its address"
    ) in str(caught.value)
    assert len(server.requests) == 1
    assert "wrong-word" not in everything_of(caught.value)


def test_a_create_that_the_proxy_refuses_over_plain_http_made_no_task(kind: Kind, server: Server) -> None:
    server.script(response(407))
    settings = {"proxy": server.base_url, "private_hosts": ["http://api.example"]}
    with pytest.raises(ConnectionFailed, match=r"407 .* in its address\. No task was made"):
        Caller(kind, "http://api.example", settings=settings).run(lambda client: client.create(MODEL, "a lake"))


def test_a_wait_goes_on_after_a_407_because_another_worker_may_have_the_password(kind: Kind, server: Server) -> None:
    server.script(response(407), task(), response(407), finished())
    settings = {"proxy": server.base_url, "private_hosts": ["http://api.example"]}
    assert Caller(kind, "http://api.example", settings=settings).wait().url
    assert len(server.requests) == 4


def test_a_407_without_a_proxy_is_an_error_of_the_server(kind: Kind, server: Server) -> None:
    server.script(response(407))
    with pytest.raises(APIError, match="HTTP 407"):
        Caller(kind, server.base_url).get()


def test_a_proxy_that_is_down_is_named_without_its_password(kind: Kind, company: Company) -> None:
    with serving(down=True) as down:
        proxy = down.base_url.replace("//", f"//{USER}:wrong-word@")
        with pytest.raises(ConnectionFailed) as caught:
            Caller(kind, API, settings={"proxy": proxy, "max_retries": 0, "ssl_context": company.context}).get()
    assert f"the proxy {down.base_url} cannot be reached: " in str(caught.value)
    assert "wrong-word" not in everything_of(caught.value)


@pytest.mark.parametrize("client_class", [VideoClient, AsyncVideoClient])
def test_the_repr_of_a_client_and_of_its_settings_shows_no_password(
    client_class: type[VideoClient | AsyncVideoClient], company: Company
) -> None:
    client = client_class(KEY, proxy=company.proxy.with_password)
    settings = ConnectionSettings(company.proxy.with_password, None)
    shown = f"{client!r} {vars(client)!r} {vars(settings)!r} {vars(client._session)!r}"
    assert PASSWORD not in shown
    assert company.proxy.with_password not in shown


@pytest.mark.parametrize("api", [API, "http://api.example"])
@pytest.mark.parametrize("transport", [None, "httpx"])
def test_a_proxy_whose_name_is_unknown_is_named(kind: Kind, api: str, transport: str | None) -> None:
    proxy = f"http://{USER}:wrong-word@proxy.invalid:3128"
    settings = {"proxy": proxy, "private_hosts": ["http://api.example"], "transport": transport, "max_retries": 0}
    with pytest.raises(ConnectionFailed) as caught:
        Caller(kind, api, settings=settings).get()
    text = f"no complete response from {api}: the proxy http://proxy.invalid:3128 cannot be reached: "
    assert text in str(caught.value)
    assert "wrong-word" not in everything_of(caught.value)


FAULTS: dict[str, Response] = {
    "closes": close,
    "resets": reset,
    "sends garbage": raw(b"garbage\r\n\r\n"),
    "sends half": raw(b"HTTP/1.1 200 OK\r\ncontent-le"),
}


@pytest.mark.parametrize("fault", [*FAULTS, "is silent"])
@pytest.mark.parametrize("api", [API, "http://api.example"])
@pytest.mark.parametrize("transport", [None, "httpx"])
def test_a_failure_behind_or_at_the_proxy_names_the_proxy(
    kind: Kind, server: Server, fault: str, api: str, transport: str | None
) -> None:
    server.script(server.stall() if fault == "is silent" else FAULTS[fault])
    proxy = server.base_url.replace("//", f"//{USER}:wrong-word@")
    settings = {"proxy": proxy, "private_hosts": ["http://api.example"], "transport": transport, "max_retries": 0}
    with pytest.raises(ConnectionFailed) as caught:
        Caller(kind, api, settings={**settings, "timeout": 0.2 if fault == "is silent" else 30.0}).get()
    assert f"no complete response from {api} through the proxy {server.base_url}" in str(caught.value)
    assert "wrong-word" not in everything_of(caught.value)


@pytest.mark.parametrize("fault", [*FAULTS, "is silent"])
@pytest.mark.parametrize("url", ["https://files.example", "http://files.example"])
def test_a_failure_of_a_download_names_the_proxy(kind: Kind, server: Server, fault: str, url: str, out: Path) -> None:
    server.script(server.stall() if fault == "is silent" else FAULTS[fault])
    proxy = server.base_url.replace("//", f"//{USER}:wrong-word@")
    settings: dict[str, Any] = {"proxy": proxy, "private_hosts": ["http://files.example"], "max_retries": 0}
    settings["timeout"] = 0.2 if fault == "is silent" else 30.0
    with pytest.raises(DownloadError) as caught:
        Caller(kind, API, settings=settings).run(lambda client: client.download(video_at(url), out))
    assert f"files.example through the proxy {server.base_url} " in str(caught.value)
    assert "wrong-word" not in everything_of(caught.value)


@pytest.mark.parametrize("fault", ["an unknown authority", "no TLS"])
@pytest.mark.parametrize("transport", [None, "httpx"])
def test_a_proxy_over_tls_that_fails_its_handshake_is_named(
    kind: Kind, company: Company, server: Server, fault: str, transport: str | None, out: Path
) -> None:
    with proxying(server_context(trustme.CA(), "127.0.0.1")) as stranger:
        address = stranger.address if fault == "an unknown authority" else server.base_url.replace("http:", "https:")
        server.script(close)
        settings: dict[str, Any] = {
            "proxy": address,
            "ssl_context": company.context,
            "transport": transport,
            "max_retries": 0,
        }
        # A server without TLS waits for the rest of a request.
        settings["timeout"] = 0.2 if fault == "no TLS" else 30.0
        with pytest.raises(ConnectionFailed) as caught:
            Caller(kind, API, settings=settings).get()
        assert f"no complete response from {API} through the proxy {address}" in str(caught.value)
        assert isinstance(caught.value, CertificateError) == (fault == "an unknown authority")
        with pytest.raises(DownloadError) as failed:
            Caller(kind, API, settings=settings).run(lambda client: client.download(video_at(FILES), out))
        assert f"files.example through the proxy {address} " in str(failed.value)


# Certificates.


@pytest.fixture(params=["polls", "creates", "downloads"])
def request_of(request: pytest.FixtureRequest, out: Path) -> Callable[[AsyncVideoClient], Any]:
    """A call of the client, whose error the test compares."""
    bodies: dict[str, Callable[[AsyncVideoClient], Any]] = {
        "polls": lambda client: client.get(TASK_ID),
        "creates": lambda client: client.create(MODEL, "a lake"),
        "downloads": lambda client: client.download(video_at(FILES), out),
    }
    return bodies[request.param]


@pytest.mark.parametrize("transport", [None, "httpx"])
def test_the_error_for_an_unknown_authority_ends_with_what_to_do_and_nothing_is_sent_again(
    kind: Kind, company: Company, request_of: Callable[[AsyncVideoClient], Any], transport: str | None
) -> None:
    settings = {"proxy": company.proxy.with_password, "transport": transport}
    caller = Caller(kind, API, settings=settings)
    with pytest.raises((CertificateError, DownloadError)) as caught:
        caller.run(request_of)
    assert "certificate verify failed: unable to get local issuer certificate" in str(caught.value)
    assert str(caught.value).endswith(
        f"{SENTENCE}, and set SSL_CERT_FILE to the path, or pass ssl_context= (or verify= to your own http_client)"
    )
    assert len(company.proxy.tunnels) == 1
    assert sum(caller.clock.sleeps) == 0
    assert company.api.requests == company.files.requests == []


def test_a_create_whose_certificate_is_refused_made_no_task(kind: Kind, company: Company) -> None:
    with pytest.raises(CertificateError, match=r"\. No task was made\. If your company inspects TLS"):
        Caller(kind, API, settings={"proxy": company.proxy.with_password}).run(
            lambda client: client.create(MODEL, "a lake")
        )


def test_a_wait_whose_first_poll_meets_an_unknown_authority_ends_with_this_error(kind: Kind, company: Company) -> None:
    with pytest.raises(CertificateError, match=SENTENCE) as caught:
        Caller(kind, API, settings={"proxy": company.proxy.with_password}).wait()
    assert caught.value.task_id == TASK_ID
    assert len(company.proxy.tunnels) == 1


def test_a_wait_goes_on_if_the_authority_is_unknown_only_for_a_while(kind: Kind, company: Company) -> None:
    # The network of a hotel: until its page has been read, it responds in the place of every server.
    with serving(server_context(trustme.CA(), "api.example")) as hotel:
        at_home = company.proxy.hosts["api.example"]

        def then_travel(connection: socket.socket) -> bool:
            company.proxy.hosts["api.example"] = port_of(hotel)
            return task()(connection) and False

        company.api.script(then_travel, finished())
        caller = Caller(kind, API, settings={"proxy": company.proxy.with_password, "ssl_context": company.context})

        def read_the_page() -> None:
            if len(company.proxy.tunnels) == 4:
                company.proxy.hosts["api.example"] = at_home

        caller.clock.meanwhile.append(read_the_page)
        assert caller.wait().url
    assert len(company.proxy.tunnels) == 5
    assert len(company.api.requests) == 2


def test_an_authority_that_stays_unknown_does_not_prolong_a_wait(kind: Kind, company: Company) -> None:
    with serving(server_context(trustme.CA(), "api.example")) as hotel:

        def then_travel(connection: socket.socket) -> bool:
            company.proxy.hosts["api.example"] = port_of(hotel)
            return task()(connection) and False

        company.api.script(then_travel)
        caller = Caller(kind, API, settings={"proxy": company.proxy.with_password, "ssl_context": company.context})
        with pytest.raises(WaitTimeout) as caught:
            caller.wait(timeout=60)
    assert isinstance(caught.value.last_error, CertificateError)


def test_a_certificate_for_another_host_has_other_advice(kind: Kind, company: Company) -> None:
    settings = {"ssl_context": company.context, "max_retries": 0}
    with pytest.raises(CertificateError, match=r"IP address mismatch.*\. Check the host in the URL\. Another server"):
        Caller(kind, company.api.base_url, settings=settings).get()


def refuse_a_certificate() -> None:
    raise ssl.SSLCertVerificationError(1, "certificate verify failed")


def test_the_error_of_another_library_that_the_user_handles_is_not_taken_for_the_reason(kind: Kind) -> None:
    with serving(down=True) as down:
        try:
            refuse_a_certificate()
        except ssl.SSLCertVerificationError:
            with pytest.raises(ConnectionFailed) as caught:
                Caller(kind, down.base_url, settings={"max_retries": 0}).get()
            assert type(caught.value) is ConnectionFailed


def test_a_user_client_that_refuses_a_certificate_has_the_same_error(kind: Kind, company: Company) -> None:
    with pytest.raises(CertificateError, match=SENTENCE):
        Caller(kind, company.api.base_url, user_client={}).get()


def test_the_command_line_says_which_variable_to_set(
    company: Company, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", API)
    monkeypatch.setenv("HTTPS_PROXY", company.proxy.with_password)
    assert run(["wait", TASK_ID]) == 3
    printed = capsys.readouterr().err
    assert printed.endswith(f"{SENTENCE}, and set SSL_CERT_FILE to the path\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    company.api.script(task())
    assert run(["get", TASK_ID]) == 0
    assert company.proxy.tunnels == ["api.example:443"] * 2


# The trust of the operating system.


@pytest.fixture(params=["windows", "linux", "another linux"])
def trusting_system(request: pytest.FixtureRequest, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operating system whose store has the company's authority. The store of this one is not changed."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("meshapi_video._transport.tls._SYSTEM_VERIFIES", request.param == "windows")
    file = str(company.file) if request.param == "linux" else ""
    monkeypatch.setattr("ssl.get_default_verify_paths", lambda: ssl.DefaultVerifyPaths("", "", "", file, "", ""))
    if request.param != "linux":
        # Here, truststore asks no system, but reads a file. On another Linux, it is not where OpenSSL expects it.
        monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [str(company.file)])


@pytest.mark.usefixtures("trusting_system")
def test_an_authority_that_only_the_operating_system_trusts_is_accepted(
    kind: Kind, company: Company, out: Path
) -> None:
    company.api.script(finished(url=f"{FILES}/v"))
    company.files.script(StoredFile(company.files))
    Caller(kind, API, settings={"proxy": company.proxy.with_password}).run(lambda client: client.download(TASK_ID, out))
    assert out.exists()


@pytest.mark.usefixtures("trusting_system")
def test_a_handshake_that_stalls_holds_up_no_other_thread(company: Company) -> None:
    company.api.script(task())
    stalled, ended = threading.Event(), threading.Event()

    def stall(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            stalled.set()
            ended.wait(60)

    def get() -> None:
        with pytest.raises(ConnectionFailed):
            client.get(TASK_ID)

    settings: dict[str, Any] = {"proxy": company.proxy.with_password, "max_retries": 0}
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        VideoClient(KEY, base_url=API, **settings) as client,
        ThreadPoolExecutor(2) as threads,
    ):
        api, company.proxy.hosts["api.example"] = company.proxy.hosts["api.example"], listener.getsockname()[1]
        threads.submit(stall, listener)
        failed = threads.submit(get)
        assert stalled.wait(60)
        company.proxy.hosts["api.example"] = api
        assert client.get(TASK_ID).status == "running"
        ended.set()
        failed.result(60)
