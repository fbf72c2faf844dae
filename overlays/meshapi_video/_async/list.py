"""Iterates over the tasks of a list: the asynchronous side. `_listing.pages` decides."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from meshapi_video._async.timers import fail_after
from meshapi_video._errors import MeshVideoError
from meshapi_video._listing.pages import PAGE_SIZE, Pages, require_page
from meshapi_video._transport.exceptions import typed_errors
from meshapi_video._transport.generated import generated_async_client
from meshapi_video._transport.operations import LIST
from meshapi_video_generated.models import VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self, TypeAlias

    from meshapi_video._async.session import AsyncSession
    from meshapi_video._telemetry.client import ClientTelemetry
    from meshapi_video_generated.models import VideoTaskListResponse

    PageRequest: TypeAlias = Callable[[int, int], Awaitable[VideoTaskListResponse]]
    from meshapi_video._listing.filters import ListFilters
    from meshapi_video._settings import Settings


class AsyncTaskList(AsyncIterator[VideoTaskResponse]):
    """An asynchronous iterator over stored tasks. It asks for a page when it needs one.

    `AsyncVideoClient.list` creates it. A task that begins to match the filter while you iterate may be left out; no
    other task is, and none comes twice.
    """

    _pages: Pages
    _tasks: deque[VideoTaskResponse]
    _request: PageRequest
    _rand: Callable[[], float]
    _sleep: Callable[[float], Awaitable[None]]

    @classmethod
    def _of(
        cls, pages: Pages, request: PageRequest, rand: Callable[[], float], sleep: Callable[[float], Awaitable[None]]
    ) -> Self:
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

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> VideoTaskResponse:
        while not self._tasks:
            if self._pages.is_over:
                raise StopAsyncIteration
            await self._load()
        return self._tasks.popleft()

    async def _load(self) -> None:
        try:
            page = await self._request(self._pages.offset, self._pages.failures)
        except MeshVideoError as error:
            await self._sleep(self._pages.failed(error, self._rand()))
            return
        new = set(self._pages.received([task.id for task in page.data], page.total, has_more=page.has_more))
        for task in page.data:
            if task.id in new:
                new.remove(task.id)
                self._tasks.append(task)


async def request_page(
    session: AsyncSession,
    settings: Settings,
    telemetry: ClientTelemetry,
    filters: ListFilters,
    offset: int,
    failures: int,
) -> VideoTaskListResponse:
    """The page of a list at an offset, after so many failures in a row."""
    seconds = settings.timeout
    with telemetry.request(LIST, failures), typed_errors(None, settings, seconds):
        await session.open()
        with fail_after(seconds):
            response = await LIST.awaited(
                client=generated_async_client(settings.base_url, session.expecting(LIST.expected)),
                status=filters.status,
                model=filters.model,
                created_after=filters.created_after,
                created_before=filters.created_before,
                limit=PAGE_SIZE,
                offset=offset,
            )
    return require_page(response.parsed)
