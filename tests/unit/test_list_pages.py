"""Which page a list asks for next: no task comes twice, and none is left out while tasks move between pages."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshapi_video import (
    ConnectionFailed,
    InvalidResponse,
    MeshVideoError,
    NotFoundError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
)
from meshapi_video._listing.pages import PAGE_SIZE, Pages, require_page

Change = Callable[[list[str], int], None]


def read(stored: list[str], change: Change = lambda _stored, _page: None) -> list[str]:
    """The ids that a list yields. `change` may change the stored tasks after each page, which it gets the number of."""
    pages, found, number = Pages(max_retries=2), list[str](), 0
    while not pages.is_over:
        page = stored[pages.offset : pages.offset + PAGE_SIZE]
        has_more = len(stored) > pages.offset + PAGE_SIZE
        found += pages.received(page, len(stored), has_more=has_more)
        number += 1
        assert number < 1000
        change(stored, number)
    return found


def tasks(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 199, 200, 201, 1000])
def test_a_list_that_does_not_change_is_read_once_and_in_order(count: int) -> None:
    assert read(tasks(count)) == tasks(count)


def test_new_tasks_at_the_beginning_bring_no_task_twice() -> None:
    def change(stored: list[str], number: int) -> None:
        stored[:0] = [f"new{number}.{each}" for each in range(30)] if number < 4 else []

    found = read(tasks(500), change)
    assert len(found) == len(set(found))
    assert set(tasks(500)) <= set(found)


def test_new_tasks_at_the_end_are_read() -> None:
    def change(stored: list[str], number: int) -> None:
        stored += ["late"] * (number == 1)

    assert read(tasks(150), change) == [*tasks(150), "late"]


@pytest.mark.parametrize("left", [1, 60, 99, 100])
def test_tasks_that_leave_the_list_take_no_other_task_with_them(left: int) -> None:
    def change(stored: list[str], number: int) -> None:
        if number == 1:
            del stored[:left]

    found = read(tasks(150), change)
    assert (len(found), set(found)) == (150, set(tasks(150)))


def test_the_last_pages_are_read_although_the_list_has_become_shorter_than_the_offset() -> None:
    def change(stored: list[str], number: int) -> None:
        if number == 3:
            del stored[:250]

    found = read(tasks(320), change)
    assert set(found) == set(tasks(320))


@given(
    count=st.integers(0, 700),
    steps=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.integers(0, 40)), max_size=12),
)
def test_each_task_that_stays_is_read_once_whatever_comes_and_goes(
    count: int, steps: list[tuple[int, int, int]]
) -> None:
    stored = tasks(count)
    gone = set[str]()

    def change(stored: list[str], number: int) -> None:
        if number > len(steps):
            return
        at, left, new = steps[number - 1]
        gone.update(stored[at : at + left])
        del stored[at : at + left]
        stored[:0] = [f"new{number}.{each}" for each in range(new)]

    found = read(stored, change)
    assert len(found) == len(set(found))
    assert set(tasks(count)) - gone <= set(found)


def test_a_server_that_never_gives_a_known_task_again_ends_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pages, number = Pages(max_retries=0), 0
    with caplog.at_level(logging.WARNING, "meshapi_video.tasks"):
        while not pages.is_over:
            number += 1
            page = ["a", "b"] if pages.offset == 0 else ["c"]
            pages.received(page, 10, has_more=pages.offset == 0 or number < 50)
    assert number < 60
    assert not pages.is_complete
    assert "it may lack tasks" in caplog.text


def test_a_list_is_complete_once_its_last_page_was_read_and_no_task_is_missing() -> None:
    pages = Pages(max_retries=0)
    assert not pages.is_complete
    pages.received(["a", "b"], 3, has_more=True)
    assert not pages.is_complete
    pages.received(["b", "c"], 3, has_more=False)
    assert pages.is_complete


def test_a_list_with_fewer_tasks_than_the_server_counts_is_not_complete() -> None:
    pages = Pages(max_retries=0)
    pages.received(["a", "b"], 3, has_more=False)
    assert (pages.is_over, pages.is_complete) == (True, False)


def test_a_page_that_names_a_task_twice_yields_it_once() -> None:
    assert Pages(max_retries=0).received(["a", "a", "b"], 3, has_more=False) == ["a", "b"]


def test_an_empty_page_ends_the_list_even_if_the_server_says_that_there_is_more() -> None:
    pages = Pages(max_retries=0)
    assert pages.received([], 5, has_more=True) == []
    assert (pages.is_over, pages.total) == (True, 5)


def test_a_temporary_failure_is_retried_after_a_backoff_that_begins_anew_with_each_page() -> None:
    pages = Pages(max_retries=2)
    delays = [pages.failed(ConnectionFailed("reset"), rand=0), pages.failed(ConnectionFailed("reset"), rand=0)]
    assert delays == [0.5, 1.0]
    pages.received(["a"], 2, has_more=True)
    assert pages.failed(ServerError(status_code=502, message="bad"), rand=0) == 0.5


def test_retry_after_is_respected_up_to_8_seconds() -> None:
    pages = Pages(max_retries=2)
    assert pages.failed(RateLimitedError(status_code=429, message="slow", retry_after=7), rand=0) == 7
    with pytest.raises(RateLimitedError):
        pages.failed(RateLimitedError(status_code=429, message="slow", retry_after=9), rand=0)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NotFoundError(status_code=404, message="no"), "Check the base URL"),
        (RequestRejectedError(status_code=422, message="no"), "Check the filters"),
        (InvalidResponse("broken", path="$.data"), ""),
    ],
)
def test_a_permanent_failure_is_raised_with_advice_about_the_list(error: MeshVideoError, advice: str) -> None:
    with pytest.raises(type(error)) as caught:
        Pages(max_retries=9).failed(error, rand=0)
    assert str(caught.value).endswith(advice)


def test_a_response_of_another_type_is_no_page() -> None:
    with pytest.raises(InvalidResponse, match="parsed the response as dict, not as a list"):
        require_page({})
