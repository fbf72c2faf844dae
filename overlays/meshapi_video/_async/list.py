"""Iterates over the tasks of a list: the asynchronous side. `_listing.pages` decides."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio

from meshapi_video._errors import InvalidResponse, MeshVideoError
from meshapi_video._listing.pages import PAGE_SIZE, Pages
from meshapi_video._transport.exceptions import typed_errors
from meshapi_video._transport.generated import generated_async_client
from meshapi_video._transport.operations import LIST
from meshapi_video_generated.models import VideoTaskListResponse, VideoTaskResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from meshapi_video._async.session import AsyncSession
    from meshapi_video._listing.filters import ListFilters
    from meshapi_video._settings import Settings


class AsyncTaskList(AsyncIterator[VideoTaskResponse]):
    """An iterator over stored tasks. It asks for a page when it needs one.

    A task that begins to match the filter while you iterate may be left out; no other task is, and none comes twice.
    """

    def __init__(
        self,
        filters: ListFilters,
        *,
        session: AsyncSession,
        settings: Settings,
        rand: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._filters = filters
        self._session = session
        self._settings = settings
        self._rand = rand
        self._sleep = sleep
        self._pages = Pages(settings.max_retries)
        self._tasks = deque[VideoTaskResponse]()

    @property
    def total(self) -> int | None:
        """The number of tasks that match the filter, by the newest page; None before the first page."""
        return self._pages.total

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
            page = await self._request()
        except MeshVideoError as error:
            await self._sleep(self._pages.failed(error, self._rand()))
            return
        new = set(self._pages.received([task.id for task in page.data], page.total, has_more=page.has_more))
        for task in page.data:
            if task.id in new:
                new.remove(task.id)
                self._tasks.append(task)

    async def _request(self) -> VideoTaskListResponse:
        seconds, filters = self._settings.timeout, self._filters
        with typed_errors(None, self._settings, seconds):
            self._session.open()
            with anyio.fail_after(seconds):
                response = await LIST.awaited(
                    client=generated_async_client(self._settings.base_url, self._session.expecting(LIST.expected)),
                    status=filters.status,
                    model=filters.model,
                    created_after=filters.created_after,
                    created_before=filters.created_before,
                    limit=PAGE_SIZE,
                    offset=self._pages.offset,
                )
        if not isinstance(response.parsed, VideoTaskListResponse):
            raise InvalidResponse(
                f"the generated client parsed the response as {type(response.parsed).__name__}, not as a list"
            )
        return response.parsed
