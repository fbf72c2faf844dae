"""The operation that creates a task: what it makes, what it refuses, and how it fails when a test wants it to."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox
from meshapi_video_sandbox._create_faults import CREATE_FAULTS
from support.clock import Clock
from support.many_tasks import eventually
from support.sandbox_client import MODEL, TEXT, create, get, poll, post, send_create

PNG = "data:image/png;base64,iVBORw0KGgo="


def image(role: str | None = None, url: str = PNG) -> dict[str, object]:
    return {"type": "image_url", "image_url": {"url": url}, "role": role}


def video(url: str = "https://host/v.mp4", role: str = "reference_video") -> dict[str, object]:
    return {"type": "video_url", "video_url": {"url": url}, "role": role}


def audio(url: str = "https://host/a.mp3", role: str = "reference_audio") -> dict[str, object]:
    return {"type": "audio_url", "audio_url": {"url": url}, "role": role}


def mistakes(response: httpx.Response) -> dict[str, str]:
    """The message of each mistake by its path."""
    assert response.status_code == 422, response.text
    found = dict[str, str]()
    for mistake in response.json()["detail"]:
        assert mistake["loc"][0] == "body"
        found[".".join(str(part) for part in mistake["loc"][1:])] = mistake["msg"]
    return found


@pytest.fixture(scope="module")
def own_sandbox() -> Generator[Sandbox]:
    with running_sandbox(keys=("rsk_sandbox", "rsk_other")) as started:
        yield started


@pytest.fixture
def faulty(own_sandbox: Sandbox) -> Iterator[Sandbox]:
    """A sandbox whose creates a test lets fail."""
    yield own_sandbox
    own_sandbox.plan_creates()


# What a create makes


def test_a_create_returns_the_id_of_a_task_that_is_queued_runs_and_succeeds(sandbox: Sandbox, clock: Clock) -> None:
    created = create(sandbox)
    assert (created.status_code, list(created.json())) == (200, ["id"])
    statuses = list[str]()
    for _ in range(3):
        statuses.append(poll(sandbox, created.json()["id"]).json()["status"])
        clock.now += 4
    assert statuses == ["queued", "running", "succeeded"]


def test_a_task_shows_the_fields_of_its_request_from_the_start_to_the_end(sandbox: Sandbox, clock: Clock) -> None:
    fields = {
        "seed": 7,
        "resolution": "480p",
        "ratio": "9:16",
        "duration": 8,
        "generate_audio": False,
        "safety_identifier": "a hash",
        "priority": 3,
        "service_tier": "default",
        "execution_expires_after": 3600,
    }
    task_id = create(sandbox, **fields).json()["id"]
    expected = {**fields, "model": MODEL, "frames": None, "draft": False, "draft_task_id": None}
    for _ in range(3):
        task = poll(sandbox, task_id).json()
        assert {name: task[name] for name in expected} == expected
        clock.now += 4


def test_the_server_chooses_what_a_request_leaves_out(sandbox: Sandbox) -> None:
    task = poll(sandbox, create(sandbox, duration=-1).json()["id"]).json()
    assert task["seed"] in range(2**32)
    names = ("resolution", "ratio", "duration", "service_tier", "execution_expires_after", "generate_audio")
    assert [task[name] for name in names] == ["720p", "16:9", 5, "default", 172_800, True]


def test_the_server_chooses_another_seed_for_each_task_without_one(sandbox: Sandbox) -> None:
    ids = [create(sandbox, **fields).json()["id"] for fields in ({}, {"seed": -1}, {"seed": None})]
    assert len({poll(sandbox, task_id).json()["seed"] for task_id in ids}) == 3


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_callers_seed_stays(sandbox: Sandbox, seed: int) -> None:
    assert poll(sandbox, create(sandbox, seed=seed).json()["id"]).json()["seed"] == seed


def test_a_task_with_frames_has_no_duration(sandbox: Sandbox) -> None:
    created = create(sandbox, model="byteplus/seedance-1-0-pro-250528", frames=33).json()
    task = poll(sandbox, created["id"]).json()
    assert (task["frames"], task["duration"], task["generate_audio"]) == (33, None, False)


def test_a_draft_has_480p_and_a_task_made_of_it_names_it(sandbox: Sandbox) -> None:
    model = "byteplus/seedance-1-5-pro-251215"
    draft = create(sandbox, model=model, draft=True).json()["id"]
    task = poll(sandbox, draft).json()
    assert (task["draft"], task["resolution"]) == (True, "480p")
    final = create(sandbox, model=model, content=[{"type": "draft_task", "draft_task": {"id": draft}}]).json()["id"]
    assert poll(sandbox, final).json()["draft_task_id"] == draft


@pytest.mark.parametrize("wanted", [True, False])
def test_a_video_has_a_last_frame_if_the_request_says_so(sandbox: Sandbox, clock: Clock, *, wanted: bool) -> None:
    task_id = create(sandbox, return_last_frame=wanted).json()["id"]
    clock.now += 6
    content = poll(sandbox, task_id).json()["content"]
    assert get(content["video_url"]).status_code == 200
    assert (content["last_frame_url"] is not None) == wanted


def test_a_task_that_needs_longer_than_it_may_expires() -> None:
    with running_sandbox() as sandbox:
        sandbox.plan_creates(scenario="endless")
        task_id = create(sandbox, execution_expires_after=3600).json()["id"]
        sandbox.advance(3599)
        assert poll(sandbox, task_id).json()["status"] == "running"
        sandbox.advance(2)
        assert poll(sandbox, task_id).json()["status"] == "expired"


def test_a_test_chooses_how_the_tasks_of_later_creates_run_and_end(faulty: Sandbox) -> None:
    faulty.plan_creates("failed", queued_for=0, running_for=0, faults=[{"polls": [1], "status": 503}])
    task_id = create(faulty, seed=5).json()["id"]
    assert [poll(faulty, task_id).status_code for _ in range(2)] == [503, 200]
    task = poll(faulty, task_id).json()
    assert (task["status"], task["seed"], task["resolution"]) == ("failed", 5, "720p")


def test_a_test_can_let_tasks_show_the_fields_of_their_request_only_at_the_end(sandbox: Sandbox, clock: Clock) -> None:
    sandbox.plan_creates(fields_at_end=True)
    task_id = create(sandbox, seed=5).json()["id"]
    sandbox.plan_creates()
    assert poll(sandbox, task_id).json()["seed"] is None
    clock.now += 6
    assert poll(sandbox, task_id).json()["seed"] == 5


def test_a_task_belongs_to_the_key_that_created_it(own_sandbox: Sandbox) -> None:
    task_id = create(own_sandbox, "rsk_other").json()["id"]
    assert [poll(own_sandbox, task_id, key).status_code for key in ("rsk_other", "rsk_sandbox")] == [200, 404]


def test_the_sandbox_counts_the_created_tasks_of_each_key() -> None:
    with running_sandbox(keys=("rsk_a", "rsk_b")) as sandbox:
        created = [create(sandbox, key).json()["id"] for key in ("rsk_a", "rsk_b", "rsk_a")]
        sandbox.create_task()
        assert create(sandbox, "rsk_a", duration=99).status_code == 422
        assert [record.id for record in sandbox.creates()] == created
        assert [len(sandbox.creates(key)) for key in ("rsk_a", "rsk_b", "rsk_c")] == [2, 1, 0]


def test_the_sandbox_records_the_request_id_and_the_digest_of_each_create(sandbox: Sandbox, clock: Clock) -> None:
    body = json.dumps({"model": MODEL, "content": [TEXT]}).encode()
    send_create(sandbox, body, x_request_id="mine-1")
    record = sandbox.creates()[-1]
    assert (record.request_id, record.at) == ("mine-1", clock.now)
    assert record.body_sha256 == hashlib.sha256(body).hexdigest()


def test_an_unknown_field_is_ignored_and_the_record_names_it(sandbox: Sandbox) -> None:
    content = [{**TEXT, "voice": "deep"}]
    task_id = create(sandbox, content=content, aspect_ratio="9:16").json()["id"]
    assert poll(sandbox, task_id).json()["ratio"] == "16:9"
    assert sandbox.creates()[-1].ignored_fields == ["aspect_ratio", "content.0.voice"]


def test_created_tasks_survive_a_restart_and_are_counted(tmp_path: Path) -> None:
    with running_sandbox(db=tmp_path / "t.db") as sandbox:
        task_id = create(sandbox, seed=3).json()["id"]
    with running_sandbox(db=tmp_path / "t.db") as sandbox:
        assert poll(sandbox, task_id).json()["seed"] == 3
        assert [record.id for record in sandbox.creates()] == [task_id]


def test_a_gateway_of_a_real_upstream_creates_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARK_API_KEY", "ark_sandbox")
    with running_sandbox(upstream=sandbox.upstream_url) as gateway:
        refused = create(gateway)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")


# What a create refuses


def test_a_wrong_key_is_a_401_before_anything_else(sandbox: Sandbox) -> None:
    assert send_create(sandbox, b"{", "rsk_wrong").status_code == 401


@pytest.mark.parametrize("model", ["byteplus/none", "dreamina-seedance-2-0", "", "byteplus/byteplus/x"])
def test_an_unknown_model_is_a_404(sandbox: Sandbox, model: str) -> None:
    refused = create(sandbox, model=model, duration=99)
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    assert repr(model) in refused.json()["error"]["message"]


def test_a_test_can_add_models_which_have_no_limits_of_their_own(faulty: Sandbox) -> None:
    faulty.plan_creates(models=["byteplus/next"])
    assert create(faulty, model="byteplus/next", duration=30, frames=None, resolution="4k").status_code == 200
    assert mistakes(create(faulty, model="byteplus/next", priority=10)) == {"priority": "should be from 0 to 9"}


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        (b"{", "", "JSON decode error"),
        (b"", "", "JSON decode error"),
        (b'{"model": "\xff"}', "", "JSON decode error"),
        (b"[" * 100_000, "", "JSON decode error"),
        (b"[]", "", "Expected `object`, got `array`"),
        (b"null", "", "Expected `object`, got `null`"),
    ],
)
def test_a_body_that_is_no_object_is_refused(sandbox: Sandbox, body: bytes, path: str, message: str) -> None:
    found = mistakes(send_create(sandbox, body))
    assert list(found) == [path]
    assert found[path].startswith(message)


def test_every_value_of_a_wrong_type_is_named_with_its_path(sandbox: Sandbox) -> None:
    content = [
        "x",
        {"text": 5},
        {"type": "image_url", "image_url": {"url": 5}},
        {"type": "draft_task", "draft_task": 5},
    ]
    assert mistakes(create(sandbox, content=content, model=None, seed="7", draft=1, ratio=[])) == {
        "content.0": "Expected `object`, got `str`",
        "content.1.type": "Field required",
        "content.1.text": "Expected `str | null`, got `int`",
        "content.2.image_url.url": "Expected `str`, got `int`",
        "content.3.draft_task": "Expected `object | null`, got `int`",
        "model": "Expected `str`, got `null`",
        "seed": "Expected `int | null`, got `str`",
        "draft": "Expected `bool | null`, got `int`",
        "ratio": "Expected `str | null`, got `array`",
    }


def test_a_missing_model_and_missing_or_empty_content_are_refused(sandbox: Sandbox) -> None:
    assert mistakes(send_create(sandbox, {})) == {"model": "Field required", "content": "Field required"}
    assert list(mistakes(create(sandbox, content=[]))) == ["content"]


LITE = "byteplus/seedance-1-0-lite-i2v-250428"
PRO_1_0 = "byteplus/seedance-1-0-pro-250528"
PRO_1_5 = "byteplus/seedance-1-5-pro-251215"
SEEDANCE_2_5 = "byteplus/dreamina-seedance-2-5-260628"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"execution_expires_after": 3599}, "execution_expires_after"),
        ({"execution_expires_after": 259_201}, "execution_expires_after"),
        ({"priority": -1}, "priority"),
        ({"priority": 10}, "priority"),
        ({"seed": -2}, "seed"),
        ({"seed": 2**32}, "seed"),
        ({"duration": 3}, "duration"),
        ({"duration": 16}, "duration"),
        ({"duration": 3, "model": SEEDANCE_2_5}, "duration"),
        ({"duration": 31, "model": SEEDANCE_2_5}, "duration"),
        ({"duration": 13, "model": PRO_1_5}, "duration"),
        ({"duration": -1, "model": PRO_1_0}, "duration"),
        ({"duration": 0, "model": PRO_1_0}, "duration"),
        ({"frames": 29}, "frames"),
        ({"frames": 25, "model": PRO_1_0}, "frames"),
        ({"frames": 30, "model": PRO_1_0}, "frames"),
        ({"frames": 293, "model": PRO_1_0}, "frames"),
        ({"frames": 33, "duration": 5, "model": PRO_1_0}, "frames"),
        ({"service_tier": "premium", "model": PRO_1_5}, "service_tier"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"resolution": "8k"}, "resolution"),
        ({"resolution": ""}, "resolution"),
        ({"resolution": "4k", "model": PRO_1_5}, "resolution"),
        ({"resolution": "1080p", "model": "byteplus/dreamina-seedance-2-0-fast-260128"}, "resolution"),
        ({"ratio": "2:1"}, "ratio"),
        ({"ratio": "16:9", "model": SEEDANCE_2_5, "content": [image("first_frame")]}, "ratio"),
        ({"generate_audio": True, "model": PRO_1_0}, "generate_audio"),
        ({"draft": True}, "draft"),
        ({"draft": True, "resolution": "720p", "model": PRO_1_5}, "resolution"),
        ({"draft": True, "service_tier": "flex", "model": PRO_1_5}, "service_tier"),
        ({"draft": True, "return_last_frame": True, "model": PRO_1_5}, "return_last_frame"),
        ({"camera_fixed": True}, "camera_fixed"),
        ({"camera_fixed": True, "model": LITE, "content": [image("reference_image")]}, "camera_fixed"),
        ({"safety_identifier": "x" * 65}, "safety_identifier"),
        ({"callback_url": ""}, "callback_url"),
        ({"callback_url": "/hook"}, "callback_url"),
        ({"callback_url": "ftp://127.0.0.1/"}, "callback_url"),
        ({"callback_url": "http://[::1/"}, "callback_url"),
        ({"callback_url": "http://127.0.0.1:99999/"}, "callback_url"),
        ({"callback_url": "https://example.com/hook"}, "callback_url"),
        ({"callback_url": "http://192.168.0.7/"}, "callback_url"),
        ({"callback_url": "http://localhost.example/"}, "callback_url"),
        ({"content": [{"type": "image"}]}, "content.0.type"),
        ({"content": [TEXT, {"type": "text"}]}, "content.1.text"),
        ({"content": [{"type": "image_url"}]}, "content.0.image_url"),
        ({"content": [{"type": "draft_task"}]}, "content.0.draft_task"),
        ({"content": [image("middle_frame")]}, "content.0.role"),
        ({"content": [image("reference_video")]}, "content.0.role"),
        ({"content": [{**TEXT, "role": "first_frame"}]}, "content.0.role"),
        ({"content": [image(url="data:;base64,iVBORw0KGgo=")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:base64,iVBORw0KGgo=")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:image/png,x")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:video/mp4;base64,AAAA")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:image/svg+xml;base64,AAAA")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:image/heic;base64,AAAA")], "model": PRO_1_0}, "content.0.image_url.url"),
        ({"content": [image(url="data:image/png;base64,???")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:image/png;base64,é")]}, "content.0.image_url.url"),
        ({"content": [image(url="data:image/png;base64,")]}, "content.0.image_url.url"),
        ({"content": [image(url="iVBORw0KGgo=")]}, "content.0.image_url.url"),
        ({"content": [image(url="file:///etc/passwd")]}, "content.0.image_url.url"),
        ({"content": [image("first_frame"), image("first_frame")]}, "content"),
        ({"content": [image(), image()]}, "content"),
        ({"content": [image("last_frame")]}, "content"),
        ({"content": [image("first_frame"), image("reference_image")]}, "content"),
        ({"content": [image("first_frame"), video()]}, "content"),
        ({"content": [image("first_frame"), audio()]}, "content"),
        ({"content": [image("reference_image")] * 10}, "content"),
        ({"content": [image("reference_image")] * 5, "model": LITE}, "content"),
        ({"content": [image("reference_image")], "model": PRO_1_5}, "content"),
        ({"content": [image("first_frame")], "model": "byteplus/seedance-1-0-lite-t2v-250428"}, "content"),
        ({"content": [video()] * 4}, "content"),
        ({"content": [video()], "model": PRO_1_5}, "content"),
        ({"content": [TEXT, *[audio()] * 4]}, "content"),
        ({"content": [audio()]}, "content"),
        ({"content": [image("reference_image")] * 31, "model": SEEDANCE_2_5}, "content"),
        ({"content": [TEXT, {"type": "draft_task", "draft_task": {"id": "x"}}], "model": PRO_1_5}, "content"),
    ],
)
def test_a_documented_limit_is_refused_with_its_path(sandbox: Sandbox, fields: dict[str, object], path: str) -> None:
    before = len(sandbox.creates())
    assert list(mistakes(create(sandbox, **fields))) == [path]
    assert len(sandbox.creates()) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"execution_expires_after": 3600, "priority": 9, "duration": 15, "resolution": "4k"},
        {"execution_expires_after": 259_200, "priority": 0, "duration": 4, "safety_identifier": "é" * 64},
        {"duration": 30, "model": SEEDANCE_2_5, "content": [audio()]},
        {"duration": -1, "ratio": "adaptive", "model": SEEDANCE_2_5, "content": [image("first_frame")]},
        {"frames": 29, "model": PRO_1_0, "camera_fixed": True, "service_tier": "flex"},
        {"frames": 289, "model": PRO_1_0, "camera_fixed": False, "generate_audio": False},
        {"draft": True, "resolution": "480p", "model": PRO_1_5, "generate_audio": True},
        {"content": [TEXT, image("first_frame"), image("last_frame")]},
        {"content": [*[image("reference_image")] * 9, *[video()] * 3, *[audio()] * 3, TEXT]},
        {"content": [*[image("reference_image")] * 30, *[video()] * 10, *[audio()] * 10], "model": SEEDANCE_2_5},
        {"content": [image("reference_image")] * 4, "model": LITE},
        {"content": [image(url="data:image/heic;base64,AAAA")]},
        {"content": [video("asset://a"), audio("data:audio/mpeg;base64,AAAA")]},
        {"content": [video("data:video/mp4;base64,AAAA")], "callback_url": None},
        {"callback_url": "http://localhost:1/"},
        {"callback_url": "https://[::1]:1/hook?x=1"},
    ],
)
def test_a_request_within_the_limits_is_accepted(sandbox: Sandbox, fields: dict[str, object]) -> None:
    assert create(sandbox, **fields).json().keys() == {"id"}


def test_all_broken_limits_are_named_in_one_response(sandbox: Sandbox) -> None:
    content = [image("middle"), image(url="data:,x"), audio(role="x")]
    found = mistakes(create(sandbox, content=content, priority=10, seed=-5, ratio="1:2"))
    content_paths = {"content.0.role", "content.1.image_url.url", "content.2.role"}
    assert found.keys() == {"priority", "seed", "ratio", *content_paths}


@pytest.mark.parametrize(
    ("kind", "mime", "most"),
    [("image", "image/png", 30 * 2**20 - 1), ("audio", "audio/wav", 15 * 2**20)],
)
def test_a_file_above_its_size_is_refused(own_sandbox: Sandbox, kind: str, mime: str, most: int) -> None:
    for size, expected in ((most, []), (most + 1, [f"content.1.{kind}_url.url"])):
        uri = f"data:{mime};base64,{base64.b64encode(bytes(size)).decode()}"
        response = create(own_sandbox, content=[TEXT, {"type": f"{kind}_url", f"{kind}_url": {"url": uri}}])
        assert (list(mistakes(response)) if expected else response.json().keys() - {"id"}) == (expected or set())


def test_a_body_above_64_mb_is_refused_after_it_was_read(own_sandbox: Sandbox) -> None:
    start = json.dumps({"model": MODEL, "content": [TEXT]}).encode()
    assert send_create(own_sandbox, start + b" " * (64 * 2**20 - len(start))).status_code == 200
    too_large = mistakes(send_create(own_sandbox, start + b" " * (64 * 2**20 - len(start) + 1)))
    assert too_large == {"": "the body should have at most 67108864 bytes, not 67108865"}


# The id of a request


@pytest.mark.parametrize("own", ["a", "req_1:2.3-4", "x" * 64])
def test_the_clients_request_id_is_sent_back_with_every_response(sandbox: Sandbox, own: str) -> None:
    body = {"model": MODEL, "content": [TEXT]}
    assert send_create(sandbox, body, x_request_id=own).headers.get_list("x-request-id") == [own]
    assert send_create(sandbox, {}, x_request_id=own).headers["x-request-id"] == own
    refused = send_create(sandbox, body, "rsk_wrong", x_request_id=own)
    assert (refused.headers["x-request-id"], refused.json()["request_id"]) == (own, own)


@pytest.mark.parametrize("own", ["", "x" * 65, "a b", "a/b", "a?", "é"])
def test_a_request_id_of_another_form_is_ignored(sandbox: Sandbox, own: str) -> None:
    url = f"{sandbox.base_url}/v1/video/generations"
    response = post(url, headers=[(b"X-Request-Id", own.encode())])
    assert response.headers["x-request-id"].startswith("req_")
    assert response.json()["request_id"] == response.headers["x-request-id"]


# Faults


def outcome(sandbox: Sandbox, *, timeout: float = 20) -> str:
    """What the client of one create gets."""
    try:
        response = create(sandbox, "rsk_sandbox", timeout)
    except httpx.TransportError as error:
        return type(error).__name__
    if response.status_code != 200:
        return str(response.status_code)
    try:
        return "id" if "id" in response.json() else "no id"
    except ValueError:
        return "no JSON"


@pytest.mark.parametrize(
    ("name", "seen", "made"),
    [
        ("lost_response", "RemoteProtocolError", 1),
        ("reset_before", "ReadError", 0),
        ("reset_after", "ReadError", 1),
        ("bad_gateway_before", "502", 0),
        ("bad_gateway_after", "502", 1),
        ("unavailable_before", "503", 0),
        ("unavailable_after", "503", 1),
        ("rate_limited", "429", 0),
        ("slow_before", "id", 1),
        ("slow_after", "id", 1),
        ("html_before", "no JSON", 0),
        ("html_after", "no JSON", 1),
        ("truncated", "RemoteProtocolError", 1),
        ("half", "no JSON", 1),
        ("no_id", "no id", 1),
    ],
)
def test_a_named_fault_fails_the_listed_creates_and_makes_the_task_or_not(
    faulty: Sandbox, name: str, seen: str, made: int
) -> None:
    delay = {"delay": 0.01} if name.startswith("slow") else {}
    faulty.plan_creates(create_faults=[{"fault": name, "creates": [2], **delay}])
    for expected in (("id", 1), (seen, made), ("id", 1)):
        before = len(faulty.creates())
        result = outcome(faulty)
        assert (result, len(faulty.creates()) - before) == expected


def test_every_named_fault_is_tested_and_the_control_api_shows_it(sandbox: Sandbox) -> None:
    (mark,) = test_a_named_fault_fails_the_listed_creates_and_makes_the_task_or_not.pytestmark  # type: ignore[attr-defined]  # pytest sets it
    assert [name for name, _, _ in mark.args[1]] == list(CREATE_FAULTS)
    assert get(f"{sandbox.base_url}/_sandbox/create_faults").json() == CREATE_FAULTS


def test_a_rate_limit_says_when_to_try_again(faulty: Sandbox) -> None:
    faulty.plan_creates(create_faults=[{"fault": "rate_limited", "retry_after": 7}])
    limited = create(faulty)
    assert (limited.headers["retry-after"], limited.json()["error"]["retry_after_seconds"]) == ("7", 7)


@pytest.mark.parametrize(("name", "made_at_timeout"), [("slow_before", 0), ("slow_after", 1)])
def test_a_slow_create_makes_its_task_before_or_after_the_client_has_given_up(name: str, made_at_timeout: int) -> None:
    with running_sandbox() as sandbox:
        sandbox.plan_creates(create_faults=[{"fault": name, "delay": 0.5}])
        assert outcome(sandbox, timeout=0.2) == "ReadTimeout"
        assert len(sandbox.creates()) == made_at_timeout
        eventually(lambda: len(sandbox.creates()) == 1)


def test_a_name_alone_fails_every_create(faulty: Sandbox) -> None:
    faulty.plan_creates(create_faults=["bad_gateway_before"])
    assert [outcome(faulty) for _ in range(2)] == ["502", "502"]


def test_a_refused_request_is_no_create_and_counts_as_none(faulty: Sandbox) -> None:
    faulty.plan_creates(create_faults=[{"fault": "bad_gateway_before", "creates": [1]}])
    assert create(faulty, duration=99).status_code == 422
    assert outcome(faulty) == "502"


def test_the_first_fault_about_a_create_is_used(faulty: Sandbox) -> None:
    faulty.plan_creates(create_faults=[{"creates": [2], "status": 500}, {"status": 402}])
    assert [outcome(faulty) for _ in range(3)] == ["402", "500", "402"]


def test_random_faults_follow_their_weights_and_repeat_with_their_seed(faulty: Sandbox) -> None:
    weights = {"none": 2, "bad_gateway_before": 1, "bad_gateway_after": 1, "half": 0}
    runs = list[list[str]]()
    for seed in (1, 1, 2):
        faulty.plan_creates(random_faults={"seed": seed, "weights": weights})
        runs.append([outcome(faulty) for _ in range(40)])
    assert runs[0] == runs[1] != runs[2]
    assert Counter(runs[0]).keys() == {"id", "502"}


def test_a_listed_fault_comes_before_a_random_one_and_random_slowness_has_its_own_delay(faulty: Sandbox) -> None:
    random_faults = {"weights": {"slow_after": 1}, "delay": 0.01}
    faulty.plan_creates(create_faults=[{"creates": [1], "status": 500}], random_faults=random_faults)
    assert [outcome(faulty, timeout=5) for _ in range(2)] == ["500", "id"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fault": []}, "fault"),
        ({"faults": ["lost"]}, "unknown fault 'lost'. Did you mean 'lost_response'? Choose from lost_response, "),
        ({"faults": [{"fault": 5}]}, "unknown fault"),
        ({"faults": [{"creates": [0]}]}, "creates"),
        ({"faults": [{"polls": [1]}]}, "polls"),
        ({"faults": [{"status": 304}]}, "status 304"),
        ({"faults": [{"body": "half"}]}, "set `when` to `after`"),
        ({"faults": [{"no_id": True}]}, "set `when` to `after`"),
        ({"faults": [5]}, "object"),
        ({"random": {"weights": {"lost": 1}}}, "unknown fault 'lost'"),
        ({"random": {"weights": {"none": 0}}}, "should not all be 0"),
        ({"random": {"weights": {"none": -1}}}, "weights"),
        ({"tasks": {"outcome": "lost"}}, "outcome"),
        ({"tasks": {"seed": 5}}, "seed"),
        ({"tasks": {"fields": {"seed": 5}}}, "fields"),
        ({"tasks": {"scenario": "sunny"}}, "unknown scenario"),
    ],
)
def test_a_wrong_setting_of_creates_gets_a_422_and_changes_nothing(
    sandbox: Sandbox, settings: object, message: str
) -> None:
    response = post(f"{sandbox.base_url}/_sandbox/creates", content=json.dumps(settings).encode())
    assert response.status_code == 422
    assert message in response.json()["error"]["message"]
    assert outcome(sandbox) == "id"


def test_faults_of_creates_are_not_logged_as_errors_of_the_server(
    faulty: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.plan_creates(create_faults=[{"fault": "lost_response", "creates": [1]}, "reset_after"])
    for _ in range(2):
        with suppress(httpx.TransportError):
            create(faulty)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
