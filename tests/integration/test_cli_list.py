"""The command `list`."""

from __future__ import annotations

import json

import pytest

from meshapi_video._cli.commands import run
from support.cli import Output
from support.clients import KEY
from support.server import Response, Server, response, task_json


@pytest.fixture(autouse=True)
def environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)


def page(*tasks: dict[str, object], total: int | None = None, has_more: bool = False) -> Response:
    total = len(tasks) if total is None else total
    return response(200, {"data": tasks, "has_more": has_more, "total": total, "limit": 100, "offset": 0})


RUNNING = task_json("running", "t-1", created_at=1_800_000_000, model="m/1")
NEWEST = task_json("queued", "t-2")


def test_a_list_prints_one_line_for_each_task(server: Server, capsys: Output) -> None:
    server.script(page(RUNNING, NEWEST))
    assert run(["list"]) == 0
    assert capsys.readouterr().out == "t-1\trunning\t2027-01-15T08:00:00Z\tm/1\nt-2\tqueued\t-\t-\n"


def test_json_prints_each_task_with_the_names_of_the_api(server: Server, capsys: Output) -> None:
    server.script(page(RUNNING))
    assert run(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == RUNNING


def test_the_filters_reach_the_server(server: Server) -> None:
    server.script(page())
    filters = ["--status", "queued", "--status", "running", "--model", "m/1"]
    assert run(["list", *filters, "--since", "2026-11-26T08:00+01:00", "--until", "2026-11-27T00:00Z"]) == 0
    assert server.requests[0].target.partition("?")[2].split("&") == [
        "status=queued",
        "status=running",
        "model=m%2F1",
        "created_after=2026-11-26T07%3A00%3A00Z",
        "created_before=2026-11-27T00%3A00%3A00Z",
        "limit=100",
        "offset=0",
    ]


@pytest.mark.parametrize("ago", ["90m", "36h", "7d"])
def test_a_time_ago_is_a_time(server: Server, ago: str) -> None:
    server.script(page())
    assert run(["list", "--since", ago]) == 0
    assert "created_after=20" in server.requests[0].target


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "5w", ""])
def test_a_wrong_time_is_wrong_usage_and_says_what_a_time_is(server: Server, wrong: str, capsys: Output) -> None:
    assert run(["list", "--since", wrong]) == 2
    assert "write 2026-11-26, 2026-11-26T08:00+01:00, or 90m" in " ".join(capsys.readouterr().err.split())
    assert server.requests == []


def test_a_limit_ends_the_list_and_says_how_many_tasks_there_are(server: Server, capsys: Output) -> None:
    server.script(page(RUNNING, NEWEST, total=300, has_more=True))
    assert run(["list", "--limit", "1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.err == "1 of 300 tasks; leave --limit out to print all\n"
    assert len(server.requests) == 1


def test_a_list_that_is_complete_says_nothing_on_stderr(server: Server, capsys: Output) -> None:
    server.script(page(RUNNING))
    assert run(["list", "--limit", "5"]) == 0
    assert capsys.readouterr().err == ""


def test_a_refusal_exits_with_3(server: Server, capsys: Output) -> None:
    server.script(response(401, {}))
    assert run(["list"]) == 3
    assert "HTTP 401" in capsys.readouterr().err
