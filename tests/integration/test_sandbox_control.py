"""What a test tells the sandbox: how a task goes, what goes wrong, and how late it is."""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx
import pytest

from meshapi_video_sandbox import Outcome, Sandbox, running_sandbox
from support import looks
from support.clients import Caller
from support.clock import Clock

NOW: dict[str, float] = {"queued_for": 0, "running_for": 0}
PAGE = "<html><head><title>200 OK</title></head><body><h1>200 OK</h1><hr>nginx</body></html>\n"


def over_with(sandbox: Sandbox, *faults: Mapping[str, object]) -> str:
    """A task that is over, and whose looks fail so."""
    return sandbox.create_task(queued_for=0, running_for=0, faults=faults)


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "expired", "cancelled"])
def test_a_task_ends_as_it_was_told(sandbox: Sandbox, outcome: Outcome) -> None:
    assert looks.look(sandbox, sandbox.create_task(outcome, queued_for=0, running_for=0)).json()["status"] == outcome


def test_what_a_task_is_told_of_itself_is_in_its_answers_as_soon_as_the_like_is_known(
    sandbox: Sandbox, clock: Clock
) -> None:
    task_id = sandbox.create_task(
        id="my task", queued_for=1, running_for=1, model="my-model", draft=True, resolution="720p", seed=0
    )
    assert task_id == "my task"
    early = {"model": "my-model", "draft": True, "resolution": None, "seed": None}
    queued = looks.look(sandbox, task_id).json()
    assert {name: queued[name] for name in early} == early
    clock.now += 2
    over = looks.look(sandbox, task_id).json()
    assert {name: over[name] for name in early} == {**early, "resolution": "720p", "seed": 0}


def test_a_task_may_have_its_own_error_and_content(sandbox: Sandbox) -> None:
    error = {"code": "Odd", "message": "indeed"}
    content = {"video_url": None}
    failed = sandbox.create_task("failed", queued_for=0, running_for=0, error=error, content=content)
    assert (looks.look(sandbox, failed).json()["error"], looks.look(sandbox, failed).json()["content"]) == (error, None)
    without = sandbox.create_task(queued_for=0, running_for=0, content=content, error=error)
    over = looks.look(sandbox, without).json()
    assert (over["content"], over["error"]) == ({"video_url": None, "last_frame_url": None}, None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"outcome": "\xff"}', "utf-8"),
        (b'{"outcome": "lost"}', "outcome"),
        (b'{"queued": 1}', "takes no `queued`"),
        (b'{"created_at": 1}', "takes no `created_at`"),
        (b'{"status": "running"}', "takes no `status`"),
        (b'{"queued_for": -0.5}', "queued_for"),
        (b'{"running_for": NaN}', "malformed"),
        (b'{"running_for": 1e999}', "out of range"),
        (b'{"running_for": 400000000}', "running_for"),
        (b'{"seed": "x"}', "$.seed"),
        (b'{"id": ""}', "$.id"),
        (b'{"id": 5}', "str"),
        (b'{"key": "rsk_nobodys"}', "$.key"),
        (b'{"scenario": "sunny"}', "no such scenario; there are instant, quick"),
        (b'{"scenario": ["flaky"]}', "no such scenario"),
        (b'{"faults": {}}', "faults"),
        (b'{"faults": [{"when": 1}]}', "when"),
        (b'{"faults": [{"looks": [0]}]}', "looks"),
        (b'{"faults": [{"status": 200}]}', "status"),
        (b'{"faults": [{"status": 304}]}', "a 304"),
        (b'{"faults": [{"retry_after": "1\\r\\nX: y"}]}', "retry_after"),
        (b'{"faults": [{"delay": 4000}]}', "delay"),
    ],
)
def test_a_task_that_cannot_be_made_is_said_to_be_wrong(sandbox: Sandbox, asked: bytes, said: str) -> None:
    response = looks.post(f"{sandbox.base_url}/_sandbox/tasks", content=asked)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "validation_error"
    assert said in response.json()["error"]["message"]


def test_an_id_that_is_taken_is_a_conflict_and_the_task_stays(sandbox: Sandbox) -> None:
    sandbox.create_task("failed", id="mine")
    before = sandbox.inspect("mine")
    with pytest.raises(httpx.HTTPStatusError, match="409"):
        sandbox.create_task(id="mine")
    assert sandbox.inspect("mine") == before


def test_the_history_says_when_the_gateway_learned_what(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task(queued_for=10, running_for=10)
    made = clock.now
    for _ in range(12):
        looks.look(sandbox, task_id)
        clock.now += 4
    inspected = sandbox.inspect(task_id)
    assert [(change.at - made, change.status) for change in inspected.history] == [
        (0, "queued"),
        (12, "running"),
        (20, "succeeded"),
    ]
    assert inspected.row == looks.look(sandbox, task_id).json()
    assert inspected.upstream_asked == 6


def test_a_task_that_nobody_made_has_nothing_behind_it(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        sandbox.inspect("nobodys")


def test_a_two_hour_task_takes_no_time() -> None:
    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(scenario="slow")
        seen = [looks.look(sandbox, task_id).json()["status"]]
        for _ in range(2):
            sandbox.advance(3600)
            seen.append(looks.look(sandbox, task_id).json()["status"])
        assert seen == ["queued", "running", "succeeded"]


def test_the_clock_can_be_set_and_goes_on_from_there() -> None:
    with running_sandbox() as sandbox:
        before = time.time()
        assert before <= sandbox.now() <= time.time()
        sandbox.set_time(1_000_000_000)
        assert 1_000_000_000 <= sandbox.now() < 1_000_000_060
        sandbox.advance(-500_000_000)
        assert 500_000_000 <= sandbox.now() < 500_000_060
        assert looks.look(sandbox, sandbox.create_task()).json()["created_at"] - 500_000_000 < 60


@pytest.mark.parametrize(
    "order", [b"{", b"{}x", b'{"now": -1}', b'{"advance": 1e300}', b'{"now": 1e12}', b'{"to": 5}', b'{"now": "x"}']
)
def test_a_time_that_no_clock_shows_is_refused(sandbox: Sandbox, order: bytes) -> None:
    before = sandbox.now()
    assert looks.post(f"{sandbox.base_url}/_sandbox/clock", content=order).status_code == 422
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
def test_given_looks_are_answered_with_a_status(sandbox: Sandbox, status: int, code: str) -> None:
    task_id = over_with(sandbox, {"looks": [1, 3], "status": status})
    first, *others = [looks.look(sandbox, task_id) for _ in range(4)]
    assert [first.status_code, *(one.status_code for one in others)] == [status, 200, status, 200]
    assert first.json()["error"]["code"] == code
    assert first.json()["request_id"] == first.headers["x-request-id"]


def test_a_fault_that_names_no_looks_is_about_all_of_them_and_asks_no_upstream(sandbox: Sandbox) -> None:
    task_id = over_with(sandbox, {"status": 503})
    assert [looks.look(sandbox, task_id).status_code for _ in range(3)] == [503] * 3
    assert sandbox.inspect(task_id).upstream_asked == 0


@pytest.mark.parametrize(
    ("retry_after", "header", "in_body"),
    [(7, "7", 7.0), (1.5, "1.5", 1.5), ("Fri, 31 Dec 2100 23:59:59 GMT",) * 2 + (None,), ("soon", "soon", None)],
)
def test_a_retry_after_may_be_anything(
    sandbox: Sandbox, retry_after: object, header: str, in_body: float | None
) -> None:
    limited = looks.look(sandbox, over_with(sandbox, {"retry_after": retry_after}))
    assert (limited.status_code, limited.headers["retry-after"]) == (429, header)
    assert limited.json()["error"].get("retry_after_seconds") == in_body


def test_a_delayed_look_is_answered_all_the_same(sandbox: Sandbox) -> None:
    task_id = over_with(sandbox, {"looks": [1], "delay": 0.2})
    assert looks.look(sandbox, task_id).json()["status"] == "succeeded"


def test_a_sandbox_that_ends_does_not_wait_for_a_delay(caplog: pytest.LogCaptureFixture) -> None:
    with running_sandbox() as sandbox:
        address = f"{sandbox.base_url}/v1/video/generations/{over_with(sandbox, {'delay': 3600})}"
        with pytest.raises(httpx.ReadTimeout):
            looks.get(address, headers={"Authorization": "Bearer rsk_sandbox"}, timeout=0.1)
    # Nor does the server say that it had to cancel it.
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_a_look_can_be_reset(sandbox: Sandbox) -> None:
    address = f"{sandbox.base_url}/v1/video/generations/{over_with(sandbox, {'reset': True})}"
    headers = {"Authorization": "Bearer rsk_sandbox", "X-Forwarded-For": "10.0.0.1"}
    with pytest.raises(httpx.ReadError) as caught:
        looks.get(address, headers=headers)
    error: BaseException | None = caught.value
    while error is not None and not isinstance(error, ConnectionResetError):
        error = error.__cause__ or error.__context__
    assert error is not None


def test_a_body_can_be_truncated(sandbox: Sandbox) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        looks.look(sandbox, over_with(sandbox, {"body": "truncated"}))
    with pytest.raises(httpx.RemoteProtocolError):
        looks.look(sandbox, over_with(sandbox, {"body": "truncated", "status": 500}))


def test_a_whole_answer_can_hold_half_of_its_json(sandbox: Sandbox) -> None:
    task_id = over_with(sandbox, {"looks": [1], "body": "half"})
    half, whole = looks.look(sandbox, task_id), looks.look(sandbox, task_id)
    assert half.content == whole.content[: len(whole.content) // 2]
    assert half.headers["content-type"] == whole.headers["content-type"]


def test_a_body_can_be_a_page(sandbox: Sandbox) -> None:
    page = looks.look(sandbox, over_with(sandbox, {"body": "html"}))
    assert (page.status_code, page.headers["content-type"], page.text) == (200, "text/html; charset=utf-8", PAGE)
    bad_gateway = looks.look(sandbox, over_with(sandbox, {"body": "html", "status": 502, "retry_after": 3}))
    assert (bad_gateway.status_code, bad_gateway.headers["retry-after"]) == (502, "3")
    assert "502 Bad Gateway" in bad_gateway.text
    assert "520 Error" in looks.look(sandbox, over_with(sandbox, {"body": "html", "status": 520})).text


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"retry_after": 5}, {"reset": True}, {"body": "truncated"}, {"body": "html"}]
)
def test_the_upstream_can_be_at_fault_too(sandbox: Sandbox, fault: dict[str, object]) -> None:
    task_id = over_with(sandbox, {"at": "upstream", "looks": [1], **fault})
    assert looks.look(sandbox, task_id).status_code == 502
    assert sandbox.inspect(task_id).row["status"] == "queued"
    assert looks.look(sandbox, task_id).json()["status"] == "succeeded"
    assert sandbox.inspect(task_id).upstream_asked == 2


def test_faults_say_nothing_on_the_server_itself(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    task_id = over_with(sandbox, {"looks": [1], "reset": True}, {"looks": [2], "body": "truncated"})
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            looks.look(sandbox, task_id)
    assert looks.look(sandbox, task_id).status_code == 200
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
def test_every_scenario_ends_as_its_name_says(sandbox: Sandbox, clock: Clock, scenario: str, outcome: str) -> None:
    task_id = sandbox.create_task(scenario=scenario)
    clock.now += 7200
    for _ in range(5):
        try:
            answered = looks.look(sandbox, task_id).status_code
        except httpx.TransportError:
            answered = 0
        assert (answered == 200) or scenario in {"flaky", "rate_limited", "upstream_down"}
    assert looks.look(sandbox, task_id).json()["status"] == outcome


def test_every_scenario_is_tested_and_in_the_list_that_the_sandbox_gives(sandbox: Sandbox) -> None:
    (mark,) = test_every_scenario_ends_as_its_name_says.pytestmark  # type: ignore[attr-defined]  # pytest puts it there
    listed = looks.get(f"{sandbox.base_url}/_sandbox/scenarios").json()
    assert list(listed) == [name for name, _ in mark.args[1]]


def test_what_is_said_beside_a_scenario_goes_before_it(sandbox: Sandbox) -> None:
    task_id = sandbox.create_task("failed", scenario="slow", queued_for=0, running_for=0)
    assert looks.look(sandbox, task_id).json()["status"] == "failed"


def test_a_wait_rides_through_a_flaky_story(client: Caller, sandbox: Sandbox) -> None:
    task_id = sandbox.create_task(scenario="flaky")
    assert client.wait(task_id).id == task_id
