"""The gateway: reads a terminal task from the database, and polls the upstream about any other."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox
from support.clock import Clock
from support.many_tasks import eventually
from support.sandbox_client import get, get_raw_path, poll, post, request
from support.server import Response, Server, close, raw, reset, response, serving, task

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"
PAGE = b"<html>Bad Gateway</html>"


@pytest.fixture
def upstream() -> Generator[Server]:
    """An upstream that sends the responses of the test."""
    with serving() as started:
        yield started


@pytest.fixture
def gateway(upstream: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[Sandbox]:
    """A gateway in front of that upstream."""
    monkeypatch.setenv("ARK_API_KEY", "ark_real")
    with running_sandbox(upstream=f"{upstream.base_url}/api/v3", keys=("rsk_a", "rsk_b")) as started:
        yield started


def poll_task_1(gateway: Sandbox, key: str = "rsk_a") -> httpx.Response:
    return poll(gateway, "task-1", key)


def error_of(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    assert body["error"]["message"]
    assert body["request_id"] == response.headers["x-request-id"]
    return response.status_code, body["error"]["code"]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "rsk_sandbox"},
        {"Authorization": "Basic rsk_sandbox"},
        {"Authorization": "Bearer rsk_wrong"},
        {"Authorization": "Bearer rsk_sandbox rsk_sandbox"},
        {"X-Api-Key": "rsk_sandbox"},
    ],
)
def test_a_missing_malformed_or_unknown_key_is_a_401(sandbox: Sandbox, header: dict[str, str]) -> None:
    response = get(f"{sandbox.base_url}/v1/video/generations/{EXAMPLE_ID}", headers=header)
    assert error_of(response) == (401, "unauthorized")


def test_a_response_has_every_documented_field_and_null_for_an_unknown_value(sandbox: Sandbox) -> None:
    example = poll(sandbox, EXAMPLE_ID).json()
    queued = poll(sandbox, sandbox.create_task(queued_for=9)).json()
    assert queued.keys() == example.keys()
    assert [queued[name] for name in ("content", "error", "usage", "seed")] == [None] * 4


def test_a_terminal_task_comes_from_the_database_and_the_upstream_is_never_polled_again(
    sandbox: Sandbox, clock: Clock
) -> None:
    task_id = sandbox.create_task(queued_for=1, running_for=1)
    assert poll(sandbox, task_id).json()["status"] == "queued"
    clock.now += 2
    terminal = poll(sandbox, task_id).content
    assert sandbox.inspect(task_id).upstream_polls == 2
    clock.now += 1_000_000
    assert {poll(sandbox, task_id).content for _ in range(5)} == {terminal}
    assert sandbox.inspect(task_id).upstream_polls == 2


def test_a_task_that_is_not_terminal_costs_one_upstream_poll_per_request(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("queued"), task("running"), task("running"), task("failed"))
    statuses = [poll_task_1(gateway).json()["status"] for _ in range(6)]
    assert statuses == ["queued", "running", "running", "failed", "failed", "failed"]
    assert len(upstream.requests) == 4
    assert gateway.inspect("task-1").upstream_polls == 4
    assert [change.status for change in gateway.inspect("task-1").history] == ["queued", "running", "failed"]


def test_the_upstream_gets_its_own_key_and_never_the_clients_key(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("queued"))
    poll_task_1(gateway)
    (received,) = upstream.requests
    assert received.target == "/api/v3/contents/generations/tasks/task-1"
    assert received.headers["authorization"] == "Bearer ark_real"
    assert "rsk_a" not in str(received)


@pytest.mark.parametrize(
    "fault",
    [
        response(500, {"error": {"code": "InternalServiceError", "message": "m"}}),
        response(429, {}, retry_after="9"),
        response(401, {}),
        response(302, {}, location="/elsewhere"),
        response(200, PAGE),
        response(200, b'{"id": "task-1", "sta'),
        response(200, {"id": "task-1", "status": 5}),
        response(200, {"id": "another", "status": "succeeded"}),
        response(200, []),
        response(200, b"[" * 100_000),
        response(200, b'{"id": "\xff"}'),
        response(200, {"id": "task-1", "status": "succeeded", "updated_at": 10**30}),
        response(404, {}),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
        close,
        reset,
    ],
)
def test_an_upstream_failure_is_a_502_and_leaves_the_row_unchanged(
    gateway: Sandbox, upstream: Server, fault: Response
) -> None:
    upstream.script(task("running", updated_at=7), fault, task("succeeded", updated_at=8))
    poll_task_1(gateway)
    before = gateway.inspect("task-1")
    assert error_of(poll_task_1(gateway)) == (502, "upstream_error")
    after = gateway.inspect("task-1")
    assert (after.row, after.history) == (before.row, before.history)
    assert after.upstream_polls == before.upstream_polls + 1
    assert poll_task_1(gateway).json()["status"] == "succeeded"


def test_an_upstream_that_does_not_respond_in_time_is_a_502(
    gateway: Sandbox, upstream: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video_sandbox._upstream_client._TIMEOUT", 0.05)
    upstream.script(upstream.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + b" " * 9999))
    assert error_of(poll_task_1(gateway)) == (502, "upstream_error")


def test_an_unknown_task_is_adopted_if_the_upstream_knows_it(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(response(404, {}), task("running"))
    assert error_of(poll_task_1(gateway)) == (404, "not_found")
    assert poll_task_1(gateway).json()["status"] == "running"
    assert gateway.inspect("task-1").upstream_polls == 1
    assert error_of(poll_task_1(gateway, key="rsk_b")) == (404, "not_found")
    assert len(upstream.requests) == 2


def test_an_unknown_task_that_two_keys_poll_at_the_same_time_is_adopted_by_one_of_them(
    gateway: Sandbox, upstream: Server
) -> None:
    def respond_to_both(connection: socket.socket) -> bool:
        eventually(lambda: len(upstream.requests) == 2)
        return task("running")(connection)

    upstream.script(respond_to_both)
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(poll_task_1, [gateway] * 2, ["rsk_a", "rsk_b"]))
    assert len(upstream.requests) == 2
    assert sorted(response.status_code for response in both) == [200, 404]


def test_a_sandbox_can_be_the_gateway_of_another_sandboxs_upstream(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARK_API_KEY", "ark_sandbox")
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    with running_sandbox(upstream=sandbox.upstream_url) as gateway:
        assert poll(gateway, task_id).json() == poll(sandbox, task_id).json()
        response = post(f"{gateway.base_url}/_sandbox/tasks")
        assert error_of(response) == (409, "conflict")


def test_a_key_gets_only_its_own_tasks() -> None:
    with running_sandbox(keys=("rsk_a", "rsk_b")) as sandbox:
        first, second = sandbox.create_task(), sandbox.create_task(key="rsk_b")
        for task_id, own, others in ((first, "rsk_a", "rsk_b"), (second, "rsk_b", "rsk_a")):
            assert poll(sandbox, task_id, own).status_code == 200
            assert error_of(poll(sandbox, task_id, others)) == (404, "not_found")
            assert sandbox.inspect(task_id).upstream_polls == 1


def poll_twice_out_of_order(gateway: Sandbox, upstream: Server, late: Response, early: Response) -> list[str]:
    """The statuses that two simultaneous polls get, if the upstream responds to the first poll last."""
    second_is_done = threading.Event()

    def late_response(connection: socket.socket) -> bool:
        assert second_is_done.wait(10)
        return late(connection)

    upstream.script(task("queued", updated_at=1), late_response, early)
    poll_task_1(gateway)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(poll_task_1, gateway)
        eventually(lambda: len(upstream.requests) == 2)
        second = poll_task_1(gateway)
        second_is_done.set()
        return [first.result().json()["status"], second.json()["status"]]


def test_a_terminal_status_is_not_undone_by_an_older_response(gateway: Sandbox, upstream: Server) -> None:
    late, early = task("running", updated_at=9), task("succeeded", updated_at=3)
    assert poll_twice_out_of_order(gateway, upstream, late, early) == ["succeeded", "succeeded"]
    assert gateway.inspect("task-1").row["status"] == "succeeded"
    assert [change.status for change in gateway.inspect("task-1").history] == ["queued", "succeeded"]


def test_a_terminal_status_is_recorded_even_if_the_clock_of_the_upstream_went_back(
    gateway: Sandbox, upstream: Server
) -> None:
    upstream.script(task("running", updated_at=9), task("succeeded", updated_at=3))
    assert [poll_task_1(gateway).json()["status"] for _ in range(2)] == ["running", "succeeded"]


@pytest.mark.parametrize("task_id", [".", ".."])
def test_an_id_that_means_a_folder_in_a_path_is_never_sent_to_the_upstream(
    gateway: Sandbox, upstream: Server, task_id: str
) -> None:
    upstream.script(task("running"))
    response = get_raw_path(gateway, f"/v1/video/generations/{task_id}", "rsk_a")
    assert error_of(response) == (404, "not_found")
    assert upstream.requests == []


def test_progress_is_not_undone_by_an_older_response(gateway: Sandbox, upstream: Server) -> None:
    late, early = task("queued", updated_at=1), task("running", updated_at=1)
    assert poll_twice_out_of_order(gateway, upstream, late, early) == ["running", "running"]


def test_the_first_of_two_terminal_statuses_stays(gateway: Sandbox, upstream: Server) -> None:
    late, early = task("failed", updated_at=4), task("succeeded", updated_at=3)
    assert poll_twice_out_of_order(gateway, upstream, late, early) == ["succeeded", "succeeded"]


def test_a_newer_response_is_recorded_whatever_the_row_has(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("running", updated_at=1), task("queued", updated_at=2), task("running"), task("failed"))
    assert [poll_task_1(gateway).json()["status"] for _ in range(4)] == ["running", "queued", "running", "failed"]


def test_simultaneous_polls_of_one_task_all_get_what_the_database_has(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=5)
    clock.now += 5
    with ThreadPoolExecutor(20) as pool:
        bodies = {response.text for response in pool.map(poll, [sandbox] * 60, [task_id] * 60)}
    assert [json.loads(body) for body in bodies] == [sandbox.inspect(task_id).row]
    assert [change.status for change in sandbox.inspect(task_id).history] == ["queued", "succeeded"]


@pytest.mark.parametrize("task_id", ["a b", "ü", "100%", "a%2Fb", "?x=1", "#", "nul\0", "'; --", "x" * 2000])
def test_an_id_can_be_any_text(sandbox: Sandbox, task_id: str) -> None:
    assert poll(sandbox, sandbox.create_task(id=task_id)).json()["id"] == task_id


@pytest.mark.parametrize("path", ["/", "/.", "/..", "/%2e%2e", "/x/", "/a%2Fb", "s/x"])
def test_a_path_that_names_no_task_is_a_404(sandbox: Sandbox, path: str) -> None:
    assert error_of(get_raw_path(sandbox, f"/v1/video/generations{path}")) == (404, "not_found")


def test_an_id_that_is_not_utf8_is_the_documented_422(sandbox: Sandbox) -> None:
    response = get(f"{sandbox.base_url}/v1/video/generations/%FF", headers={"Authorization": "Bearer rsk_sandbox"})
    assert response.status_code == 422
    (error,) = response.json()["detail"]
    assert error["loc"] == ["path", "task_id"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_a_405_that_names_the_allowed_one(sandbox: Sandbox, method: str) -> None:
    response = request(method, f"{sandbox.base_url}/v1/video/generations/x")
    assert (response.status_code, response.headers["allow"]) == (405, "GET")


def test_the_date_header_follows_the_clock_of_the_sandbox(sandbox: Sandbox, clock: Clock) -> None:
    clock.now = 1_700_000_000.0
    for url in (sandbox.base_url, str(sandbox.upstream_url)):
        assert get(url).headers.get_list("date") == ["Tue, 14 Nov 2023 22:13:20 GMT"]


def test_an_internal_error_is_a_500_in_the_envelope(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("meshapi_video_sandbox._store.TaskStore.find", broken)
    assert error_of(poll(sandbox, "x")) == (500, "internal_error")


def poll_with_urllib(server: str, key: str, task_id: str) -> list[str]:
    """Polls as the published page shows it, without the SDK and without httpx, and returns the statuses."""
    statuses = list[str]()
    while not statuses or statuses[-1] not in {"succeeded", "failed", "expired"}:
        request = urllib.request.Request(  # noqa: S310 - it is http
            f"{server}/v1/video/generations/{task_id}",
            # The examples on the page send a body with the GET.
            data=b"{}",
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            method="GET",
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310 - it is http
            statuses.append(json.load(response)["status"])
    return statuses


def test_another_client_of_the_real_api_works_with_the_base_url_changed() -> None:
    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(queued_for=0.05, running_for=0.05)
        statuses = poll_with_urllib(sandbox.base_url, sandbox.api_key, task_id)
    assert statuses[-1] == "succeeded"


def test_a_method_that_a_path_does_not_have_is_a_405_that_names_those_it_has(sandbox: Sandbox) -> None:
    url = f"{sandbox.base_url}/v1/video/generations"
    for path, allowed in ((url, "GET, POST"), (f"{url}/x", "GET")):
        refused = request("DELETE", path)
        assert error_of(refused) == (405, "method_not_allowed")
        assert refused.headers["allow"] == allowed
