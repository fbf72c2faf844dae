"""A create without a known end counts as not made only if no task in the list can be its task."""

from __future__ import annotations

from typing import Any

import pytest

from meshapi_video import JournalRecord, VideoTaskResponse
from meshapi_video._create.candidates import RequestFacts
from meshapi_video._create.recovery import SETTLED_AFTER, Recovery, recover

MODEL, BEGUN = "byteplus/dreamina-seedance-2-0", 1_800_000_000.0
SETTLED = BEGUN + SETTLED_AFTER + 1


def record(request_id: str = "r", **fields: Any) -> JournalRecord:  # noqa: ANN401 - fields of both
    own: dict[str, Any] = {name: fields.pop(name) for name in ("event", "task_id") if name in fields}
    facts = RequestFacts(**{"model": MODEL, "sent_at": BEGUN, "seed": 7, **fields})
    return JournalRecord(request_id=request_id, key=None, time=BEGUN, facts=facts, body_sha256="", **own)


def task(task_id: str = "t", after: float | None = 1, **fields: Any) -> VideoTaskResponse:  # noqa: ANN401
    created_at = None if after is None else int(BEGUN + after)
    return VideoTaskResponse.from_dict(
        {"id": task_id, "status": "queued", "model": MODEL, "created_at": created_at, "seed": 7, **fields}
    )


def result(tasks: list[VideoTaskResponse], *records: JournalRecord, now: float = SETTLED) -> Recovery:
    return recover(records or (record(),), tasks, now, SETTLED_AFTER)


@pytest.mark.parametrize("event", ["interrupted", "uncertain"])
@pytest.mark.parametrize("after", [-120, 1, 900, None])
def test_the_only_task_with_the_seed_of_the_create_is_its_task(event: str, after: float | None) -> None:
    assert result([task("t", after), task("u", seed=8)], record(event=event)) == Recovery(created={"r": "t"})


@pytest.mark.parametrize(("event", "task_id"), [("created", "t"), ("refused", None)])
def test_a_create_with_a_known_end_is_left_alone(event: str, task_id: str | None) -> None:
    assert result([task()], record(event=event, task_id=task_id)) == Recovery()


def test_a_task_of_another_create_in_the_journal_is_not_the_one() -> None:
    assert result([task()], record("q", event="created", task_id="t"), record("r")) == Recovery(not_made=["r"])


def test_a_create_without_a_task_was_not_made_once_a_task_would_be_in_the_list() -> None:
    assert result([task(seed=8)]) == Recovery(not_made=["r"])
    assert result([], now=SETTLED - 2) == Recovery(unresolved={"r": []})


def test_a_create_that_is_older_than_the_list_is_not_resolved() -> None:
    assert result([], now=BEGUN + 7 * 86400 + 1) == Recovery(unresolved={"r": []})


@pytest.mark.parametrize("fields", [{"seed": None}, {"seed": -1}])
def test_a_create_without_a_seed_is_not_resolved_by_a_similar_task(fields: dict[str, Any]) -> None:
    assert result([task()], record(**fields)) == Recovery(unresolved={"r": ["t"]})
    assert result([], record(**fields)) == Recovery(not_made=["r"])


def test_creates_with_the_same_seed_are_not_resolved() -> None:
    assert result([task()], record("r"), record("q")) == Recovery(unresolved={"r": ["t"], "q": ["t"]})


def test_two_tasks_with_the_same_seed_are_not_resolved() -> None:
    assert result([task("t"), task("u")]) == Recovery(unresolved={"r": ["t", "u"]})


@pytest.mark.parametrize(
    "unlike",
    [
        # The server replaced a value, or states the model by another name.
        {"resolution": "480p"},
        {"model": "ep-20260128"},
        # The clock of this machine is wrong.
        {"after": -3000},
        # This machine was suspended between the line in the journal and the request.
        {"after": 8 * 3600},
    ],
)
def test_a_task_with_the_seed_of_the_create_is_never_taken_for_no_task(unlike: dict[str, Any]) -> None:
    assert result([task(**unlike)], record(resolution="720p"), now=BEGUN + 9 * 3600) == Recovery(
        unresolved={"r": ["t"]}
    )
