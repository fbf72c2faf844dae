"""The simulated BytePlus: which fields a task has at which time, and the URLs of the videos."""

from __future__ import annotations

import httpx
import pytest

from meshapi_video_sandbox import Sandbox
from support.clock import Clock
from support.sandbox_client import get, head

KEY = {"Authorization": "Bearer ark_sandbox"}


def get_task(sandbox: Sandbox, task_id: str, headers: dict[str, str] = KEY) -> httpx.Response:
    return get(f"{sandbox.upstream_url}/contents/generations/tasks/{task_id}", headers=headers)


def video_url_of(sandbox: Sandbox) -> str:
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    return str(get_task(sandbox, task_id).json()["content"]["video_url"])


def test_the_upstream_has_its_own_port(sandbox: Sandbox) -> None:
    assert sandbox.upstream_url is not None
    assert httpx.URL(sandbox.upstream_url).port != httpx.URL(sandbox.base_url).port
    assert httpx.URL(sandbox.upstream_url).path == "/api/v3"


def test_a_field_is_absent_until_it_is_known_and_undocumented_fields_are_sent(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task(queued_for=10, running_for=20)
    queued = get_task(sandbox, task_id).json()
    clock.now += 10
    running = get_task(sandbox, task_id).json()
    clock.now += 20
    succeeded = get_task(sandbox, task_id).json()
    assert [task["status"] for task in (queued, running, succeeded)] == ["queued", "running", "succeeded"]
    assert queued.keys() == running.keys()
    assert not {"content", "usage", "seed", "error", "revised_prompt"} & running.keys()
    assert {"content", "usage", "seed", "revised_prompt"} <= succeeded.keys()
    assert "error" not in succeeded
    assert [task["updated_at"] - task["created_at"] for task in (queued, running, succeeded)] == [0, 10, 30]


def test_a_failed_task_has_an_error_and_no_content(sandbox: Sandbox) -> None:
    failed = get_task(sandbox, sandbox.create_task("failed", queued_for=0, running_for=0)).json()
    assert failed["error"].keys() == {"code", "message"}
    assert not {"content", "usage"} & failed.keys()


def test_a_cancelled_task_never_runs(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task("cancelled", queued_for=10, running_for=1000)
    clock.now += 10
    assert get_task(sandbox, task_id).json()["status"] == "cancelled"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer rsk_sandbox"}])
def test_the_upstream_accepts_its_own_key_only(sandbox: Sandbox, headers: dict[str, str]) -> None:
    assert get_task(sandbox, sandbox.create_task(), headers).status_code == 401


def test_an_unknown_task_is_a_404(sandbox: Sandbox) -> None:
    assert get_task(sandbox, "unknown").status_code == 404


def test_the_finished_video_is_a_real_mp4_and_its_last_frame_a_picture(sandbox: Sandbox) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    content = get_task(sandbox, task_id).json()["content"]
    fetched, frame = get(content["video_url"]), get(content["last_frame_url"])
    assert (fetched.headers["content-type"], fetched.content[4:8]) == ("video/mp4", b"ftyp")
    assert 10_000 < len(fetched.content) < 100_000
    assert (frame.headers["content-type"], frame.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")


def test_a_range_of_a_video_can_be_requested(sandbox: Sandbox) -> None:
    url = video_url_of(sandbox)
    whole = get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    end = get(url, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (end.status_code, end.content) == (206, whole.content[1000:])
    assert end.headers["content-range"] == f"bytes 1000-{len(whole.content) - 1}/{len(whole.content)}"
    assert get(url, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_a_head_request_for_a_video_gets_the_same_headers_and_no_body(sandbox: Sandbox) -> None:
    url = video_url_of(sandbox)
    head_response, whole = head(url), get(url)
    assert (head_response.status_code, head_response.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "last-modified"):
        assert head_response.headers[name] == whole.headers[name]


def test_a_request_for_a_video_that_carries_an_api_key_is_rejected(sandbox: Sandbox) -> None:
    url = video_url_of(sandbox)
    assert get(url, headers={"Authorization": "Bearer rsk_sandbox"}).status_code == 400
    assert get(url).status_code == 200


def test_the_url_of_a_video_expires_after_a_day(sandbox: Sandbox, clock: Clock) -> None:
    url = video_url_of(sandbox)
    clock.now += 86_399
    assert get(url).status_code == 200
    clock.now += 2
    expired = get(url)
    assert (expired.status_code, expired.json()["detail"]) == (
        403,
        "The URL has expired: it was valid for 24 hours",
    )


def test_a_changed_url_of_a_video_is_rejected(sandbox: Sandbox) -> None:
    url = httpx.URL(video_url_of(sandbox))
    assert get(url.copy_with(query=None)).status_code == 403
    assert get(url.copy_set_param("X-Tos-Date", "20990101T000000Z")).status_code == 403
    assert get(url.copy_with(path="/videos/another.mp4")).status_code == 403
    assert get(url.copy_set_param("X-Tos-Signature", "ü")).status_code == 403
