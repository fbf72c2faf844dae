"""Iterates over the tasks of a list: the blocking side. `_listing.pages` decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from meshapi_video._errors import MeshVideoError
from meshapi_video._listing.pages import PAGE_SIZE, Pages, require_page
from meshapi_video._sync.deadline import request_deadline
from meshapi_video._transport.exceptions import typed_errors
from meshapi_video._transport.generated import generated_client
from meshapi_video._transport.operations import LIST
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TypeAlias

    from meshapi_video._listing.filters import ListFilters
    from meshapi_video._settings import Settings
    from meshapi_video._sync.session import Session
    from meshapi_video._telemetry.client import ClientTelemetry
    from meshapi_video_generated.models import VideoTaskListResponse

    PageRequest: TypeAlias = Callable[[int, int], VideoTaskListResponse]


class TaskList(Iterator[VideoTaskResponse]):
    """An iterator over stored tasks. It asks for a page when it needs one.

    `VideoClient.list` creates it. A task that begins to match the filter while you iterate may be left out; no
    other task is, and none comes twice.
    """

    _pages: Pages
    _tasks: deque[VideoTaskResponse]
    _request: PageRequest
    _rand: Callable[[], float]
    _sleep: Callable[[float], None]

    @classmethod
    def _of(cls, pages: Pages, request: PageRequest, rand: Callable[[], float], sleep: Callable[[float], None]) -> Self:
        self = cls()
        self._pages = pages
        self._tasks = deque()
        self._request = request
        self._rand = rand
        self._sleep = sleep
        return self

    @property
    def total(self) -> int | None:
        """The number of tasks that match the filter, by the newest page; None before the first page."""
        return self._pages.total

    @property
    def is_complete(self) -> bool:
        """Whether the list was read to its end, and no task is missing.

        False if the list changed faster than it was read, or has fewer tasks than `total`: then a task that did not
        come may still exist.
        """
        return self._pages.is_complete

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> VideoTaskResponse:
        while not self._tasks:
            if self._pages.is_over:
                raise StopIteration
            self._load()
        return self._tasks.popleft()

    def _load(self) -> None:
        try:
            page = self._request(self._pages.offset, self._pages.failures)
        except MeshVideoError as error:
            self._sleep(self._pages.failed(error, self._rand()))
            return
        new = set(self._pages.received([task.id for task in page.data], page.total, has_more=page.has_more))
        for task in page.data:
            if task.id in new:
                new.remove(task.id)
                self._tasks.append(task)


def request_page(
    session: Session, settings: Settings, telemetry: ClientTelemetry, filters: ListFilters, offset: int, failures: int
) -> VideoTaskListResponse:
    """The page of a list at an offset, after so many failures in a row."""
    seconds = settings.timeout
    with telemetry.request(LIST, failures), typed_errors(None, settings, seconds):
        session.open()
        with request_deadline(seconds):
            response = LIST.blocking(
                client=generated_client(settings.base_url, session.expecting(LIST.expected)),
                status=filters.status,
                model=filters.model,
                created_after=filters.created_after,
                created_before=filters.created_before,
                limit=PAGE_SIZE,
                offset=offset,
            )
    return require_page(response.parsed)
