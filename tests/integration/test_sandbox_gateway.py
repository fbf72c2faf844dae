"""The gateway: answers from the database what is over, and asks the upstream about the rest."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox
from support import looks
from support.clock import Clock
from support.server import Answer, Server, answer, close, raw, reset, serving, task

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"
PAGE = b"<html>Bad Gateway</html>"


@pytest.fixture
def upstream() -> Generator[Server]:
    """An upstream that answers as the test tells it."""
    with serving() as started:
        yield started


@pytest.fixture
def gateway(upstream: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[Sandbox]:
    """A gateway in front of that upstream."""
    monkeypatch.setenv("ARK_API_KEY", "ark_real")
    with running_sandbox(upstream=f"{upstream.base_url}/api/v3", keys=("rsk_a", "rsk_b")) as started:
        yield started


def a_look(gateway: Sandbox, task_id: str = "task-1", key: str = "rsk_a") -> httpx.Response:
    return looks.look(gateway, task_id, key)


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
    refused = looks.get(f"{sandbox.base_url}/v1/video/generations/{EXAMPLE_ID}", headers=header)
    assert error_of(refused) == (401, "unauthorized")


def test_every_documented_field_is_in_an_answer_and_null_where_nothing_is_known(sandbox: Sandbox) -> None:
    example = looks.look(sandbox, EXAMPLE_ID).json()
    queued = looks.look(sandbox, sandbox.create_task(queued_for=9)).json()
    assert queued.keys() == example.keys()
    assert [queued[name] for name in ("content", "error", "usage", "seed")] == [None] * 4


def test_the_database_answers_what_is_over_and_the_upstream_is_never_asked_again(
    sandbox: Sandbox, clock: Clock
) -> None:
    task_id = sandbox.create_task(queued_for=1, running_for=1)
    assert looks.look(sandbox, task_id).json()["status"] == "queued"
    clock.now += 2
    over = looks.look(sandbox, task_id).content
    assert sandbox.inspect(task_id).upstream_asked == 2
    clock.now += 1_000_000
    assert {looks.look(sandbox, task_id).content for _ in range(5)} == {over}
    assert sandbox.inspect(task_id).upstream_asked == 2


def test_a_task_that_is_not_over_asks_the_upstream_once_a_request(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("queued"), task("running"), task("running"), task("failed"))
    seen = [a_look(gateway).json()["status"] for _ in range(6)]
    assert seen == ["queued", "running", "running", "failed", "failed", "failed"]
    assert len(upstream.requests) == 4
    assert gateway.inspect("task-1").upstream_asked == 4
    assert [change.status for change in gateway.inspect("task-1").history] == ["queued", "running", "failed"]


def test_the_upstream_is_asked_with_its_own_key_and_never_with_the_clients(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("queued"))
    a_look(gateway)
    (asked,) = upstream.requests
    assert asked.target == "/api/v3/contents/generations/tasks/task-1"
    assert asked.headers["authorization"] == "Bearer ark_real"
    assert "rsk_a" not in str(asked)


@pytest.mark.parametrize(
    "fault",
    [
        answer(500, {"error": {"code": "InternalServiceError", "message": "m"}}),
        answer(429, {}, retry_after="9"),
        answer(401, {}),
        answer(302, {}, location="/elsewhere"),
        answer(200, PAGE),
        answer(200, b'{"id": "task-1", "sta'),
        answer(200, {"id": "task-1", "status": 5}),
        answer(200, {"id": "another", "status": "succeeded"}),
        answer(200, []),
        answer(200, b"[" * 100_000),
        answer(200, b'{"id": "\xff"}'),
        answer(200, {"id": "task-1", "status": "succeeded", "updated_at": 10**30}),
        answer(404, {}),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
        close,
        reset,
    ],
)
def test_an_upstream_failure_is_a_502_and_leaves_the_row_as_it_was(
    gateway: Sandbox, upstream: Server, fault: Answer
) -> None:
    upstream.script(task("running", updated_at=7), fault, task("succeeded", updated_at=8))
    a_look(gateway)
    before = gateway.inspect("task-1")
    assert error_of(a_look(gateway)) == (502, "upstream_error")
    after = gateway.inspect("task-1")
    assert (after.row, after.history) == (before.row, before.history)
    assert after.upstream_asked == before.upstream_asked + 1
    assert a_look(gateway).json()["status"] == "succeeded"


def test_an_upstream_that_does_not_answer_in_time_is_a_502(
    gateway: Sandbox, upstream: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video_sandbox._asking._TIMEOUT", 0.05)
    upstream.script(upstream.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + b" " * 9999))
    assert error_of(a_look(gateway)) == (502, "upstream_error")


def test_an_unknown_task_is_adopted_if_the_upstream_knows_it(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(answer(404, {}), task("running"))
    assert error_of(a_look(gateway)) == (404, "not_found")
    assert a_look(gateway).json()["status"] == "running"
    assert gateway.inspect("task-1").upstream_asked == 1
    assert error_of(a_look(gateway, key="rsk_b")) == (404, "not_found")
    assert len(upstream.requests) == 2


def test_a_task_that_two_keys_ask_for_at_once_is_adopted_by_one_of_them(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(upstream.slow(task("running"), 0.2))
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(a_look, [gateway] * 2, ["task-1"] * 2, ["rsk_a", "rsk_b"]))
    assert len(upstream.requests) == 2
    assert sorted(one.status_code for one in both) == [200, 404]


def test_the_same_code_is_a_gateway_in_front_of_another_sandboxs_upstream(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARK_API_KEY", "ark_sandbox")
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    with running_sandbox(upstream=sandbox.upstream_url) as gateway:
        assert looks.look(gateway, task_id).json() == looks.look(sandbox, task_id).json()
        made = looks.post(f"{gateway.base_url}/_sandbox/tasks")
        assert error_of(made) == (409, "conflict")


def test_a_key_sees_only_its_own_tasks() -> None:
    with running_sandbox(keys=("rsk_a", "rsk_b")) as sandbox:
        first, second = sandbox.create_task(), sandbox.create_task(key="rsk_b")
        for task_id, own, others in ((first, "rsk_a", "rsk_b"), (second, "rsk_b", "rsk_a")):
            assert looks.look(sandbox, task_id, own).status_code == 200
            assert error_of(looks.look(sandbox, task_id, others)) == (404, "not_found")
            assert sandbox.inspect(task_id).upstream_asked == 1


def overtaken(gateway: Sandbox, upstream: Server, late: Answer, early: Answer) -> list[str]:
    """The statuses that two looks at once were answered with, the first of them late."""
    upstream.script(task("queued", updated_at=1), upstream.slow(late, 0.3), early)
    a_look(gateway)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(a_look, gateway)
        while len(upstream.requests) < 2:
            threading.Event().wait(0.01)
        second = a_look(gateway)
        return [first.result().json()["status"], second.json()["status"]]


def test_an_end_is_not_undone_by_an_answer_that_it_overtook(gateway: Sandbox, upstream: Server) -> None:
    late, early = task("running", updated_at=9), task("succeeded", updated_at=3)
    assert overtaken(gateway, upstream, late, early) == ["succeeded", "succeeded"]
    assert gateway.inspect("task-1").row["status"] == "succeeded"
    assert [change.status for change in gateway.inspect("task-1").history] == ["queued", "succeeded"]


def test_an_end_is_taken_even_from_an_upstream_whose_clock_went_back(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("running", updated_at=9), task("succeeded", updated_at=3))
    assert [a_look(gateway).json()["status"] for _ in range(2)] == ["running", "succeeded"]


@pytest.mark.parametrize("task_id", [".", ".."])
def test_an_id_that_would_lead_elsewhere_is_never_asked_for(gateway: Sandbox, upstream: Server, task_id: str) -> None:
    upstream.script(task("running"))
    with httpx.Client() as client:
        target = f"/v1/video/generations/{task_id}".encode()
        headers = {"Authorization": "Bearer rsk_a"}
        request = client.build_request("GET", gateway.base_url, headers=headers, extensions={"target": target})
        assert error_of(client.send(request)) == (404, "not_found")
    assert upstream.requests == []


def test_progress_is_not_undone_by_an_older_answer(gateway: Sandbox, upstream: Server) -> None:
    late, early = task("queued", updated_at=1), task("running", updated_at=1)
    assert overtaken(gateway, upstream, late, early) == ["running", "running"]


def test_of_two_ends_the_first_that_was_learned_stays(gateway: Sandbox, upstream: Server) -> None:
    late, early = task("failed", updated_at=4), task("succeeded", updated_at=3)
    assert overtaken(gateway, upstream, late, early) == ["succeeded", "succeeded"]


def test_a_newer_answer_is_taken_whatever_came_before(gateway: Sandbox, upstream: Server) -> None:
    upstream.script(task("running", updated_at=1), task("queued", updated_at=2), task("running"), task("odd"))
    assert [a_look(gateway).json()["status"] for _ in range(4)] == ["running", "queued", "running", "odd"]


def test_many_requests_for_one_task_at_once_all_get_what_the_database_says(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=5)
    clock.now += 5
    with ThreadPoolExecutor(20) as pool:
        answers = {one.text for one in pool.map(looks.look, [sandbox] * 60, [task_id] * 60)}
    assert [json.loads(one) for one in answers] == [sandbox.inspect(task_id).row]
    assert [change.status for change in sandbox.inspect(task_id).history] == ["queued", "succeeded"]


@pytest.mark.parametrize("task_id", ["a b", "ü", "100%", "a%2Fb", "?x=1", "#", "nul\0", "'; --", "x" * 2000])
def test_an_id_may_hold_any_text(sandbox: Sandbox, task_id: str) -> None:
    assert looks.look(sandbox, sandbox.create_task(id=task_id)).json()["id"] == task_id


@pytest.mark.parametrize("path", ["", "/", "/.", "/..", "/%2e%2e", "/x/", "/a%2Fb", "s/x"])
def test_a_path_that_is_no_tasks_is_not_found(sandbox: Sandbox, path: str) -> None:
    # Not by httpx, which would tidy the path up.
    with httpx.Client() as client:
        request = client.build_request(
            "GET",
            sandbox.base_url,
            headers={"Authorization": "Bearer rsk_sandbox"},
            extensions={"target": f"/v1/video/generations{path}".encode()},
        )
        assert error_of(client.send(request)) == (404, "not_found")


def test_an_id_that_is_no_text_is_a_422_as_documented(sandbox: Sandbox) -> None:
    refused = looks.get(f"{sandbox.base_url}/v1/video/generations/%FF", headers={"Authorization": "Bearer rsk_sandbox"})
    assert refused.status_code == 422
    (wrong,) = refused.json()["detail"]
    assert wrong["loc"] == ["path", "task_id"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_another_method_is_a_405_that_names_the_right_one(sandbox: Sandbox, method: str) -> None:
    refused = looks.request(method, f"{sandbox.base_url}/v1/video/generations/x")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")


def test_the_date_of_an_answer_is_the_sandboxs(sandbox: Sandbox, clock: Clock) -> None:
    clock.now = 1_700_000_000.0
    for address in (sandbox.base_url, str(sandbox.upstream_url)):
        assert looks.get(address).headers.get_list("date") == ["Tue, 14 Nov 2023 22:13:20 GMT"]


def test_a_crash_is_a_500_in_the_envelope(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("meshapi_video_sandbox._store.Store.find", broken)
    assert error_of(looks.look(sandbox, "x")) == (500, "internal_error")


def poll(server: str, key: str, task_id: str) -> list[str]:
    """A client of the real API by somebody else: it knows the published page, and nothing of a sandbox."""
    seen = list[str]()
    while not seen or seen[-1] not in {"succeeded", "failed", "expired"}:
        request = urllib.request.Request(  # noqa: S310 - it is http
            f"{server}/v1/video/generations/{task_id}",
            # The page's own examples send a body with their GET.
            data=b"{}",
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            method="GET",
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310 - it is http
            seen.append(json.load(response)["status"])
    return seen


def test_a_client_that_is_not_ours_needs_the_base_url_alone() -> None:
    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(queued_for=0.05, running_for=0.05)
        seen = poll(sandbox.base_url, sandbox.api_key, task_id)
    assert seen[-1] == "succeeded"
