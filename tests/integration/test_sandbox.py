"""The SDK against the sandbox: what the published page describes, over real sockets."""

from __future__ import annotations

import attrs
import msgspec
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
from meshapi_video_sandbox import Outcome, Sandbox
from support.clients import Caller
from support.clock import Clock
from support.sandbox_client import get

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"


def test_the_published_example_is_parsed_with_every_field_typed_and_equal(client: Caller, sandbox: Sandbox) -> None:
    task = client.get(EXAMPLE_ID)
    # Its files are at the sandbox, so that they can be downloaded without the internet.
    files_url = str(sandbox.upstream_url).removesuffix("/api/v3")
    content = msgspec.convert(sandbox.inspect(EXAMPLE_ID).row["content"], dict[str, str])
    video_url, last_frame_url = content["video_url"], content["last_frame_url"]
    assert video_url.startswith(f"{files_url}/videos/abc123def456.mp4?")
    assert last_frame_url.startswith(f"{files_url}/videos/abc123def456_last_frame.jpg?")
    assert task == VideoTaskResponse(
        id=EXAMPLE_ID,
        status="succeeded",
        model="byteplus-video-gen-v2",
        error=None,
        created_at=1685600000,
        updated_at=1685603600,
        content=VideoTaskContent(
            video_url=video_url,
            last_frame_url=last_frame_url,
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
    assert client.wait(EXAMPLE_ID).url == video_url


def test_a_wait_reports_queued_and_running_and_returns_the_video(client: Caller, sandbox: Sandbox) -> None:
    task_id = sandbox.create_task(queued_for=5, running_for=50)
    statuses = list[str]()

    def on_update(task: VideoTaskResponse) -> None:
        statuses.append(task.status)

    video = client.wait(task_id, on_update=on_update)
    assert list(dict.fromkeys(statuses)) == ["queued", "running", "succeeded"]
    assert sandbox.inspect(task_id).row["content"] == {"video_url": video.url, "last_frame_url": video.last_frame_url}
    assert video.task.resolution == "1920x1080"
    assert 55 <= sum(client.clock.sleeps) <= 70


@pytest.mark.parametrize(
    ("outcome", "error_type"), [("failed", TaskFailed), ("expired", TaskExpired), ("cancelled", TaskCancelled)]
)
def test_a_task_that_ends_without_a_video_raises_the_error_of_its_outcome(
    client: Caller, sandbox: Sandbox, outcome: Outcome, error_type: type[TaskError]
) -> None:
    task_id = sandbox.create_task(outcome)
    with pytest.raises(error_type) as caught:
        client.wait(task_id)
    assert (caught.value.code is not None) == (outcome == "failed")


def test_a_terminal_task_does_not_change_even_if_the_clock_goes_back(
    sandbox: Sandbox, clock: Clock, client: Caller
) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    first = client.get(task_id)
    clock.now -= 1_000_000
    assert client.get(task_id) == first


def test_an_unknown_task_raises_not_found(client: Caller) -> None:
    with pytest.raises(NotFoundError, match="No such video task") as caught:
        client.wait("no-such-task")
    assert caught.value.code == "not_found"
    assert caught.value.request_id is not None


@pytest.mark.parametrize("key", ["rsk_wrong", "Bearer"])
def test_a_wrong_key_raises_an_authentication_error(client: Caller, key: str) -> None:
    client.settings["api_key"] = key
    with pytest.raises(AuthenticationError, match="unauthorized") as caught:
        client.wait(EXAMPLE_ID)
    assert key == "Bearer" or key not in str(vars(caught.value))


@pytest.mark.parametrize("header", [{}, {"Authorization": "rsk_sandbox"}, {"Authorization": "Basic rsk_sandbox"}])
def test_a_missing_or_malformed_key_gets_a_401(sandbox: Sandbox, header: dict[str, str]) -> None:
    response = get(f"{sandbox.base_url}/v1/video/generations/{EXAMPLE_ID}", headers=header)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthorized"
