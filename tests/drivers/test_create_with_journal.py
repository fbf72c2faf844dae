"""A create with a journal leaves a line before the request and one after it; an uncertain one finds its task."""

from __future__ import annotations

import asyncio
import errno
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest

from meshapi_video import AsyncVideoClient, CreateUncertain, RequestRejectedError, read_journal
from meshapi_video._create.journal import JournalEntry
from support.clients import Caller, Kind
from support.server import Response, Server, reset, response, task_json

MODEL = "byteplus/dreamina-seedance-2-0"
CREATED = response(200, {"id": "t-1"})


# The arguments of `create`, passed on as they are.
async def create(client: AsyncVideoClient, **arguments: Any) -> object:  # noqa: ANN401
    return await client.create(MODEL, "a lake", **arguments)


def test_the_journal_has_a_line_before_the_request_is_sent(client: Caller, server: Server, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    seen = list[str]()

    def respond(connection: socket.socket) -> bool:
        seen.extend(record.event for record in read_journal(journal))
        return CREATED(connection)

    server.script(respond)
    client.run(lambda each: create(each, journal=journal, journal_key="order 7", seed=5))
    assert seen == ["interrupted"]
    [record] = read_journal(journal)
    assert (record.event, record.task_id, record.key, record.facts.seed) == ("created", "t-1", "order 7", 5)
    assert not record.facts.own_seed
    assert record.request_id == server.requests[0].headers["x-request-id"]


def test_the_journal_says_how_each_create_ended(client: Caller, server: Server, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    server.script(response(422, {}), reset)
    with pytest.raises(RequestRejectedError):
        client.run(lambda each: create(each, journal=journal))
    with pytest.raises(CreateUncertain):
        client.run(lambda each: create(each, journal=journal))
    assert [record.event for record in read_journal(journal)] == ["refused", "uncertain"]


def test_each_attempt_is_in_the_journal_before_it_is_sent(client: Caller, server: Server, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    times = list[float]()

    def note_time(respond: Response) -> Response:
        def noted(connection: socket.socket) -> bool:
            [record] = read_journal(journal)
            assert record.event == "interrupted"
            times.append(record.time)
            return respond(connection)

        return noted

    server.script(note_time(response(429, {}, retry_after="3")), note_time(reset))
    with pytest.raises(CreateUncertain) as caught:
        client.run(lambda each: create(each, journal=journal))
    assert times[0] < times[1]
    assert caught.value.sent_at == times[1]
    [record] = read_journal(journal)
    assert (record.event, record.time) == ("uncertain", times[1])


def test_nothing_is_sent_again_if_the_journal_cannot_be_written(
    client: Caller, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = JournalEntry.begin

    def begin_once(entry: JournalEntry, sent_at: float) -> None:
        if server.requests:
            raise OSError(errno.ENOSPC, "No space left on device")
        begin(entry, sent_at)

    monkeypatch.setattr(JournalEntry, "begin", begin_once)
    server.script(response(429, {}), CREATED)
    with pytest.raises(OSError, match="No space left"):
        client.run(lambda each: create(each, journal=tmp_path / "journal"))
    assert len(server.requests) == 1


def test_nothing_is_sent_if_the_journal_cannot_be_written(client: Caller, server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.run(lambda each: create(each, journal=tmp_path / "no" / "journal"))
    assert server.requests == []


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
def test_an_interruption_while_the_end_is_written_has_the_id(
    kind: Kind, client: Caller, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_entry: JournalEntry, task_id: str | None, _error: object) -> None:
        assert task_id == "t-1"
        raise KeyboardInterrupt if kind == "sync" else asyncio.CancelledError

    server.script(CREATED)
    monkeypatch.setattr(JournalEntry, "end", interrupt)
    with pytest.raises((KeyboardInterrupt, asyncio.CancelledError)) as caught:
        client.run(lambda each: create(each, journal=tmp_path / "journal"))
    assert "The task t-1 was created" in " ".join(caught.value.__notes__)


def test_a_create_without_a_seed_sends_one_of_its_own(client: Caller, server: Server, tmp_path: Path) -> None:
    server.script(CREATED)
    for _ in range(2):
        client.run(lambda each: create(each, journal=tmp_path / "journal"))
    assert all(record.facts.own_seed for record in read_journal(tmp_path / "journal"))
    first, second = (record.facts.seed for record in read_journal(tmp_path / "journal"))
    assert first != second


def uncertain(client: AsyncVideoClient) -> Any:  # noqa: ANN401
    async def body() -> CreateUncertain:
        with pytest.raises(CreateUncertain) as caught:
            await client.create(MODEL, "a lake", seed=7, duration=5)
        return caught.value

    return body()


def test_the_candidates_are_the_listed_tasks_that_state_nothing_else(client: Caller, server: Server) -> None:
    def listed(connection: socket.socket) -> bool:
        made = int(client.clock.now) if server.requests else 0
        tasks = [
            task_json("queued", "same", model=MODEL, seed=7),
            task_json("queued", "silent"),
            task_json("queued", "other seed", model=MODEL, seed=8),
            task_json("queued", "other model", model="m", seed=7),
            task_json("queued", "earlier", model=MODEL, created_at=made - 10_000),
        ]
        page = {"data": tasks, "has_more": False, "total": len(tasks), "limit": 100, "offset": 0}
        return response(200, page)(connection)

    server.script(reset, listed)

    async def body(each: AsyncVideoClient) -> list[str]:
        error = await uncertain(each)
        if client.kind == "sync":
            return [task.id for task in error.candidates()]
        return [task.id async for task in error.candidates()]

    assert client.run(body) == ["same", "silent"]
    assert "created_after=" in server.requests[1].target


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_the_candidates_of_an_asynchronous_client_are_awaited(client: Caller, server: Server) -> None:
    server.script(reset)
    error = client.run(uncertain)
    with pytest.raises(TypeError, match="async for"):
        list(error.candidates())


@pytest.mark.parametrize("kind", ["sync"])
def test_the_candidates_of_a_blocking_client_are_not_awaited(client: Caller, server: Server) -> None:
    server.script(reset)

    async def body(each: AsyncVideoClient) -> None:
        error = await uncertain(each)
        with pytest.raises(TypeError, match="use `for task in"):
            aiter(error.candidates())

    client.run(body)


def test_an_error_from_another_process_has_no_list(client: Caller, server: Server) -> None:
    server.script(reset)
    error = pickle.loads(pickle.dumps(client.run(uncertain)))  # noqa: S301 - of this test
    assert (type(error), error.last_error.request_id) == (CreateUncertain, error.request_id)
    with pytest.raises(RuntimeError, match="comes from another process"):
        error.candidates()


def test_a_closed_client_creates_nothing(kind: Kind, server: Server) -> None:
    async def body(each: AsyncVideoClient) -> None:
        await each.close()
        await each.create(MODEL, "a lake")

    with pytest.raises(RuntimeError, match="closed"):
        Caller(kind, server.base_url).run(body)
    assert server.requests == []
