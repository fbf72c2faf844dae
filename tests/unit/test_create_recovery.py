"""What became of creates without a known end: only a seed of its own tells which task is whose."""

from __future__ import annotations

import pytest
from attrs import evolve

from meshapi_video import JournalRecord, RequestFacts, VideoTaskResponse
from meshapi_video._create.journal import End
from meshapi_video._create.recovery import Recovery, recover

NOW = 1_800_000_000.0


def create(request_id: str, seed: int | None, event: End = "uncertain", task_id: str | None = None) -> JournalRecord:
    facts = RequestFacts(model="m", sent_at=NOW, seed=seed, own_seed=True)
    return JournalRecord(
        request_id=request_id,
        key=None,
        time=NOW,
        facts=facts,
        body_sha256="",
        account="a",
        event=event,
        task_id=task_id,
    )


def task(task_id: str, seed: int | None = None, created_at: float | None = NOW, model: str = "m") -> VideoTaskResponse:
    fields = {"seed": seed, "created_at": created_at and int(created_at), "model": model}
    return VideoTaskResponse.from_dict({"id": task_id, "status": "queued", **fields})


def after(
    records: list[JournalRecord],
    tasks: list[VideoTaskResponse],
    seconds: float = 1000,
    account: str = "a",
    *,
    is_complete: bool = True,
) -> Recovery:
    return recover(records, tasks, NOW + seconds, settled_after=900, account=account, is_complete=is_complete)


def test_the_task_with_the_seed_of_the_create_is_its_task_whatever_the_model_is_called() -> None:
    found = after([create("r1", 1), create("r2", 2)], [task("b", 2, model="internal"), task("a", 1), task("c", 3)])
    assert found == Recovery(created={"r1": "a", "r2": "b"})


def test_a_create_made_no_task_if_all_tasks_of_its_time_have_other_seeds_and_it_was_long_ago() -> None:
    records = [create("r1", 1, "interrupted")]
    assert after(records, [task("a", 2)], 901) == Recovery(not_made=["r1"])
    assert after(records, [task("a", 2)], 900) == Recovery(unresolved={"r1": []})
    assert after(records, []) == Recovery(not_made=["r1"])


def test_an_incomplete_list_finds_a_task_but_never_says_that_there_is_none() -> None:
    records = [create("r1", 1), create("r2", 2)]
    found = after(records, [task("a", 1)], is_complete=False)
    assert found == Recovery(created={"r1": "a"}, unresolved={"r2": []})


def test_the_list_of_another_key_never_says_that_a_create_made_no_task() -> None:
    records = [create("r1", 1), create("r2", 2)]
    assert after(records, [task("b", 2)], account="b") == Recovery(created={"r2": "b"}, of_another_account=["r1"])


def test_a_create_of_an_unknown_account_is_not_resolved_without_its_task() -> None:
    records = [evolve(create("r1", 1), account="")]
    assert after(records, [task("b", 2)]) == Recovery(unresolved={"r1": []})


def test_a_task_without_a_seed_may_be_any() -> None:
    assert after([create("r1", 1)], [task("a"), task("b", 2)]) == Recovery(unresolved={"r1": ["a"]})


def test_a_task_of_another_time_is_not_the_one() -> None:
    tasks = [task("a", None, NOW - 121), task("b", None, NOW + 901), task("c", None, None)]
    assert after([create("r1", 1)], tasks) == Recovery(unresolved={"r1": ["c"]})


@pytest.mark.parametrize("seconds", [-3000, 8 * 3600])
def test_a_task_with_the_seed_of_the_create_is_never_taken_for_no_task(seconds: int) -> None:
    # This machine's clock was wrong, or it was suspended between the line in the journal and the request.
    records, tasks = [create("r1", 7)], [task("a", 7, NOW + seconds), task("b", 8, NOW + seconds)]
    assert after(records, tasks, 9 * 3600) == Recovery(unresolved={"r1": ["a"]})


def test_a_create_of_which_the_list_may_have_lost_the_task_is_not_resolved() -> None:
    week = 7 * 86_400
    assert after([create("r1", 1)], [], week) == Recovery(not_made=["r1"])
    assert after([create("r1", 1)], [], week + 1) == Recovery(unresolved={"r1": []})


def test_a_task_of_another_create_is_not_the_one() -> None:
    records = [create("r1", 1), create("r2", 1, "created", "a")]
    assert after(records, [task("a", 1)]) == Recovery(not_made=["r1"])


def test_creates_with_the_same_seed_or_with_none_cannot_be_told_apart() -> None:
    tasks = [task("a", 7), task("b", 8)]
    assert after([create("r1", 7), create("r2", 7)], tasks) == Recovery(unresolved={"r1": ["a", "b"], "r2": ["a", "b"]})
    assert after([create("r1", -1)], tasks) == Recovery(unresolved={"r1": ["a", "b"]})
    assert after([create("r1", None)], tasks) == Recovery(unresolved={"r1": ["a", "b"]})


def test_a_seed_that_the_caller_gave_does_not_tell_which_task_is_the_one() -> None:
    record = create("r1", 7)
    records = [evolve(record, facts=RequestFacts(model="m", sent_at=NOW, seed=7))]
    assert after(records, [task("a", 7), task("b", 8)]) == Recovery(unresolved={"r1": ["a"]})


def test_two_tasks_with_the_seed_of_one_create_are_not_taken_for_one() -> None:
    assert after([create("r1", 7)], [task("a", 7), task("b", 7)]) == Recovery(unresolved={"r1": ["a", "b"]})


def test_a_create_that_was_refused_is_left_alone() -> None:
    assert after([create("r1", 7, "refused")], [task("a", 7)]) == Recovery()
