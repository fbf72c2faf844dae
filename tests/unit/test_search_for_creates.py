"""The command line says that a create made no task only after two complete lists without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from meshapi_video import AsyncVideoClient, JournalRecord, RequestFacts, VideoTaskResponse
from meshapi_video._create.recovery import Recovery
from meshapi_video._create_ends import search_list

CREATED_AT = 1_700_000_000
TASK = VideoTaskResponse.from_dict({"id": "t-1", "status": "queued", "seed": 1, "created_at": CREATED_AT})


class Listed:
    """A list that a client has read."""

    def __init__(self, *tasks: VideoTaskResponse, is_complete: bool = True) -> None:
        self._tasks = iter(tasks)
        self.is_complete = is_complete

    def __aiter__(self) -> AsyncIterator[VideoTaskResponse]:
        return self

    async def __anext__(self) -> VideoTaskResponse:
        for task in self._tasks:
            return task
        raise StopAsyncIteration


def found_in(*lists: Listed) -> tuple[Recovery, int]:
    """What the command finds for one create, and how many lists it did not need."""
    left = [*lists]

    def list_tasks(*, created_after: float) -> Listed:
        assert created_after < CREATED_AT
        return left.pop(0)

    client = SimpleNamespace(list=list_tasks, _settings=SimpleNamespace(account="a"))
    facts = RequestFacts(model="m", sent_at=CREATED_AT, seed=1, own_seed=True)
    record = JournalRecord(request_id="r-1", key=None, time=CREATED_AT, facts=facts, body_sha256="", account="a")
    # Only these two attributes are used.
    return anyio.run(search_list, cast("AsyncVideoClient", client), [record], 900.0, CREATED_AT + 1000), len(left)


def test_two_complete_lists_without_the_task_say_that_there_is_none() -> None:
    assert found_in(Listed(), Listed(), Listed()) == (Recovery(not_made=["r-1"]), 1)


@pytest.mark.parametrize("lists", [(False, True), (True, False)])
def test_an_incomplete_list_leaves_the_create_unresolved(lists: tuple[bool, bool]) -> None:
    found, _ = found_in(*(Listed(is_complete=is_complete) for is_complete in lists))
    assert found == Recovery(unresolved={"r-1": []})


def test_a_task_in_the_second_list_is_found() -> None:
    assert found_in(Listed(), Listed(TASK))[0] == Recovery(created={"r-1": "t-1"})


def test_a_task_is_found_in_one_list_whether_it_is_complete_or_not() -> None:
    assert found_in(Listed(TASK, is_complete=False), Listed()) == (Recovery(created={"r-1": "t-1"}), 1)
