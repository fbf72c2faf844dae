"""The server for AI clients asks before it creates a video, and pays for no request twice."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.to_thread
import pytest
from mcp.types import CallToolResult, InputRequiredResult

from meshapi_video import AsyncVideoClient, JournalNotWritten, read_journal
from meshapi_video._download.file_lock import try_lock
from meshapi_video._mcp import paid_once
from meshapi_video._mcp.creates import Creates
from meshapi_video._mcp.paid_once import PaidOnce
from meshapi_video_sandbox import CreateRecord, Sandbox
from support.clock import Clock
from support.many_tasks import eventually
from support.mcp_client import MODEL, MODES, AIClient, User, agreeing, run_in_thread, text_of
from support.server import Server, close, response

LAKE: dict[str, Any] = {"model": MODEL, "prompt": "a lake", "duration": 5, "resolution": "720p"}


class Mesh:
    """The sandbox, with the creates of one test."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.plan_creates = sandbox.plan_creates
        self._creates = sandbox.creates
        self._before = len(sandbox.creates())
        sandbox.plan_creates()

    def creates(self) -> list[CreateRecord]:
        return self._creates()[self._before :]


@pytest.fixture
def mesh(env_sandbox: Sandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Mesh:
    monkeypatch.setattr("meshapi_video._mcp.paid_once.time", SimpleNamespace(time=clock))
    # Each test is on its own day, so that no list has the tasks of another test.
    clock.now += 86_400 * (1 + len(env_sandbox.creates()))
    return Mesh(env_sandbox)


@pytest.fixture(params=MODES)
def ai(request: pytest.FixtureRequest, tmp_path: Path) -> AIClient:
    return AIClient(request.param, tmp_path, agreeing())


def test_the_user_is_asked_with_model_length_and_resolution_and_then_the_task_is_created(
    ai: AIClient, mesh: Mesh
) -> None:
    created = ai.data("create_video", **LAKE)
    (made,) = mesh.creates()
    assert created == {
        "task_id": made.id,
        "is_new": True,
        "next": "The task is created and paid for. Call wait_for_video with this task_id.",
    }
    assert ai.user is not None
    assert ai.user.questions == [
        f'Create a video? It costs money.\nModel: "{MODEL}"\nLength: 5 seconds\nResolution: "720p"'
    ]


def test_the_question_names_what_the_model_chooses_and_what_seems_wrong(ai: AIClient, mesh: Mesh) -> None:
    ai.user = User("decline")
    ai.data("create_video", model=MODEL, prompt="a lake", duration=99, ratio="16:9", take=2)
    ai.data("create_video", model=MODEL, prompt="a lake")
    ai.data("create_video", model=MODEL, prompt="a lake", duration=-1)
    first, second, third = ai.user.questions
    assert first.endswith(
        'Length: 99 seconds\nResolution: chosen by the model\nRatio: "16:9"\nTake: 2\nNote: duration is 99, which is '
        "not from 4 to 15 seconds, as far as is known of this model."
    )
    assert second.endswith("Length: chosen by the model\nResolution: chosen by the model")
    assert third.endswith("Length: chosen by the server\nResolution: chosen by the model")
    assert mesh.creates() == []


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (User("decline"), "The user does not want this video"),
        (User(content={"create": False}), "The user does not want this video"),
        (User("cancel"), "The user closed the question"),
    ],
    ids=["declined", "refused in the form", "cancelled"],
)
def test_without_the_consent_of_the_user_nothing_is_created(ai: AIClient, mesh: Mesh, user: User, reason: str) -> None:
    ai.user = user
    refused = ai.data("create_video", **LAKE)
    assert refused["is_new"] is False
    assert refused["next"].startswith(f"{reason}: nothing was created or paid for")
    assert mesh.creates() == []
    assert list(ai.folder.iterdir()) == []


def test_an_answer_without_the_field_of_the_form_is_no_consent(ai: AIClient, mesh: Mesh) -> None:
    ai.user = User(content={})
    assert "no usable answer" in ai.error("create_video", **LAKE)
    assert mesh.creates() == []


def test_a_client_that_cannot_ask_is_refused(ai: AIClient, mesh: Mesh) -> None:
    ai.user = None
    sentence = ai.error("create_video", **LAKE)
    assert "this client cannot ask the user: nothing was created" in sentence
    assert "--allow-paid" in sentence
    assert mesh.creates() == []


def test_a_client_that_cannot_ask_creates_once_the_user_has_allowed_it(ai: AIClient, mesh: Mesh) -> None:
    ai.user, ai.allow_paid = None, True
    assert ai.data("create_video", **LAKE)["is_new"]
    assert len(mesh.creates()) == 1


def test_a_client_that_can_ask_asks_also_if_the_user_has_allowed_others_not_to(ai: AIClient, mesh: Mesh) -> None:
    ai.user, ai.allow_paid = User("decline"), True
    assert ai.data("create_video", **LAKE)["is_new"] is False
    assert mesh.creates() == []


def test_the_same_request_is_paid_once_and_asked_once(ai: AIClient, mesh: Mesh) -> None:
    assert ai.user is not None
    first = ai.data("create_video", **LAKE)
    again = ai.data("create_video", **LAKE)
    assert (again["task_id"], again["is_new"]) == (first["task_id"], False)
    assert "nothing was paid now" in again["next"]
    assert "take=2" in again["next"]
    assert len(mesh.creates()) == len(ai.user.questions) == 1


def test_the_task_of_another_account_is_not_returned(ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    ai.data("create_video", **LAKE)
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_of_another_account")
    assert "HTTP 401" in ai.error("create_video", **LAKE)
    assert len(mesh.creates()) == 1


def test_another_take_is_another_video(ai: AIClient, mesh: Mesh) -> None:
    first = ai.data("create_video", **LAKE)
    second = ai.data("create_video", **LAKE, take=2)
    assert second["is_new"]
    assert second["task_id"] != first["task_id"]
    assert len(mesh.creates()) == 2


def test_calls_at_the_same_time_pay_once_for_each_request(ai: AIClient, mesh: Mesh) -> None:
    async def main() -> list[CallToolResult]:
        results: list[CallToolResult] = []

        async def call(take: int) -> None:
            results.append(await client.call_tool("create_video", {**LAKE, "take": take}))

        async with ai.connected() as client, anyio.create_task_group() as group:
            for take in (1, 1, 1, 2):
                group.start_soon(call, take)
        return results

    results = run_in_thread(main, ai.mode)
    assert [result.is_error for result in results] == [False] * 4, [text_of(result) for result in results]
    assert sorted(json.loads(text_of(result))["is_new"] for result in results) == [False, False, True, True]
    assert len(mesh.creates()) == 2


def test_a_consent_that_a_client_sends_twice_pays_once(tmp_path: Path, mesh: Mesh) -> None:
    async def main() -> None:
        async with AIClient("2026-07-28", tmp_path, agreeing()).connected() as client:
            asked = await client.session.call_tool("create_video", LAKE, allow_input_required=True)
            assert isinstance(asked, InputRequiredResult)
            assert asked.input_requests
            consent = {name: await agreeing_to() for name in asked.input_requests}
            for is_new in (True, False):
                result = await client.session.call_tool(
                    "create_video", LAKE, input_responses=consent, request_state=asked.request_state
                )
                assert json.loads(text_of(result))["is_new"] is is_new

    async def agreeing_to() -> Any:  # noqa: ANN401 - one of the types of the protocol
        return agreeing().answer

    run_in_thread(main, MODES[1])
    assert len(mesh.creates()) == 1


def test_a_wrong_request_names_its_mistakes_and_asks_nobody(ai: AIClient, mesh: Mesh) -> None:
    assert ai.user is not None
    sentence = ai.error("create_video", model=MODEL, prompt=" ", duration=0)
    assert sentence == (
        "the arguments have 2 mistakes, and nothing was sent: duration should be a whole number of seconds of at least "
        "1, or -1 to let the server choose; it is 0. prompt should be a text that is not empty, or left out; it is ' '"
    )
    assert ai.user.questions == []
    assert mesh.creates() == []


def test_a_refused_create_may_be_repeated(ai: AIClient, mesh: Mesh) -> None:
    request = {**LAKE, "model": "byteplus/none"}
    assert "HTTP 4" in ai.error("create_video", **request)
    mesh.plan_creates(models=["byteplus/none"])
    assert ai.data("create_video", **request)["is_new"]
    assert len(mesh.creates()) == 1


def test_a_create_whose_response_was_lost_is_found_in_the_list(ai: AIClient, mesh: Mesh) -> None:
    mesh.plan_creates(create_faults=["lost_response"])
    sentence = ai.error("create_video", **LAKE)
    assert "A task may have been made and paid for" in sentence
    assert "a lake" not in sentence
    again = ai.data("create_video", **LAKE)
    (made,) = mesh.creates()
    assert (again["task_id"], again["is_new"]) == (made.id, False)


def test_a_create_whose_call_was_cancelled_is_found_in_the_list(ai: AIClient, mesh: Mesh) -> None:
    mesh.plan_creates(create_faults=[{"fault": "slow_after", "delay": 60, "creates": [1]}])

    async def main() -> None:
        async with ai.connected() as client, anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "create_video", LAKE)
            await anyio.to_thread.run_sync(eventually, mesh.creates)
            group.cancel_scope.cancel()

    run_in_thread(main, ai.mode)
    again = ai.data("create_video", **LAKE)
    (made,) = mesh.creates()
    assert (again["task_id"], again["is_new"]) == (made.id, False)


@pytest.mark.parametrize("ends", ["the client cancels the call", "the call takes too long"])
def test_a_create_that_was_sent_goes_on_after_its_call_and_writes_its_id(
    ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    mesh.plan_creates(create_faults=[{"fault": "slow_after", "delay": 0.5, "creates": [1]}])
    journal = ai.folder / "creates.journal"

    async def main() -> CallToolResult:
        async with ai.connected() as client:
            if ends == "the call takes too long":
                monkeypatch.setattr(paid_once, "LONGEST_HALF", 0.3)
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "create_video", LAKE)
                await anyio.to_thread.run_sync(eventually, mesh.creates)
                if ends == "the client cancels the call":
                    group.cancel_scope.cancel()
            # Without another call, which would find the task in the list.
            await anyio.to_thread.run_sync(eventually, lambda: read_journal(journal)[0].event == "created")
            return await client.call_tool("create_video", LAKE)

    again = json.loads(text_of(run_in_thread(main, ai.mode)))
    (made,) = mesh.creates()
    assert (again["task_id"], again["is_new"]) == (made.id, False)
    assert read_journal(journal)[0].task_id == made.id


def test_a_create_that_takes_too_long_goes_on_and_the_next_call_returns_its_task(
    ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert paid_once.LONGEST_HALF == 27.5
    mesh.plan_creates(create_faults=[{"fault": "slow_after", "delay": 0.6, "creates": [1]}])

    async def main() -> list[CallToolResult]:
        async with ai.connected() as client:
            monkeypatch.setattr(paid_once, "LONGEST_HALF", 0.3)
            first = await client.call_tool("create_video", LAKE)
            monkeypatch.setattr(paid_once, "LONGEST_HALF", 27.5)
            return [first, await client.call_tool("create_video", LAKE)]

    first, second = run_in_thread(main, ai.mode)
    assert first.is_error
    assert "the create goes on: its task may be made, and be paid for. Call create_video again" in text_of(first)
    again = json.loads(text_of(second))
    (made,) = mesh.creates()
    assert (again["task_id"], again["is_new"]) == (made.id, False)


def test_a_create_that_waits_for_another_one_too_long_is_never_sent(
    ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> str:
        async with AsyncVideoClient() as videos:
            state = ai.state(videos)
            async with ai.connected(state) as client:
                async with state.creates.lock:
                    monkeypatch.setattr(paid_once.PaidOnce, "find", find_nothing)
                    monkeypatch.setattr(paid_once, "LONGEST_HALF", 0.1)
                    result = await client.call_tool("create_video", LAKE)
                await anyio.wait_all_tasks_blocked()
        return text_of(result)

    async def find_nothing(_self: PaidOnce) -> None:
        return

    assert run_in_thread(main, ai.mode) == (
        "Nothing was created now: Mesh has not responded in time, or another create is under way. Call create_video "
        "again with the same arguments"
    )
    assert mesh.creates() == []


def test_a_create_that_another_call_began_while_the_user_was_asked_is_not_repeated(
    ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_nothing(_self: PaidOnce) -> None:
        return

    mesh.plan_creates(create_faults=["lost_response"])
    ai.error("create_video", **LAKE)
    monkeypatch.setattr(paid_once.PaidOnce, "find", find_nothing)
    sentence = ai.error("create_video", **LAKE)
    assert "An earlier create of this request has no known end: its task may exist, and be paid for." in sentence
    assert "Nothing was created now" in sentence
    assert len(mesh.creates()) == 1


@pytest.mark.parametrize("list_fails", ["at once", "never"])
def test_a_failed_search_says_that_an_earlier_create_may_be_paid_for(
    ai: AIClient, env_server: Server, monkeypatch: pytest.MonkeyPatch, list_fails: str
) -> None:
    env_server.script(close, response(401, {}) if list_fails == "at once" else env_server.stall())
    assert "A task may have been made and paid for" in ai.error("create_video", **LAKE)
    monkeypatch.setattr(paid_once, "LONGEST_HALF", 0.3)
    sentence = ai.error("create_video", **LAKE)
    assert sentence.startswith(
        "An earlier create of this request has no known end: its task may exist, and be paid for. Nothing was created "
        "now: "
    )
    assert "Call create_video again with the same arguments. If this goes on: The user can decide: " in sentence
    (record,) = read_journal(ai.folder / "creates.journal")
    assert f"--not-made {record.request_id}" in sentence
    assert ("--api-key-file" in sentence) == (list_fails == "at once")
    assert [request.method for request in env_server.requests] == ["POST", "GET"]


def test_a_search_reads_the_list_from_its_own_create_on_also_if_an_older_one_has_no_known_end(
    ai: AIClient, env_server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meshapi_video._mcp.paid_once.time", SimpleNamespace(time=clock))
    env_server.script(close, close, response(401, {}))
    ai.error("create_video", **LAKE)
    clock.now += 86_400
    ai.error("create_video", **LAKE, take=2)
    (_, own) = read_journal(ai.folder / "creates.journal")
    ai.error("create_video", **LAKE, take=2)
    since = re.search(r"created_after=([^&]*)", env_server.requests[-1].target)
    assert since is not None
    assert datetime.fromisoformat(unquote(since[1])).timestamp() > own.time - 86_400


def test_a_search_does_not_delay_another_create(ai: AIClient, env_server: Server) -> None:
    created = response(200, {"id": "t2"})
    env_server.script(close, env_server.stall(), created)

    async def main() -> None:
        async with ai.connected() as client:
            await client.call_tool("create_video", LAKE)
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "create_video", LAKE)
                await anyio.to_thread.run_sync(eventually, lambda: len(env_server.requests) == 2)
                results.append(await client.call_tool("create_video", {**LAKE, "take": 2}))
                group.cancel_scope.cancel()

    results: list[CallToolResult] = []
    run_in_thread(main, ai.mode)
    assert json.loads(text_of(results[0]))["task_id"] == "t2"


def test_a_create_that_made_no_task_is_sent_again_once_the_list_is_sure(ai: AIClient, mesh: Mesh, clock: Clock) -> None:
    mesh.plan_creates(create_faults=[{"fault": "reset_before", "creates": [1]}])
    ai.error("create_video", **LAKE)
    clock.now += 60
    sentence = ai.error("create_video", **LAKE)
    assert "no known end, so that nothing was created now. Call again in 840 seconds" in sentence
    assert "Tasks that may be the one" not in sentence
    clock.now += 900
    assert ai.data("create_video", **LAKE)["is_new"]
    assert len(mesh.creates()) == 1


def test_a_create_that_nobody_can_tell_the_end_of_is_left_to_the_user(ai: AIClient, mesh: Mesh, clock: Clock) -> None:
    # The list does not show the seeds of tasks that run.
    mesh.plan_creates(running_for=1e6, fields_at_end=True, create_faults=["lost_response"])
    ai.error("create_video", **LAKE)
    clock.now += 1000
    sentence = ai.error("create_video", **LAKE)
    (made,) = mesh.creates()
    (record,) = read_journal(ai.folder / "creates.journal")
    assert f"Tasks that may be the one: {made.id}. The user can decide" in sentence
    assert f"--not-made {record.request_id}" in sentence
    assert "Call again in" not in sentence


def test_a_create_at_the_same_time_in_another_process_is_waited_for(ai: AIClient, mesh: Mesh) -> None:
    with (ai.folder / "creates.journal").open("a+b") as other:
        assert try_lock(other.fileno())
        assert "Another create is under way" in ai.error("create_video", **LAKE)
    assert mesh.creates() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_without_locks_nothing_is_created(ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert "cannot be locked: No locks available" in ai.error("create_video", **LAKE)
    assert mesh.creates() == []


def test_a_journal_that_cannot_be_written_is_said_before_anything_is_paid_for(ai: AIClient, mesh: Mesh) -> None:
    (ai.folder / "creates.journal").mkdir()
    assert "creates.journal" in ai.error("create_video", **LAKE)
    assert mesh.creates() == []


@pytest.mark.parametrize(
    "prompt",
    [
        "a very private lake",
        "a <b>private</b>\n[lake] \u202e",
        "private " * 500,
        "data:image/png;base64," + "A" * 5_000,
    ],
)
def test_no_error_repeats_the_prompt(ai: AIClient, env_server: Server, prompt: str) -> None:
    env_server.script(response(400, {"error": {"code": "bad", "message": f"rejected: {prompt}"}}))
    sentence = ai.error("create_video", **{**LAKE, "prompt": prompt})
    assert "rejected: (the prompt)" in sentence
    assert "private" not in sentence
    assert "AAAA" not in sentence


@pytest.mark.parametrize("is_ascii", [True, False])
def test_no_error_repeats_the_prompt_in_a_quoted_request(ai: AIClient, env_server: Server, *, is_ascii: bool) -> None:
    prompt = 'Ein Schild mit "M\u00fcller" am See, sehr privat'
    quoted = json.dumps({"text": prompt}, ensure_ascii=is_ascii)
    env_server.script(response(400, {"error": {"code": "bad", "message": f"rejected: {quoted}"}}))
    sentence = ai.error("create_video", **{**LAKE, "prompt": prompt})
    assert "rejected: {" in sentence
    assert not any(part in sentence for part in ("Schild", "ller", "See", "privat"))


@pytest.mark.parametrize("error", [JournalNotWritten("task-77 was created and has been paid for"), ValueError(LAKE)])
def test_a_create_that_fails_after_its_call_had_ended_is_logged_without_the_prompt(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        creates = Creates()

        async def create() -> None:
            is_sent.set()
            await goes_on.wait()
            raise error

        async with anyio.create_task_group() as creates.group:
            goes_on, is_sent = anyio.Event(), anyio.Event()
            async with anyio.create_task_group() as calls:
                calls.start_soon(creates.run, create, lambda: True)
                await is_sent.wait()
                calls.cancel_scope.cancel()
            goes_on.set()

    anyio.run(main)
    expected = "task-77 was created" if isinstance(error, JournalNotWritten) else "ended: ValueError"
    assert [expected in record.getMessage() for record in caplog.records] == [True]
    assert "a lake" not in caplog.text


def test_a_journal_that_is_deleted_in_the_middle_of_a_call_creates_nothing_without_a_question(
    ai: AIClient, mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    ai.data("create_video", **LAKE)
    find = PaidOnce.find

    async def find_and_delete(self: PaidOnce) -> str | None:
        found = await find(self)
        (ai.folder / "creates.journal").unlink()
        return found

    monkeypatch.setattr(PaidOnce, "find", find_and_delete)
    assert "Nothing was created now: the journal of creates has changed" in ai.error("create_video", **LAKE)
    assert len(mesh.creates()) == 1
