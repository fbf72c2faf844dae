"""A list is an iterator over pages of stored tasks: no task comes twice, and none is left out."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from meshapi_video import (
    AsyncVideoClient,
    InvalidResponse,
    NotFoundError,
    RequestRejectedError,
    VideoTaskResponse,
)
from support.clients import Caller
from support.server import Server, response, task_json


class StoredTasks:
    """Serves pages of stored tasks, as the server counts them."""

    def __init__(self, server: Server, ids: list[str]) -> None:
        self._server = server
        self.ids = ids
        self.queries = list[dict[str, list[str]]]()
        server.script(self.respond)

    def respond(self, connection: socket.socket) -> bool:
        query = parse_qs(urlsplit(self._server.requests[-1].target).query)
        self.queries.append(query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        page = [task_json("queued", task_id) for task_id in self.ids[offset : offset + limit]]
        has_more = len(self.ids) > offset + limit
        body = {"data": page, "has_more": has_more, "total": len(self.ids), "limit": limit, "offset": offset}
        return response(200, {"object": "list", **body})(connection)


def tasks(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


# The arguments of `list`, passed on as they are.
def ids_of(client: Caller, **filters: Any) -> list[str]:  # noqa: ANN401
    async def body(each: AsyncVideoClient) -> list[str]:
        return [task.id async for task in each.list(**filters)]

    return client.run(body)


@pytest.mark.parametrize("count", [0, 1, 100, 250])
def test_a_list_yields_every_stored_task_once_and_in_order(client: Caller, server: Server, count: int) -> None:
    StoredTasks(server, tasks(count))
    assert ids_of(client) == tasks(count)


def test_a_page_is_asked_for_when_its_first_task_is_needed(client: Caller, server: Server) -> None:
    StoredTasks(server, tasks(250))

    async def body(each: AsyncVideoClient) -> list[int]:
        found, requests = each.list(), list[int]()
        assert (found.total, found.is_complete) == (None, False)
        for _ in range(3):
            requests.append(len(server.requests))
            first: VideoTaskResponse = await anext(found)
            assert first.status == "queued"
        assert found.total == 250
        return requests

    assert client.run(body) == [0, 1, 1]


def test_tasks_that_leave_the_list_take_no_other_task_with_them(client: Caller, server: Server) -> None:
    stored = StoredTasks(server, tasks(250))

    async def body(each: AsyncVideoClient) -> list[str]:
        found = list[str]()
        async for task in each.list(status=["queued", "running"]):
            if not found:
                del stored.ids[:80]
            found.append(task.id)
        return found

    found = client.run(body)
    assert (len(found), set(found)) == (250, set(tasks(250)))


def test_the_filters_are_sent_as_the_document_says(client: Caller, server: Server) -> None:
    stored = StoredTasks(server, [])
    summer = timezone(timedelta(hours=2))
    filters = {
        "status": ["queued", "running"],
        "model": "m/1",
        "created_after": datetime(2026, 11, 26, 3, 0, tzinfo=summer),
        "created_before": 1_800_000_000,
    }
    ids_of(client, **filters)
    assert stored.queries == [
        {
            "status": ["queued", "running"],
            "model": ["m/1"],
            "created_after": ["2026-11-26T01:00:00Z"],
            "created_before": ["2027-01-15T08:00:00Z"],
            "limit": ["100"],
            "offset": ["0"],
        }
    ]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"created_after": datetime(2026, 1, 1)}, "created_after should be a datetime with a time zone"),  # noqa: DTZ001 - the mistake
        ({"created_before": -1}, "created_before should be a datetime, or seconds since 1970"),
        ({"status": ["queued", ""]}, "status should be a string or several strings, none of them empty"),
        ({"model": [7]}, "model should be a string or several strings"),
    ],
)
def test_a_filter_that_cannot_be_sent_is_refused_at_once(
    client: Caller, server: Server, filters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ids_of(client, **filters)
    assert server.requests == []


def test_a_temporary_failure_is_retried_within_the_list(client: Caller, server: Server) -> None:
    stored = StoredTasks(server, tasks(3))
    server.script(response(502, {}), response(200, b"<html>"), stored.respond)
    assert ids_of(client) == tasks(3)
    assert client.clock.now >= 1


@pytest.mark.parametrize(
    ("status", "error_type", "advice"),
    [(404, NotFoundError, "Check the base URL"), (422, RequestRejectedError, "Check the filters")],
)
def test_a_refusal_is_raised_with_advice_about_the_list(
    client: Caller, server: Server, status: int, error_type: type[Exception], advice: str
) -> None:
    server.script(response(status, {}))
    with pytest.raises(error_type, match=f"{advice}$"):
        ids_of(client)
    assert len(server.requests) == 1


def test_a_page_that_breaks_the_contract_is_refused_with_its_path(client: Caller, server: Server) -> None:
    page = {"data": [{"id": "t", "status": 5}], "has_more": False, "total": 1, "limit": 100, "offset": 0}
    server.script(response(200, page))
    with pytest.raises(InvalidResponse) as caught:
        ids_of(client)
    assert caught.value.path == "$.data[0].status"


def test_the_tasks_of_a_list_can_be_waited_for(client: Caller, server: Server) -> None:
    stored = StoredTasks(server, tasks(2))
    finished = [
        response(200, task_json("succeeded", each, content={"video_url": "https://cdn.example/v"})) for each in tasks(2)
    ]

    def respond(connection: socket.socket) -> bool:
        path = urlsplit(server.requests[-1].target).path
        if path.endswith("/generations"):
            return stored.respond(connection)
        return finished[tasks(2).index(path.rpartition("/")[2])](connection)

    server.script(respond)

    async def body(each: AsyncVideoClient) -> set[str]:
        ids = [task.id async for task in each.list(status=["queued", "running"])]
        return {result.task_id async for result in each.wait_many(ids)}

    assert client.run(body) == set(tasks(2))


def test_a_datetime_in_any_time_zone_is_sent_in_utc(client: Caller, server: Server) -> None:
    stored = StoredTasks(server, [])
    ids_of(client, created_after=datetime(2026, 1, 1, tzinfo=UTC))
    assert stored.queries[0]["created_after"] == ["2026-01-01T00:00:00Z"]
