"""The SDK against the sandbox: the published page's story, over the wire."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import attrs
import httpx
import pytest

from meshapi_video import (
    UNSET,
    AuthenticationError,
    NotFoundError,
    TaskCancelled,
    TaskError,
    TaskExpired,
    TaskFailed,
    VideoTaskContent,
    VideoTaskResponse,
    VideoTaskUsage,
)
from meshapi_video_sandbox import Outcome, Sandbox, SandboxError, running_sandbox, serve
from support.clients import Caller
from support.clock import Clock

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"


def test_the_published_example_comes_back_with_every_field_typed_and_equal(client: Caller) -> None:
    task = client.get(EXAMPLE_ID)
    assert task == VideoTaskResponse(
        id=EXAMPLE_ID,
        status="succeeded",
        model="byteplus-video-gen-v2",
        error=None,
        created_at=1685600000,
        updated_at=1685603600,
        content=VideoTaskContent(
            video_url="https://cdn.byteplus.com/videos/generated/abc123def456.mp4",
            last_frame_url="https://cdn.byteplus.com/videos/generated/abc123def456_last_frame.jpg",
        ),
        seed=987654321,
        resolution="1920x1080",
        ratio="16:9",
        duration=30,
        frames=900,
        framespersecond=30,
        generate_audio=True,
        safety_identifier="safe_content_001",
        priority=5,
        draft=False,
        draft_task_id=None,
        service_tier="premium",
        execution_expires_after=3600,
        usage=VideoTaskUsage(completion_tokens=1500, total_tokens=3000),
    )
    assert task.additional_properties == {}
    # A field that a newer document adds would be missing from both sides of the comparison above.
    assert [field.name for field in attrs.fields(VideoTaskResponse) if getattr(task, field.name) is UNSET] == []
    assert client.wait(EXAMPLE_ID).url == "https://cdn.byteplus.com/videos/generated/abc123def456.mp4"


def test_a_task_goes_through_queued_and_running_to_its_video(client: Caller, sandbox: Sandbox) -> None:
    task_id = sandbox.create_task(queued_for=5, running_for=50)
    seen = list[str]()

    def on_update(task: VideoTaskResponse) -> None:
        seen.append(task.status)

    video = client.wait(task_id, on_update=on_update)
    assert list(dict.fromkeys(seen)) == ["queued", "running", "succeeded"]
    assert video.url == f"{sandbox.base_url}/videos/{task_id}.mp4"
    assert video.task.resolution == "1920x1080"
    assert 55 <= sum(client.clock.sleeps) <= 70


@pytest.mark.parametrize(
    ("outcome", "error_type"), [("failed", TaskFailed), ("expired", TaskExpired), ("cancelled", TaskCancelled)]
)
def test_a_task_that_ends_without_a_video_is_its_error(
    client: Caller, sandbox: Sandbox, outcome: Outcome, error_type: type[TaskError]
) -> None:
    task_id = sandbox.create_task(outcome)
    with pytest.raises(error_type) as caught:
        client.wait(task_id)
    assert (caught.value.code is not None) == (outcome == "failed")


def test_what_is_over_is_kept_as_it_was(sandbox: Sandbox, clock: Clock, client: Caller) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    first = client.get(task_id)
    clock.now -= 1_000_000
    assert client.get(task_id) == first


def test_an_unknown_task_is_not_found(client: Caller) -> None:
    with pytest.raises(NotFoundError, match="No such video task") as caught:
        client.wait("no-such-task")
    assert caught.value.code == "not_found"
    assert caught.value.request_id is not None


@pytest.mark.parametrize("key", ["rsk_wrong", "Bearer"])
def test_a_wrong_key_is_refused(client: Caller, key: str) -> None:
    client.settings["api_key"] = key
    with pytest.raises(AuthenticationError, match="unauthorized") as caught:
        client.wait(EXAMPLE_ID)
    assert key == "Bearer" or key not in str(vars(caught.value))


@pytest.mark.parametrize("header", [{}, {"Authorization": "rsk_sandbox"}, {"Authorization": "Basic rsk_sandbox"}])
def test_a_missing_or_malformed_key_is_refused(sandbox: Sandbox, header: dict[str, str]) -> None:
    response = httpx.get(f"{sandbox.base_url}/v1/video/generations/{EXAMPLE_ID}", headers=header)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthorized"


def test_the_finished_video_is_a_real_mp4_and_its_last_frame_a_picture(client: Caller, sandbox: Sandbox) -> None:
    video = client.wait(sandbox.create_task(queued_for=0, running_for=0))
    assert video.last_frame_url is not None
    fetched, frame = httpx.get(video.url), httpx.get(video.last_frame_url)
    assert (fetched.headers["content-type"], fetched.content[4:8]) == ("video/mp4", b"ftyp")
    assert 10_000 < len(fetched.content) < 100_000
    assert (frame.headers["content-type"], frame.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")


def test_the_video_is_refused_to_a_request_that_carries_a_key(sandbox: Sandbox) -> None:
    response = httpx.get(f"{sandbox.base_url}/videos/x.mp4", headers={"Authorization": "Bearer rsk_sandbox"})
    assert response.status_code == 400


def test_asking_for_the_head_of_a_video_gives_the_headers_alone(sandbox: Sandbox) -> None:
    address = f"{sandbox.base_url}/videos/x.mp4"
    head, whole = httpx.head(address), httpx.get(address)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "last-modified"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    "plan",
    [
        b"{",
        b"[]",
        b'{"outcome": "lost"}',
        b'{"queued": 1}',
        b'{"created_at": 1}',
        b'{"queued_for": -0.5}',
        b'{"running_for": NaN}',
        b'{"running_for": 1e999}',
        b'{"running_for": 400000000}',
    ],
)
def test_a_task_that_cannot_be_made_is_said_to_be_wrong(sandbox: Sandbox, plan: bytes) -> None:
    response = httpx.post(f"{sandbox.base_url}/_sandbox/tasks", content=plan)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "validation_error"


def test_two_sandboxes_run_side_by_side_and_leave_their_ports_free() -> None:
    with running_sandbox() as one, running_sandbox() as two:
        assert one.base_url != two.base_url
        assert httpx.get(f"{one.base_url}/v1/video/generations/x").status_code == 401
    with pytest.raises(httpx.ConnectError):
        httpx.get(one.base_url)


def test_a_file_that_is_no_database_is_said_to_be_wrong(tmp_path: Path) -> None:
    no_database = tmp_path / "tasks.db"
    no_database.write_text("a text, not a database" * 100)
    with pytest.raises(SandboxError, match="cannot be used"):
        serve(host="127.0.0.1", port=0, db=no_database, keys=("k",), say=print)


def test_a_database_of_somebody_else_is_said_to_be_wrong(tmp_path: Path) -> None:
    foreign = tmp_path / "chores.db"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE tasks (chore TEXT)")
    database.close()
    with pytest.raises(SandboxError, match=r"chores\.db cannot be used: .*column"):
        serve(host="127.0.0.1", port=0, db=foreign, keys=("k",), say=print)


def test_tasks_lie_in_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_run(*_arguments: object) -> None:
        """Serves nothing: this is about what lies in the file."""

    monkeypatch.setattr("uvicorn.Server.run", no_run)
    said = list[str]()
    serve(host="127.0.0.1", port=0, db=tmp_path / "tasks.db", keys=("rsk_a", "rsk_b"), say=said.append)
    with sqlite3.connect(tmp_path / "tasks.db") as database:
        assert database.execute("SELECT id FROM tasks").fetchall() == [(EXAMPLE_ID,)]
    database.close()
    assert any("MESHAPI_API_KEY=rsk_a" in line for line in said)
    assert said[-1] == "stopped"
