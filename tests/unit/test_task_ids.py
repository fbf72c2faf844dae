"""Only a string that can be the last part of a path is a task id."""

from __future__ import annotations

import pytest

from meshapi_video._tasks import check_task_id


@pytest.mark.parametrize("task_id", ["", ".", "..", "a/b", "a\\b", "a b", "a\n", "\ud800", "../v1/keys", "a" * 513])
def test_an_id_that_would_request_something_else_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="not a task id") as caught:
        check_task_id(task_id)
    assert len(str(caught.value)) < 200


def test_an_id_that_is_not_a_string_is_refused() -> None:
    with pytest.raises(ValueError, match="should be a string; this is int"):
        check_task_id(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - callers may be untyped


@pytest.mark.parametrize("task_id", ["a1b2c3d4-e5f6-7890-ab12-cd34ef567890", "cgt-2025:ä", "a?b#c%2e", "a" * 512])
def test_any_other_id_is_accepted(task_id: str) -> None:
    assert check_task_id(task_id) == task_id
