"""The server for AI clients reads, waits and downloads: the official client calls it in both protocols."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import pytest

from meshapi_video import AsyncVideoClient
from meshapi_video._mcp import downloading, progress, waiting
from meshapi_video_sandbox import Sandbox
from support.cli import VIDEO, video_tasks
from support.clock import Clock
from support.files import names
from support.many_tasks import eventually, hang, respond_by_id
from support.mcp_client import MODEL, MODES, AIClient, agreeing, links_of, run_in_thread, text_of
from support.server import TASK_ID, Server, close, response, task

T = TypeVar("T")

EVER = 1e6


@pytest.fixture(params=MODES)
def ai(request: pytest.FixtureRequest, no_delays: Clock, tmp_path: Path) -> AIClient:  # noqa: ARG001 - for its effect
    return AIClient(request.param, tmp_path, agreeing())


def test_a_video_is_created_waited_for_and_downloaded(ai: AIClient, env_sandbox: Sandbox) -> None:
    env_sandbox.plan_creates()
    created = ai.data("create_video", model=MODEL, prompt="a lake", duration=5, resolution="720p")
    over = ai.data("wait_for_video", task_id=created["task_id"])
    assert (over["status"], over["is_over"], over["duration"]) == ("succeeded", True, 5)
    downloaded = ai.data("download_video", task_id=created["task_id"])
    assert Path(downloaded["path"]).read_bytes()[4:8] == b"ftyp"


def test_the_state_of_a_task_says_what_to_do_next(ai: AIClient, env_sandbox: Sandbox) -> None:
    running = ai.data("get_video_task", task_id=env_sandbox.create_task(queued_for=0, running_for=EVER))
    assert (running["status"], running["is_over"]) == ("running", False)
    assert "call wait_for_video again" in running["next"]
    succeeded = ai.data("get_video_task", task_id=env_sandbox.create_task(queued_for=0, running_for=0))
    assert "call download_video" in succeeded["next"]
    assert "http" not in str(succeeded)


@pytest.mark.parametrize("tool", ["get_video_task", "wait_for_video"])
def test_a_task_that_ended_without_a_video_is_a_result_with_its_reason(
    ai: AIClient, env_sandbox: Sandbox, tool: str
) -> None:
    task_id = env_sandbox.create_task("failed", queued_for=0, running_for=0)
    ended = ai.data(tool, task_id=task_id)
    assert (ended["status"], ended["is_over"]) == ("failed", True)
    assert f"task {task_id}: failed" in ended["problem"]
    assert "does not change any more" in ended["next"]


def test_a_task_that_is_not_over_is_a_normal_result_that_says_how_to_go_on(ai: AIClient, env_sandbox: Sandbox) -> None:
    waited = ai.data("wait_for_video", task_id=env_sandbox.create_task(queued_for=EVER), seconds=10)
    assert (waited["status"], waited["is_over"]) == ("queued", False)
    assert "Not over yet: this is normal" in waited["next"]


def test_a_wait_takes_at_most_55_seconds_with_its_last_poll(
    ai: AIClient, env_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = env_sandbox.create_task(queued_for=0, running_for=0)
    timeouts: list[float] = []

    def noting(method: Callable[..., T]) -> Callable[..., T]:
        def note(client: AsyncVideoClient, task: object, *, timeout: float) -> T:
            timeouts.append(timeout)
            return method(client, task, timeout=timeout)

        return note

    for name in ("wait", "wait_many"):
        monkeypatch.setattr(AsyncVideoClient, name, noting(getattr(AsyncVideoClient, name)))
    for seconds in (3600, 55, 2):
        ai.data("wait_for_video", task_id=task_id, seconds=seconds)
        ai.data("wait_for_videos", task_ids=[task_id], seconds=seconds)
    assert timeouts == [54.1] * 4 + [2] * 2


def test_a_failed_last_poll_is_part_of_the_result_of_a_wait(ai: AIClient, env_server: Server) -> None:
    env_server.script(task("running"), response(503, {"error": {"message": "overloaded"}}))
    waited = ai.data("wait_for_video", task_id=TASK_ID, seconds=20)
    assert waited["status"] == "running"
    assert "overloaded" in waited["problem"]


def test_a_wait_without_any_response_is_an_error(ai: AIClient, env_server: Server) -> None:
    env_server.script(close)
    assert "no status received" in ai.error("wait_for_video", task_id=TASK_ID, seconds=5)


def test_several_tasks_are_sorted_by_how_they_ended(ai: AIClient, env_sandbox: Sandbox) -> None:
    succeeded = env_sandbox.create_task(queued_for=0, running_for=0)
    failed = env_sandbox.create_task("failed", queued_for=0, running_for=0)
    running = env_sandbox.create_task(queued_for=0, running_for=EVER)
    waited = ai.data("wait_for_videos", task_ids=[succeeded, failed, running, "none"], seconds=5)
    assert waited["succeeded"] == [succeeded]
    assert waited["ended_without_video"] == [failed]
    assert waited["not_over"] == [running]
    assert waited["unknown"] == ["none"]
    assert len(waited["problems"]) == 2
    assert any(line.startswith(f"{failed}: failed: OutputVideoSensitive") for line in waited["problems"])
    assert "none: HTTP 404 not_found" in waited["problems"]
    assert waited["next"] == (
        "Call download_video for each id in succeeded. Not all are over: this is normal. Call wait_for_videos again "
        "with the ids in not_over. The tasks in ended_without_video do not change any more. For each id in unknown, "
        "call get_video_task: it says what to do."
    )


def test_the_result_for_several_tasks_says_what_to_do_once_all_are_over(ai: AIClient, env_sandbox: Sandbox) -> None:
    succeeded = env_sandbox.create_task(queued_for=0, running_for=0)
    failed = env_sandbox.create_task("failed", queued_for=0, running_for=0)
    assert "download_video" in ai.data("wait_for_videos", task_ids=[succeeded])["next"]
    assert ai.data("wait_for_videos", task_ids=[failed])["next"] == (
        "The tasks in ended_without_video do not change any more."
    )


def test_tasks_without_a_video_for_the_same_reason_share_one_line(ai: AIClient, env_server: Server) -> None:
    error = {"error": {"code": "not_found", "message": "no " * 90}}
    respond_by_id(env_server, lambda task_id, _poll: response(404, error, x_request_id=f"req-of-{task_id}"))
    waited = ai.data("wait_for_videos", task_ids=["t1", "t2", "t3"], seconds=5)
    assert re.fullmatch(r"t\d and 2 more: HTTP 404 not_found", waited["problems"][0])
    assert len(waited["problems"]) == 1
    assert waited["next"] == "For each id in unknown, call get_video_task: it says what to do."


def test_many_reasons_are_named_by_their_number(ai: AIClient, env_server: Server) -> None:
    respond_by_id(env_server, lambda task_id, _poll: task("failed", task_id, error={"code": task_id, "message": "no"}))
    waited = ai.data("wait_for_videos", task_ids=["t1", "t2", "t3"], seconds=5)
    assert len(waited["problems"]) == 3
    assert waited["problems"][2] == "and 1 more: call get_video_task for each id"


def test_a_task_whose_polls_all_failed_is_unknown_among_several(ai: AIClient, env_server: Server) -> None:
    env_server.script(close)
    waited = ai.data("wait_for_videos", task_ids=[TASK_ID], seconds=5)
    assert waited["unknown"] == [TASK_ID]
    assert waited["problems"] == [f"{TASK_ID}: no status received"]


def test_a_wait_reports_its_progress_every_second(
    ai: AIClient, env_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert progress.PROGRESS_INTERVAL == 1
    monkeypatch.setattr(progress, "PROGRESS_INTERVAL", 0.01)
    env_server.script(env_server.slow(task("succeeded", content={"video_url": "https://cdn.example/v.mp4"}), 0.3))
    ai.data("wait_for_video", task_id=TASK_ID, seconds=0.03)
    reported = [so_far for so_far, _, _ in ai.progress]
    assert len(reported) > 1
    assert reported == [0.01, 0.02, *[0.03] * len(reported)][: len(reported)]
    assert {(total, text) for _, total, text in ai.progress} == {(0.03, "the task is not over yet")}
    ai.progress.clear()
    ai.data("wait_for_videos", task_ids=[TASK_ID], seconds=1)
    assert ai.progress[0][2] == "0 of 1 tasks are over"


@pytest.mark.parametrize("mode", MODES)
def test_a_cancelled_call_sends_no_more_polls(
    mode: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_test")
    server.script(hang)

    async def main() -> None:
        async with AIClient(mode, tmp_path).connected() as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "wait_for_video", {"task_id": TASK_ID, "seconds": 50})
                await anyio.to_thread.run_sync(eventually, lambda: server.in_flight)
                group.cancel_scope.cancel()
            await anyio.to_thread.run_sync(eventually, lambda: not server.in_flight)

    run_in_thread(main, mode)


def test_a_download_is_a_file_in_the_folder_and_a_link_to_it(
    ai: AIClient, env_sandbox: Sandbox, tmp_path: Path
) -> None:
    task_id = env_sandbox.create_task(queued_for=0, running_for=0)
    result = ai.call("download_video", task_id=task_id)
    (link,) = links_of(result)
    path = tmp_path / f"{task_id}.mp4"
    assert (link.uri, link.name, link.mime_type, link.size) == (
        path.as_uri(),
        path.name,
        "video/mp4",
        path.stat().st_size,
    )
    assert names(tmp_path) == [path.name]


def test_a_file_that_is_there_is_kept_and_no_request_is_sent(ai: AIClient, env_server: Server, tmp_path: Path) -> None:
    (tmp_path / "t.mp4").write_bytes(b"mine")
    result = ai.call("download_video", task_id="t")
    assert links_of(result)[0].size == 4
    assert env_server.requests == []
    assert (tmp_path / "t.mp4").read_bytes() == b"mine"


@pytest.mark.parametrize("task_id", ["../t", "/etc/passwd", "a/b", "..", "C:\\t"])
def test_no_id_leads_out_of_the_folder(ai: AIClient, env_server: Server, tmp_path: Path, task_id: str) -> None:
    assert "not a task id" in ai.error("download_video", task_id=task_id)
    assert env_server.requests == []
    assert names(tmp_path) == []


def test_an_id_that_is_no_file_name_gets_another_one_in_the_folder(
    ai: AIClient, env_server: Server, tmp_path: Path
) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    downloaded = ai.data("download_video", task_id="T")
    assert Path(downloaded["path"]).parent == tmp_path
    assert Path(downloaded["path"]).read_bytes().endswith(VIDEO)


def test_no_file_gets_the_name_of_a_folder_that_was_deleted(ai: AIClient, env_server: Server, tmp_path: Path) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    ai.folder = tmp_path / "gone"
    assert "there is no folder" in ai.error("download_video", task_id="t")
    assert names(tmp_path) == []


def test_a_task_without_a_finished_video_is_not_downloaded(ai: AIClient, env_sandbox: Sandbox) -> None:
    sentence = ai.error("download_video", task_id=env_sandbox.create_task(queued_for=EVER))
    assert "queued" in sentence


def test_a_long_download_goes_on_in_the_next_call(
    ai: AIClient, env_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert progress.LONGEST_CALL == 55
    whole = video_tasks(env_server)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 8000\r\netag: x\r\n\r\n"
    respond_by_id(env_server, video_tasks(env_server, t_mp4=env_server.stall(head + b"a part")))
    monkeypatch.setattr(downloading, "LONGEST_CALL", 0.3)
    partly = ai.data("download_video", task_id="t")
    assert (partly["is_complete"], partly["received_bytes"], partly["total_bytes"]) == (False, 6, 8000)
    assert "Call download_video again" in partly["next"]
    assert "path" not in partly
    monkeypatch.undo()
    monkeypatch.setenv("MESHAPI_BASE_URL", env_server.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", "rsk_test")
    respond_by_id(env_server, whole)
    assert ai.data("download_video", task_id="t")["is_complete"]


def test_the_list_has_ten_tasks_a_page(ai: AIClient, env_server: Server) -> None:
    tasks = [
        {"id": f"task-{number}", "status": "running", "created_at": 1_700_000_000, "model": MODEL}
        for number in range(21)
    ]
    env_server.script(
        response(200, {"object": "list", "data": tasks, "total": 21, "limit": 100, "offset": 0, "has_more": False})
    )
    pages = [ai.data("list_video_tasks", page=page) for page in (1, 2, 3, 4)]
    assert [len(page["tasks"]) for page in pages] == [10, 10, 1, 0]
    assert pages[1]["tasks"][0] == {"task_id": "task-10", "status": "running", "created": "2023-11-14T22:13Z"}
    assert [page["total"] for page in pages] == [21, 21, 21, 21]
    assert [page["next"] for page in pages] == [
        "There are more: page=2.",
        "There are more: page=3.",
        "This is the last page.",
        "The list ends before this page: it has 21 tasks.",
    ]


def test_the_list_has_at_most_a_hundred_pages(
    ai: AIClient, env_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert waiting.MOST_PAGES == 100
    assert "page: Input should be less than or equal to 100" in ai.error("list_video_tasks", page=101)
    assert env_server.requests == []
    monkeypatch.setattr(waiting, "MOST_PAGES", 1)
    rows = [{"id": f"task-{number}", "status": "running"} for number in range(11)]
    env_server.script(response(200, {"data": rows, "total": 11, "limit": 100, "offset": 0, "has_more": False}))
    assert ai.data("list_video_tasks")["next"] == "There are more. Ask for one status."


@pytest.mark.parametrize(("tool", "arguments"), [("get_video_task", {"task_id": "t"}), ("list_video_tasks", {})])
def test_a_call_without_a_response_ends_within_55_seconds_and_reports_its_progress(
    ai: AIClient, env_server: Server, monkeypatch: pytest.MonkeyPatch, tool: str, arguments: dict[str, str]
) -> None:
    env_server.script(env_server.stall())
    monkeypatch.setattr(progress, "LONGEST_CALL", 1.0)
    monkeypatch.setattr(progress, "PROGRESS_INTERVAL", 0.01)
    sentence = ai.error(tool, **arguments)
    assert sentence.startswith("Mesh has not responded completely within 55 seconds. Nothing was created or changed.")
    assert ai.progress


def test_the_list_has_only_tasks_of_the_statuses_that_are_asked_for(ai: AIClient, env_sandbox: Sandbox) -> None:
    # The list shows what polls have told Mesh.
    ai.data("get_video_task", task_id=env_sandbox.create_task("failed", queued_for=0, running_for=0))
    listed = ai.data("list_video_tasks", status=["failed"])
    assert {each["status"] for each in listed["tasks"]} == {"failed"}


def test_a_wrong_argument_is_named_without_its_value(ai: AIClient, env_server: Server) -> None:
    sentence = ai.error("wait_for_video", task_id=TASK_ID, seconds="secret prompt")
    assert sentence.startswith("seconds: Input should be a valid number")
    assert "secret" not in sentence
    assert "task_ids: List should have at most 15 items" in ai.error("wait_for_videos", task_ids=["t"] * 16)
    assert env_server.requests == []


def test_an_unknown_tool_is_an_error_without_markup(ai: AIClient, env_server: Server) -> None:
    assert "<b>" not in ai.error("<b>x</b>")
    assert env_server.requests == []


def test_an_error_of_the_api_is_a_sentence_in_the_words_of_the_command_line(ai: AIClient, env_server: Server) -> None:
    env_server.script(
        response(401, {"error": {"code": "unauthorized", "message": "<b>bad</b> [key](https://x.example)"}})
    )
    sentence = ai.error("get_video_task", task_id=TASK_ID)
    assert "HTTP 401 unauthorized" in sentence
    assert "--api-key-file" in sentence
    assert "<b>" not in sentence
    assert "[key]" not in sentence


def test_a_mistake_in_this_program_is_logged_and_the_model_gets_no_detail(
    ai: AIClient, env_server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def crash(_client: AsyncVideoClient, _task_id: str) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(AsyncVideoClient, "get", crash)
    assert ai.error("get_video_task", task_id=TASK_ID) == "Error executing tool get_video_task"
    assert "KeyError" in caplog.text
    assert env_server.requests == []


def test_only_two_tools_say_that_they_change_something(ai: AIClient, env_server: Server) -> None:
    async def main() -> dict[str, tuple[bool | None, ...]]:
        async with ai.connected() as client:
            hints = {tool.name: tool.annotations for tool in (await client.list_tools()).tools}
        return {
            name: (hint.read_only_hint, hint.destructive_hint, hint.idempotent_hint, hint.open_world_hint)
            for name, hint in hints.items()
            if hint is not None
        }

    adds, reads = (False, False, True, True), (True, None, None, True)
    assert run_in_thread(main, ai.mode) == {
        "get_video_task": reads,
        "wait_for_video": reads,
        "wait_for_videos": reads,
        "list_video_tasks": reads,
        "download_video": adds,
        "create_video": adds,
    }
    assert env_server.requests == []


def tokens(text: str) -> float:
    """More tokens than any tokenizer makes of a text of ids and English."""
    return len(text) / 3


def test_the_largest_results_have_less_than_400_tokens(ai: AIClient, env_server: Server) -> None:
    ids = [str(uuid.uuid4()) for _ in range(waiting.MOST_TASKS)]
    long = "reason " * 200
    failed = {"created_at": 1_700_000_000, "model": MODEL, "error": {"code": "x" * 90, "message": long}}
    rows = [{"id": task_id, "status": "cancelled", **failed} for task_id in ids]
    page = {"data": rows, "total": 10_000, "limit": 100, "offset": 0, "has_more": False}
    env_server.script(response(200, page))
    assert tokens(str(ai.call("list_video_tasks").structured_content)) < 400
    respond_by_id(env_server, lambda task_id, _poll: task("failed", task_id, **failed))
    for tool, arguments in (
        ("get_video_task", {"task_id": ids[0]}),
        ("wait_for_video", {"task_id": ids[0]}),
        ("wait_for_videos", {"task_ids": ids}),
    ):
        assert tokens(text_of(ai.call(tool, **arguments))) < 400, tool
    respond_by_id(env_server, lambda _task_id, _poll: response(404, {"error": {"code": "x", "message": long}}))
    assert tokens(text_of(ai.call("wait_for_videos", task_ids=ids))) < 400
    assert tokens(ai.error("get_video_task", task_id=ids[0])) < 400
