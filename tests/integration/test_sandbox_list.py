"""The operation that lists tasks: filters, pages, whose tasks they are, and how old they may be."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox
from support.clock import Clock
from support.sandbox_client import create, get, poll, post

EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"
MODELS = ["byteplus/dreamina-seedance-2-0", "byteplus/seedance-1-5-pro-251215"]


@pytest.fixture
def sandbox(clock: Clock) -> Generator[Sandbox]:  # noqa: ARG001 - for its effect
    """A sandbox of its own in virtual time: a list shows every task."""
    with running_sandbox(keys=("rsk_sandbox", "rsk_other")) as started:
        yield started


def list_tasks(sandbox: Sandbox, query: str = "", key: str = "rsk_sandbox") -> httpx.Response:
    return get(f"{sandbox.base_url}/v1/video/generations?{query}", headers={"Authorization": f"Bearer {key}"})


def ids(sandbox: Sandbox, query: str = "", key: str = "rsk_sandbox") -> list[str]:
    """The ids of the listed tasks, without the example that every sandbox has."""
    return [task["id"] for task in list_tasks(sandbox, query, key).json()["data"] if task["id"] != EXAMPLE_ID]


def date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make(sandbox: Sandbox, clock: Clock, number: int) -> list[str]:
    """Creates tasks, one a second, the first one first."""
    made = list[str]()
    for _ in range(number):
        clock.now += 1
        made.append(create(sandbox).json()["id"])
    return made


def test_a_list_has_every_task_of_the_key_with_the_newest_first(sandbox: Sandbox, clock: Clock) -> None:
    made = make(sandbox, clock, 3)
    response = list_tasks(sandbox)
    tasks = response.json().pop("data")
    assert [task["id"] for task in tasks] == [*made[::-1], EXAMPLE_ID]
    assert {name: value for name, value in response.json().items() if name != "data"} == {
        "object": "list",
        "has_more": False,
        "total": 4,
        "limit": 50,
        "offset": 0,
    }


def test_tasks_of_the_same_second_keep_one_order(sandbox: Sandbox) -> None:
    made = [create(sandbox).json()["id"] for _ in range(5)]
    assert ids(sandbox) == made[::-1]


def test_a_task_in_the_list_has_the_fields_of_a_poll(sandbox: Sandbox) -> None:
    task_id = create(sandbox, seed=7, resolution="480p", safety_identifier="a").json()["id"]
    assert list_tasks(sandbox).json()["data"][0] == poll(sandbox, task_id).json()


def test_tasks_of_the_control_api_are_listed_too(sandbox: Sandbox) -> None:
    assert ids(sandbox) == [] != [sandbox.create_task()] == ids(sandbox)


def test_each_key_sees_its_own_tasks(sandbox: Sandbox) -> None:
    first, second = create(sandbox).json()["id"], create(sandbox, "rsk_other").json()["id"]
    assert (ids(sandbox), ids(sandbox, key="rsk_other")) == ([first], [second])
    assert list_tasks(sandbox, key="rsk_other").json()["total"] == 1


def test_a_wrong_key_is_a_401_also_with_wrong_parameters(sandbox: Sandbox) -> None:
    response = list_tasks(sandbox, "limit=0", key="rsk_wrong")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")


# Pages


def test_pages_give_each_task_once_and_say_whether_there_are_more(sandbox: Sandbox, clock: Clock) -> None:
    made = make(sandbox, clock, 4)
    pages = [list_tasks(sandbox, f"limit=2&offset={offset}").json() for offset in (0, 2, 4, 6)]
    assert [[task["id"] for task in page["data"]] for page in pages] == [
        [made[3], made[2]],
        [made[1], made[0]],
        [EXAMPLE_ID],
        [],
    ]
    assert [page["has_more"] for page in pages] == [True, True, False, False]
    assert {(page["total"], page["limit"]) for page in pages} == {(5, 2)}
    assert [page["offset"] for page in pages] == [0, 2, 4, 6]


def test_new_tasks_shift_the_pages(sandbox: Sandbox, clock: Clock) -> None:
    make(sandbox, clock, 4)
    before = ids(sandbox, "limit=2&offset=0")
    make(sandbox, clock, 1)
    assert ids(sandbox, "limit=2&offset=2")[0] == before[-1]


@pytest.mark.parametrize("query", ["limit=1", "limit=200", f"offset={2**63}", "limit=200&offset=0"])
def test_the_bounds_of_a_page_are_accepted(sandbox: Sandbox, query: str) -> None:
    assert list_tasks(sandbox, query).status_code == 200


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("offset=-1", "offset"),
        ("created_after=yesterday", "created_after"),
        ("created_after=1700000000", "created_after"),
        ("created_before=2026-01-01", "created_before"),
        ("created_before=2026-13-01T00:00:00Z", "created_before"),
        ("created_after=2026-01-01T00:00:00+00:00", "created_after"),  # the + is a space
    ],
)
def test_a_wrong_parameter_is_a_422_with_its_path(sandbox: Sandbox, query: str, name: str) -> None:
    response = list_tasks(sandbox, query)
    assert response.status_code == 422
    assert [mistake["loc"] for mistake in response.json()["detail"]] == [["query", name]]


# Filters


def test_a_filter_by_status_may_name_several(sandbox: Sandbox, clock: Clock) -> None:
    queued, running, failed = (
        sandbox.create_task(queued_for=99),
        sandbox.create_task(queued_for=0, running_for=99),
        sandbox.create_task("failed", queued_for=0, running_for=0),
    )
    for task_id in (running, failed):
        poll(sandbox, task_id)
    clock.now += 1
    assert ids(sandbox, "status=queued") == [queued]
    assert ids(sandbox, "status=running&status=failed") == [failed, running]
    assert ids(sandbox, "status=nothing") == []
    assert list_tasks(sandbox, "status=running&status=failed&limit=1").json()["total"] == 2


def test_a_filter_by_model_may_name_several(sandbox: Sandbox) -> None:
    first, second = (create(sandbox, model=model).json()["id"] for model in MODELS)
    assert ids(sandbox, f"model={MODELS[0]}") == [first]
    assert ids(sandbox, f"model={MODELS[0]}&model={MODELS[1]}") == [second, first]
    assert ids(sandbox, "model=other") == []


def test_a_filter_by_time_leaves_out_its_own_second(sandbox: Sandbox, clock: Clock) -> None:
    made = make(sandbox, clock, 3)
    first, _, last = (date(clock.now - back) for back in (2, 1, 0))
    assert ids(sandbox, f"created_after={first}") == [made[2], made[1]]
    assert ids(sandbox, f"created_before={last}") == [made[1], made[0]]
    assert ids(sandbox, f"created_after={first}&created_before={last}") == [made[1]]


def test_a_time_may_have_a_zone_and_is_utc_without_one(sandbox: Sandbox, clock: Clock) -> None:
    (made,) = make(sandbox, clock, 1)
    naive = date(clock.now - 1).removesuffix("Z")
    assert ids(sandbox, f"created_after={naive}") == [made]
    assert ids(sandbox, f"created_after={naive}%2B01:00") == [made]
    assert ids(sandbox, f"created_after={naive}-01:00") == []


def test_filters_are_combined(sandbox: Sandbox, clock: Clock) -> None:
    made = make(sandbox, clock, 2)
    assert ids(sandbox, f"status=queued&model={MODELS[0]}&created_after={date(clock.now - 1)}") == [made[1]]
    assert ids(sandbox, f"status=failed&model={MODELS[0]}") == []


# Age


def test_a_list_never_polls_the_upstream_and_shows_the_response_to_the_last_poll(
    sandbox: Sandbox, clock: Clock
) -> None:
    task_id = create(sandbox).json()["id"]
    clock.now += 100
    assert list_tasks(sandbox).json()["data"][0]["status"] == "queued"
    assert sandbox.inspect(task_id).upstream_polls == 0
    poll(sandbox, task_id)
    assert list_tasks(sandbox).json()["data"][0]["status"] == "succeeded"


def test_a_list_that_lags_shows_the_past_and_not_yet_the_newest_task(sandbox: Sandbox, clock: Clock) -> None:
    sandbox.set_list_lag(10)
    task_id = create(sandbox).json()["id"]
    seen = list[list[str]]()
    for _ in range(4):
        clock.now += 5
        poll(sandbox, task_id)
        listed = list_tasks(sandbox).json()
        assert listed["total"] == len(listed["data"])
        seen.append([task["status"] for task in listed["data"] if task["id"] == task_id])
    assert seen == [[], ["queued"], ["running"], ["succeeded"]]
    sandbox.set_list_lag(0)
    assert len(ids(sandbox)) == 1


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"lag": -1}', b'{"lag": "x"}', b'{"lag": 1, "more": 2}'])
def test_a_wrong_lag_gets_a_422_and_changes_nothing(sandbox: Sandbox, body: bytes) -> None:
    made = create(sandbox).json()["id"]
    assert post(f"{sandbox.base_url}/_sandbox/list", content=body).status_code == 422
    assert ids(sandbox) == [made]


def test_a_file_of_an_earlier_version_is_listed_also_by_a_list_that_lags(tmp_path: Path) -> None:
    db = tmp_path / "t.db"
    with running_sandbox(db=db) as sandbox:
        task_id = sandbox.create_task()
    with closing(sqlite3.connect(db)) as database:
        for table in ("versions", "creates"):
            database.execute(f"DROP TABLE {table}")
        database.commit()
    with running_sandbox(db=db) as sandbox:
        sandbox.set_list_lag(10)
        assert ids(sandbox) == [task_id]
        assert sandbox.creates() == []


def test_a_gateway_of_a_real_upstream_lists_the_tasks_that_it_adopted(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARK_API_KEY", "ark_sandbox")
    task_id = create(sandbox).json()["id"]
    with running_sandbox(upstream=sandbox.upstream_url) as gateway:
        assert ids(gateway) == []
        poll(gateway, task_id)
        assert ids(gateway) == [task_id]
        assert json.loads(list_tasks(gateway).content)["data"][0] == poll(gateway, task_id).json()
