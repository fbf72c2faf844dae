"""The simulated BytePlus: what it knows of a task when, and where it keeps the videos."""

from __future__ import annotations

import httpx
import pytest

from meshapi_video_sandbox import Sandbox
from support import looks
from support.clock import Clock

KEY = {"Authorization": "Bearer ark_sandbox"}


def ask(sandbox: Sandbox, task_id: str, headers: dict[str, str] = KEY) -> httpx.Response:
    return looks.get(f"{sandbox.upstream_url}/contents/generations/tasks/{task_id}", headers=headers)


def video_of(sandbox: Sandbox) -> str:
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    return str(ask(sandbox, task_id).json()["content"]["video_url"])


def test_it_listens_on_a_port_of_its_own(sandbox: Sandbox) -> None:
    assert sandbox.upstream_url is not None
    assert httpx.URL(sandbox.upstream_url).port != httpx.URL(sandbox.base_url).port
    assert httpx.URL(sandbox.upstream_url).path == "/api/v3"


def test_fields_are_absent_until_they_are_known_and_there_are_some_that_no_document_knows(
    sandbox: Sandbox, clock: Clock
) -> None:
    task_id = sandbox.create_task(queued_for=10, running_for=20)
    queued = ask(sandbox, task_id).json()
    clock.now += 10
    running = ask(sandbox, task_id).json()
    clock.now += 20
    succeeded = ask(sandbox, task_id).json()
    assert [answer["status"] for answer in (queued, running, succeeded)] == ["queued", "running", "succeeded"]
    assert queued.keys() == running.keys()
    assert not {"content", "usage", "seed", "error", "revised_prompt"} & running.keys()
    assert {"content", "usage", "seed", "revised_prompt"} <= succeeded.keys()
    assert "error" not in succeeded
    assert [answer["updated_at"] - answer["created_at"] for answer in (queued, running, succeeded)] == [0, 10, 30]


def test_a_failed_task_has_an_error_and_no_content(sandbox: Sandbox) -> None:
    failed = ask(sandbox, sandbox.create_task("failed", queued_for=0, running_for=0)).json()
    assert failed["error"].keys() == {"code", "message"}
    assert not {"content", "usage"} & failed.keys()


def test_a_cancelled_task_never_runs(sandbox: Sandbox, clock: Clock) -> None:
    task_id = sandbox.create_task("cancelled", queued_for=10, running_for=1000)
    clock.now += 10
    assert ask(sandbox, task_id).json()["status"] == "cancelled"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer rsk_sandbox"}])
def test_it_wants_a_key_of_its_own(sandbox: Sandbox, headers: dict[str, str]) -> None:
    assert ask(sandbox, sandbox.create_task(), headers).status_code == 401


def test_it_does_not_know_what_nobody_made(sandbox: Sandbox) -> None:
    assert ask(sandbox, "nobodys").status_code == 404


def test_the_finished_video_is_a_real_mp4_and_its_last_frame_a_picture(sandbox: Sandbox) -> None:
    task_id = sandbox.create_task(queued_for=0, running_for=0)
    content = ask(sandbox, task_id).json()["content"]
    fetched, frame = looks.get(content["video_url"]), looks.get(content["last_frame_url"])
    assert (fetched.headers["content-type"], fetched.content[4:8]) == ("video/mp4", b"ftyp")
    assert 10_000 < len(fetched.content) < 100_000
    assert (frame.headers["content-type"], frame.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")


def test_a_video_comes_in_ranges(sandbox: Sandbox) -> None:
    address = video_of(sandbox)
    whole = looks.get(address)
    assert whole.headers["accept-ranges"] == "bytes"
    end = looks.get(address, headers={"Range": "bytes=1000-", "If-Range": whole.headers["etag"]})
    assert (end.status_code, end.content) == (206, whole.content[1000:])
    assert end.headers["content-range"] == f"bytes 1000-{len(whole.content) - 1}/{len(whole.content)}"
    assert looks.get(address, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_asking_for_the_head_of_a_video_gives_the_headers_alone(sandbox: Sandbox) -> None:
    address = video_of(sandbox)
    head, whole = looks.head(address), looks.get(address)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-type", "content-length", "etag", "last-modified"):
        assert head.headers[name] == whole.headers[name]


def test_a_video_is_refused_to_a_request_that_carries_a_key(sandbox: Sandbox) -> None:
    address = video_of(sandbox)
    assert looks.get(address, headers={"Authorization": "Bearer rsk_sandbox"}).status_code == 400
    assert looks.get(address).status_code == 200


def test_a_video_expires_after_a_day(sandbox: Sandbox, clock: Clock) -> None:
    address = video_of(sandbox)
    clock.now += 86_399
    assert looks.get(address).status_code == 200
    clock.now += 2
    expired = looks.get(address)
    assert (expired.status_code, expired.json()["detail"]) == (
        403,
        "The address has expired: it was valid for 24 hours",
    )


def test_an_address_that_was_changed_is_refused(sandbox: Sandbox) -> None:
    address = httpx.URL(video_of(sandbox))
    assert looks.get(address.copy_with(query=None)).status_code == 403
    assert looks.get(address.copy_set_param("X-Tos-Date", "20990101T000000Z")).status_code == 403
    assert looks.get(address.copy_with(path="/videos/another.mp4")).status_code == 403
    assert looks.get(address.copy_set_param("X-Tos-Signature", "ü")).status_code == 403
