"""The control API: how a task runs and ends, which polls fail, and the clock."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx
import pytest

from meshapi_video_sandbox import Outcome, Sandbox, running_sandbox
from support.clients import Caller
from support.clock import Clock
from support.sandbox_client import get, poll, post

PAGE = "<html><head><title>200 OK</title></head><body><h1>200 OK</h1><hr>nginx</body></html>\n"


def finished_task(sandbox: Sandbox, *faults: Mapping[str, object]) -> str:
    """Creates a task that has succeeded at the upstream, and whose polls have these faults."""
    return sandbox.create_task(queued_for=0, running_for=0, faults=faults)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "expired", "cancelled"])
def test_a_task_ends_with_the_requested_outcome(sandbox: Sandbox, outcome: Outcome) -> None:
    assert poll(sandbox, sandbox.create_task(outcome, queued_for=0, running_for=0)).json()["status"] == outcome


def test_a_requested_field_is_in_the_response_from_the_moment_that_the_upstream_would_know_it(
    sandbox: Sandbox, clock: Clock
) -> None:
    task_id = sandbox.create_task(
        id="my task", queued_for=1, running_for=1, model="my-model", draft=True, resolution="720p", seed=0
    )
    assert task_id == "my task"
    expected = {"model": "my-model", "draft": True, "resolution": None, "seed": None}
    queued = poll(sandbox, task_id).json()
    assert {name: queued[name] for name in expected} == expected
    clock.now += 2
    succeeded = poll(sandbox, task_id).json()
    assert {name: succeeded[name] for name in expected} == {**expected, "resolution": "720p", "seed": 0}


def test_a_request_can_set_the_error_of_a_failed_task_and_the_content_of_a_succeeded_one(sandbox: Sandbox) -> None:
    error = {"code": "Odd", "message": "indeed"}
    content = {"video_url": None}
    failed = sandbox.create_task("failed", queued_for=0, running_for=0, error=error, content=content)
    assert (poll(sandbox, failed).json()["error"], poll(sandbox, failed).json()["content"]) == (error, None)
    without = sandbox.create_task(queued_for=0, running_for=0, content=content, error=error)
    succeeded = poll(sandbox, without).json()
    assert (succeeded["content"], succeeded["error"]) == ({"video_url": None, "last_frame_url": None}, None)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"outcome": "\xff"}', "utf-8"),
        (b'{"outcome": "lost"}', "outcome"),
        (b'{"queued": 1}', "`queued` cannot be set"),
        (b'{"created_at": 1}', "`created_at` cannot be set"),
        (b'{"status": "running"}', "`status` cannot be set"),
        (b'{"queued_for": -0.5}', "queued_for"),
        (b'{"running_for": NaN}', "malformed"),
        (b'{"running_for": 1e999}', "out of range"),
        (b'{"running_for": 400000000}', "running_for"),
        (b'{"seed": "x"}', "$.seed"),
        (b'{"id": ""}', "$.id"),
        (b'{"id": 5}', "str"),
        (b'{"key": "rsk_nobodys"}', "$.key"),
        (b'{"scenario": "sunny"}', "unknown scenario 'sunny'. Choose from instant, quick"),
        (b'{"scenario": ["flaky"]}', "unknown scenario"),
        (b'{"faults": {}}', "faults"),
        (b'{"faults": [{"when": 1}]}', "when"),
        (b'{"faults": [{"polls": [0]}]}', "polls"),
        (b'{"faults": [{"status": 200}]}', "status"),
        (b'{"faults": [{"status": 304}]}', "status 304"),
        (b'{"faults": [{"retry_after": "1\\r\\nX: y"}]}', "retry_after"),
        (b'{"faults": [{"delay": 4000}]}', "delay"),
    ],
)
def test_a_wrong_request_for_a_task_gets_a_422_that_names_the_mistake(
    sandbox: Sandbox, body: bytes, message: str
) -> None:
    response = post(f"{sandbox.base_url}/_sandbox/tasks", content=body)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "validation_error"
    assert message in response.json()["error"]["message"]


def test_an_id_that_is_taken_is_a_conflict_and_leaves_the_task_unchanged(sandbox: Sandbox) -> None:
    sandbox.create_task("failed", id="mine")
    before = sandbox.inspect("mine")
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        sandbox.create_task(id="mine")
    assert sandbox.inspect("mine") == before


def test_the_history_has_each_status_with_the_time_of_the_poll_that_recorded_it(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task(queued_for=10, running_for=10)
    created_at = clock.now
    for _ in range(12):
        poll(sandbox, task_id)
        clock.now += 4
    inspected = sandbox.inspect(task_id)
    assert [(change.at - created_at, change.status) for change in inspected.history] == [
        (0, "queued"),
        (12, "running"),
        (20, "succeeded"),
    ]
    assert inspected.row == poll(sandbox, task_id).json()
    assert inspected.upstream_polls == 6


def test_inspecting_an_unknown_task_is_a_404(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        sandbox.inspect("nobodys")


def test_a_two_hour_task_is_tested_in_no_time_by_moving_the_clock() -> None:
    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(scenario="slow")
        statuses = [poll(sandbox, task_id).json()["status"]]
        for _ in range(2):
            sandbox.advance(3600)
            statuses.append(poll(sandbox, task_id).json()["status"])
        assert statuses == ["queued", "running", "succeeded"]


def test_the_clock_can_be_set_and_runs_on_from_there() -> None:
    with running_sandbox() as sandbox:
        assert sandbox.now() == pytest.approx(time.time(), abs=60)
        sandbox.set_time(1_000_000_000)
        assert 1_000_000_000 <= sandbox.now() < 1_000_000_060
        sandbox.advance(-500_000_000)
        assert 500_000_000 <= sandbox.now() < 500_000_060
        assert poll(sandbox, sandbox.create_task()).json()["created_at"] - 500_000_000 < 60


@pytest.mark.parametrize(
    "body", [b"{", b"{}x", b'{"now": -1}', b'{"advance": 1e300}', b'{"now": 1e12}', b'{"to": 5}', b'{"now": "x"}']
)
def test_a_wrong_request_to_set_the_clock_gets_a_422_and_changes_nothing(sandbox: Sandbox, body: bytes) -> None:
    before = sandbox.now()
    assert post(f"{sandbox.base_url}/_sandbox/clock", content=body).status_code == 422
    assert sandbox.now() == before


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "unauthorized"),
        (402, "spend_limit_exceeded"),
        (403, "forbidden"),
        (404, "not_found"),
        (409, "conflict"),
        (422, "validation_error"),
        (429, "rate_limit_exceeded"),
        (500, "internal_error"),
        (503, "upstream_error"),
        (504, "gateway_timeout"),
        (302, "error"),
    ],
)
def test_a_fault_with_a_status_fails_the_listed_polls_and_no_others(sandbox: Sandbox, status: int, code: str) -> None:
    task_id = finished_task(sandbox, {"polls": [1, 3], "status": status})
    responses = [poll(sandbox, task_id) for _ in range(4)]
    assert [response.status_code for response in responses] == [status, 200, status, 200]
    first = responses[0]
    assert first.json()["error"]["code"] == code
    assert first.json()["request_id"] == first.headers["x-request-id"]


def test_a_fault_without_a_list_of_polls_fails_all_of_them_and_the_upstream_is_not_polled(sandbox: Sandbox) -> None:
    task_id = finished_task(sandbox, {"status": 503})
    assert [poll(sandbox, task_id).status_code for _ in range(3)] == [503] * 3
    assert sandbox.inspect(task_id).upstream_polls == 0


@pytest.mark.parametrize(
    ("retry_after", "header", "in_body"),
    [(7, "7", 7.0), (1.5, "1.5", 1.5), ("Fri, 31 Dec 2100 23:59:59 GMT",) * 2 + (None,), ("soon", "soon", None)],
)
def test_a_retry_after_can_be_seconds_a_date_or_nonsense(
    sandbox: Sandbox, retry_after: object, header: str, in_body: float | None
) -> None:
    limited = poll(sandbox, finished_task(sandbox, {"retry_after": retry_after}))
    assert (limited.status_code, limited.headers["retry-after"]) == (429, header)
    assert limited.json()["error"].get("retry_after_seconds") == in_body


def test_a_delayed_poll_gets_its_response(sandbox: Sandbox) -> None:
    task_id = finished_task(sandbox, {"polls": [1], "delay": 0.2})
    assert poll(sandbox, task_id).json()["status"] == "succeeded"


def test_a_sandbox_that_stops_does_not_wait_for_a_delayed_response(caplog: pytest.LogCaptureFixture) -> None:
    with running_sandbox() as sandbox:
        url = f"{sandbox.base_url}/v1/video/generations/{finished_task(sandbox, {'delay': 3600})}"
        with pytest.raises(httpx.ReadTimeout):
            get(url, headers={"Authorization": "Bearer rsk_sandbox"}, timeout=0.1)
    # uvicorn logs an error if it has to cancel a request.
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_a_fault_can_reset_the_connection(sandbox: Sandbox) -> None:
    url = f"{sandbox.base_url}/v1/video/generations/{finished_task(sandbox, {'reset': True})}"
    headers = {"Authorization": "Bearer rsk_sandbox", "X-Forwarded-For": "10.0.0.1"}
    with pytest.raises(httpx.ReadError) as caught:
        get(url, headers=headers)
    error: BaseException | None = caught.value
    while error is not None and not isinstance(error, ConnectionResetError):
        error = error.__cause__ or error.__context__
    assert error is not None


def test_a_fault_can_truncate_the_body(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        poll(sandbox, finished_task(sandbox, {"body": "truncated"}))
    with pytest.raises(httpx.RemoteProtocolError):
        poll(sandbox, finished_task(sandbox, {"body": "truncated", "status": 500}))


def test_a_fault_can_send_half_of_the_json_as_a_complete_response(sandbox: Sandbox) -> None:
    task_id = finished_task(sandbox, {"polls": [1], "body": "half"})
    half, whole = poll(sandbox, task_id), poll(sandbox, task_id)
    assert half.content == whole.content[: len(whole.content) // 2]
    assert half.headers["content-type"] == whole.headers["content-type"]


def test_a_fault_can_send_an_html_page(sandbox: Sandbox) -> None:
    page = poll(sandbox, finished_task(sandbox, {"body": "html"}))
    assert (page.status_code, page.headers["content-type"], page.text) == (200, "text/html; charset=utf-8", PAGE)
    bad_gateway = poll(sandbox, finished_task(sandbox, {"body": "html", "status": 502, "retry_after": 3}))
    assert (bad_gateway.status_code, bad_gateway.headers["retry-after"]) == (502, "3")
    assert "502 Bad Gateway" in bad_gateway.text
    assert "520 Error" in poll(sandbox, finished_task(sandbox, {"body": "html", "status": 520})).text


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"retry_after": 5}, {"reset": True}, {"body": "truncated"}, {"body": "html"}]
)
def test_a_fault_at_the_upstream_is_a_502_and_leaves_the_row_unchanged(
    sandbox: Sandbox, fault: dict[str, object]
) -> None:
    task_id = finished_task(sandbox, {"at": "upstream", "polls": [1], **fault})
    assert poll(sandbox, task_id).status_code == 502
    assert sandbox.inspect(task_id).row["status"] == "queued"
    assert poll(sandbox, task_id).json()["status"] == "succeeded"
    assert sandbox.inspect(task_id).upstream_polls == 2


def test_injected_faults_are_not_logged_as_errors_of_the_server(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    task_id = finished_task(sandbox, {"polls": [1], "reset": True}, {"polls": [2], "body": "truncated"})
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            poll(sandbox, task_id)
    assert poll(sandbox, task_id).status_code == 200
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


@pytest.mark.parametrize(
    ("scenario", "outcome"),
    [
        ("instant", "succeeded"),
        ("quick", "succeeded"),
        ("slow", "succeeded"),
        ("endless", "running"),
        ("failed", "failed"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
        ("flaky", "succeeded"),
        ("rate_limited", "succeeded"),
        ("upstream_down", "succeeded"),
    ],
)
def test_a_scenario_ends_with_its_status(sandbox: Sandbox, clock: Clock, scenario: str, outcome: str) -> None:
    task_id = sandbox.create_task(scenario=scenario)
    clock.now += 7200
    for _ in range(5):
        try:
            status_code = poll(sandbox, task_id).status_code
        except httpx.TransportError:
            status_code = 0
        assert (status_code == 200) or scenario in {"flaky", "rate_limited", "upstream_down"}
    assert poll(sandbox, task_id).json()["status"] == outcome


def test_the_list_of_scenarios_has_every_scenario_that_is_tested_and_no_other(sandbox: Sandbox) -> None:
    (mark,) = test_a_scenario_ends_with_its_status.pytestmark  # type: ignore[attr-defined]  # pytest sets it
    listed = get(f"{sandbox.base_url}/_sandbox/scenarios").json()
    assert list(listed) == [name for name, _ in mark.args[1]]


def test_options_beside_a_scenario_override_it(sandbox: Sandbox) -> None:
    task_id = sandbox.create_task("failed", scenario="slow", queued_for=0, running_for=0)
    assert poll(sandbox, task_id).json()["status"] == "failed"


def test_a_wait_survives_the_flaky_scenario(client: Caller, sandbox: Sandbox) -> None:
    task_id = sandbox.create_task(scenario="flaky")
    assert client.wait(task_id).id == task_id
