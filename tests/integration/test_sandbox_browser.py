"""No web page in a developer's browser can use the sandbox, and no stranger can use its upstream."""

from __future__ import annotations

import re

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, SandboxError, Settings
from meshapi_video_sandbox._banner import warnings
from meshapi_video_sandbox._run import _running
from support.sandbox_client import request

KEY = {"Authorization": "Bearer rsk_sandbox"}
EXAMPLE = "/v1/video/generations/a1b2c3d4-e5f6-7890-ab12-cd34ef567890"
REQUESTS = [("POST", "/_sandbox/tasks"), ("POST", "/_sandbox/clock"), ("GET", "/_sandbox/clock"), ("GET", EXAMPLE)]


def send(sandbox: Sandbox, method: str, path: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = path if path.startswith("http") else f"{sandbox.base_url}{path}"
    content = None
    if method == "POST":
        content = b'{"advance": 1000}' if path.endswith("/clock") else b'{"id": "created"}'
    return request(method, url, headers={**KEY, **named}, content=content)


def message(response: httpx.Response) -> str:
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (403, "forbidden")
    return str(error["message"])


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8787", "localhost.evil.example", "evil@127.0.0.1", "[::1", "", "localhost."],
)
def test_another_host_name_is_refused_with_what_to_do(
    module_sandbox: Sandbox, method: str, path: str, host: str
) -> None:
    response = send(module_sandbox, method, path, host=host)
    assert message(response).startswith(f"The sandbox refuses the host name {host!r}: start it with --allowed-host")


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_a_request_of_a_web_page_is_refused(
    module_sandbox: Sandbox, method: str, path: str, headers: dict[str, str]
) -> None:
    before = module_sandbox.now()
    response = send(module_sandbox, method, path, **headers)
    page = f"a web page of {headers['origin']!r}" if "origin" in headers else "a web page"
    assert message(response) == (
        f"The sandbox refuses requests of {page}: send them from a program, such as your own server, or type "
        "the address into the browser"
    )
    assert abs(module_sandbox.now() - before) < 60
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        module_sandbox.inspect("created")


@pytest.mark.parametrize("method", ["OPTIONS", "GET", "POST"])
def test_no_response_allows_a_web_page_to_read_it(module_sandbox: Sandbox, method: str) -> None:
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "authorization"}
    for headers in ({"origin": "https://evil.example", **asked}, {"origin": module_sandbox.base_url, **asked}, {}):
        response = send(module_sandbox, method, "/_sandbox/clock", **headers)
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8787", "192.168.0.7:80"])
def test_a_program_may_use_any_name_or_address_of_this_machine(module_sandbox: Sandbox, host: str) -> None:
    assert send(module_sandbox, "GET", EXAMPLE, host=host).status_code == 200


def test_the_sandboxs_own_pages_and_a_typed_address_are_no_other_web_page(module_sandbox: Sandbox) -> None:
    own = {"origin": module_sandbox.base_url, "sec_fetch_site": "same-origin"}
    assert send(module_sandbox, "POST", "/_sandbox/tasks", **own).status_code == 201
    assert send(module_sandbox, "GET", "/_sandbox/clock", sec_fetch_site="none").status_code == 200


def test_a_long_host_and_a_long_origin_are_shortened(module_sandbox: Sandbox) -> None:
    assert len(message(send(module_sandbox, "GET", EXAMPLE, host="x" * 10_000))) < 300
    assert len(message(send(module_sandbox, "GET", EXAMPLE, origin="x" * 10_000))) < 300


def test_a_web_page_may_show_a_video_but_not_under_another_host_name(module_sandbox: Sandbox) -> None:
    task_id = module_sandbox.create_task(scenario="instant")
    task = send(module_sandbox, "GET", f"/v1/video/generations/{task_id}").json()
    url = task["content"]["video_url"]
    page = {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"}
    assert request("GET", url, headers=page).status_code == 200
    assert request("GET", url, headers={"host": "evil.example"}).status_code == 403


def test_allowed_hosts_are_further_names_of_the_sandbox() -> None:
    with _running(Settings(port=0, upstream_port=0, allowed_hosts=["Sandbox"])) as sandbox:
        assert send(sandbox, "GET", EXAMPLE, host="sandbox:8787").status_code == 200
        assert send(sandbox, "GET", EXAMPLE, host="other:8787").status_code == 403


@pytest.mark.parametrize("name", ["", "sandbox:8787", "http://sandbox", "*.example", "a b"])
def test_an_allowed_host_is_a_name_without_scheme_and_port(name: str) -> None:
    with pytest.raises(SandboxError, match="an allowed host should be a name"):
        Settings(allowed_hosts=[name])


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.0.7", "sandbox.lan"])  # noqa: S104 - only named
def test_a_public_key_before_a_real_upstream_is_refused_on_an_address_that_others_reach(host: str) -> None:
    upstream = "https://ark.example/api/v3"
    for keys in (("rsk_sandbox",), ("rsk_own", "rsk_sandbox")):
        named = re.escape(host or "any address of this machine")
        message = f"anyone who can reach {named} could use .* give a key of your own with --key"
        with pytest.raises(SandboxError, match=message):
            Settings(host=host, upstream=upstream, keys=keys)
    Settings(host=host, upstream=upstream, keys=("rsk_own",))
    for loopback in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "localhost"):
        Settings(host=loopback, upstream=upstream)


def test_an_address_that_others_reach_is_a_warning() -> None:
    warning = "WARNING: anyone who can reach 0.0.0.0 can use the control API"
    assert warnings(Settings(host="0.0.0.0", keys=("rsk_own",), advertise="box")) == [f"{warning}."]  # noqa: S104
    assert warnings(Settings(host="0.0.0.0", advertise="box")) == [  # noqa: S104
        f"{warning}, and knows the API key rsk_sandbox: give another with --key."
    ]
    without_a_name = warnings(Settings(host="0.0.0.0"))  # noqa: S104
    assert "links of the videos lead to 127.0.0.1, which works on this machine only: give --adv" in without_a_name[1]
    for loopback in ("127.0.0.1", "::ffff:127.0.0.1"):
        assert warnings(Settings(host=loopback)) == []
    assert "any address of this machine" in warnings(Settings(host=""))[0]
