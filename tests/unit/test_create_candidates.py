"""The task of an uncertain create is among its candidates, and as few others as possible are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import msgspec
import pytest

from meshapi_video import VideoGenerationRequest, VideoTaskResponse
from meshapi_video._create.candidates import FoundTasks, RequestFacts, may_be
from meshapi_video._errors import Candidates

MODEL, SENT_AT = "byteplus/dreamina-seedance-2-0", 1_800_000_000.0
FIELDS: dict[str, Any] = {
    "seed": 7,
    "resolution": "720p",
    "ratio": "16:9",
    "duration": 5,
    "frames": 29,
    "generate_audio": False,
    "priority": 0,
    "safety_identifier": "a",
    "service_tier": "default",
    "draft": False,
    "execution_expires_after": 3600,
}
OTHERS: dict[str, Any] = {
    "seed": 8,
    "resolution": "1080p",
    "ratio": "1:1",
    "duration": 6,
    "frames": 33,
    "generate_audio": True,
    "priority": 1,
    "safety_identifier": "b",
    "service_tier": "flex",
    "draft": True,
    "execution_expires_after": 3601,
}


def request(**fields: object) -> VideoGenerationRequest:
    return VideoGenerationRequest.from_dict({"model": MODEL, "content": [], **fields})


def facts(**fields: object) -> RequestFacts:
    return RequestFacts.of(request(**fields), SENT_AT)


def task(**fields: object) -> VideoTaskResponse:
    return VideoTaskResponse.from_dict(
        {"id": "t", "status": "queued", "model": MODEL, "created_at": int(SENT_AT), **fields}
    )


def test_a_task_with_all_the_values_of_the_request_may_be_its_task() -> None:
    assert may_be(facts(**FIELDS), task(**FIELDS))
    assert OTHERS.keys() == FIELDS.keys() == set(RequestFacts.__struct_fields__) - {"model", "sent_at", "own_seed"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_task_with_another_value_is_not_its_task(name: str) -> None:
    assert not may_be(facts(**FIELDS), task(**{**FIELDS, name: OTHERS[name]}))


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_that_one_of_both_does_not_state_decides_nothing(name: str) -> None:
    without = {other: value for other, value in FIELDS.items() if other != name}
    assert may_be(facts(**without), task(**FIELDS))
    assert may_be(facts(**FIELDS), task(**without))
    assert may_be(facts(**FIELDS), task(**without, **{name: None}))


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("duration", -1), ("ratio", "adaptive")])
def test_a_value_that_the_request_left_to_the_server_decides_nothing(name: str, value: object) -> None:
    assert may_be(facts(**{name: value}), task(**FIELDS))


def test_the_resolution_of_a_draft_decides_nothing_because_the_server_replaces_it() -> None:
    assert may_be(facts(draft=True, resolution="720p"), task(draft=True, resolution="480p"))
    assert not may_be(facts(resolution="720p"), task(resolution="480p"))


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-121, False), (-120, True), (0, True), (900, True), (901, False), (None, True)]
)
def test_a_task_of_another_time_is_not_its_task(seconds: int | None, *, expected: bool) -> None:
    created_at = None if seconds is None else int(SENT_AT) + seconds
    assert may_be(facts(), task(created_at=created_at)) is expected


@pytest.mark.parametrize("seconds", [-3000, 8 * 3600])
def test_a_task_with_the_seed_of_the_request_may_be_its_task_at_any_time(seconds: int) -> None:
    created_at = int(SENT_AT) + seconds
    own = RequestFacts.of(request(seed=7), SENT_AT, own_seed=True)
    assert may_be(own, task(seed=7, created_at=created_at))
    # A caller may give many creates the same seed.
    assert not may_be(facts(seed=7), task(seed=7, created_at=created_at))
    assert not may_be(facts(seed=-1), task(seed=-1, created_at=created_at))


@pytest.mark.parametrize(
    ("asked", "stated", "expected"),
    [
        (MODEL, MODEL, True),
        (MODEL, None, True),
        (MODEL, "dreamina-seedance-2-0", True),
        (MODEL, "dreamina-seedance-2-0-260128", True),
        (f"{MODEL}-260128", "dreamina-seedance-2-0", True),
        (f"{MODEL}-260128", f"{MODEL}-260999", False),
        (MODEL, f"{MODEL}-fast", False),
        (MODEL, "dreamina-seedance-2-0-fast-260128", False),
        (MODEL, "another", False),
    ],
)
def test_a_task_of_another_model_is_not_its_task(asked: str, stated: str | None, *, expected: bool) -> None:
    assert may_be(facts(model=asked), task(model=stated)) is expected


def test_facts_are_the_same_after_they_were_stored() -> None:
    for stored in (facts(), facts(**FIELDS), facts(seed=None)):
        assert msgspec.json.decode(msgspec.json.encode(stored), type=RequestFacts) == stored
    assert msgspec.json.encode(facts(seed=1)) == b'{"model":"%s","time":1800000000.0,"seed":1}' % MODEL.encode()


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        facts().seed = 1  # type: ignore[misc]  # the mistake under test


TASKS = [task(id="one", seed=7), task(id="two", seed=8), task(id="three")]


class AsyncTasks:
    def __init__(self) -> None:
        self._left = iter(TASKS)

    def __aiter__(self) -> AsyncIterator[VideoTaskResponse]:
        return self

    async def __anext__(self) -> VideoTaskResponse:
        for found in self._left:
            return found
        raise StopAsyncIteration


def test_a_blocking_client_finds_the_tasks_that_may_be_it_as_often_as_it_is_asked() -> None:
    found: Candidates = FoundTasks(lambda: iter(TASKS), facts(seed=7))
    assert [one.id for one in found] == [one.id for one in found] == ["one", "three"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_asynchronous_client_finds_the_tasks_that_may_be_it(backend: str) -> None:
    found: Candidates = FoundTasks(AsyncTasks, facts(seed=7))

    async def ids() -> list[str]:
        return [one.id async for one in found]

    assert anyio.run(ids, backend=backend) == ["one", "three"]


def test_the_list_is_not_asked_for_before_the_iteration() -> None:
    def listing() -> Iterator[VideoTaskResponse]:
        raise AssertionError("the list was asked for")

    FoundTasks(listing, facts())


def test_the_wrong_sort_of_loop_is_refused_with_the_right_one() -> None:
    with pytest.raises(TypeError, match=r"the client is asynchronous: use `async for task in error.candidates\(\)`"):
        iter(FoundTasks(AsyncTasks, facts()))
    with pytest.raises(TypeError, match=r"the client is blocking: use `for task in error.candidates\(\)`"):
        aiter(FoundTasks(lambda: iter(TASKS), facts()))
