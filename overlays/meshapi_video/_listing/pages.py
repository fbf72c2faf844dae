"""Decides which page of a list to ask for next. Pure.

The server counts pages by an offset, so that tasks move from page to page while the list is read: new ones come, and
some no longer match the filter. So each page begins with the last task of the page before. If its first task is
unknown, tasks may lie between the two pages, and an earlier page is asked for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from meshapi_video._errors import (
    APIError,
    InvalidResponse,
    MeshVideoError,
    NotFoundError,
    RequestRejectedError,
    set_advice,
)
from meshapi_video._polling.policy import RETRY_BACKOFF
from meshapi_video._polling.state import is_transient
from meshapi_video_generated.models import VideoTaskListResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE_SIZE: Final = 100
"""The tasks of one page. The server allows 200; a list of smaller pages yields its first tasks sooner."""
_MOST_STEPS_BACK: Final = 8
"""The steps back without a new task, after which a page is taken as it comes. Each step is twice as long."""

_logger: Final = logging.getLogger("meshapi_video.tasks")


class Pages:
    """The pages of one list: which were read, and which is next."""

    def __init__(self, max_retries: int) -> None:
        self._max_retries = max_retries
        self.failures = 0
        self._steps_back = 0
        self._seen = set[str]()
        self._gave_up = False
        self.offset = 0
        """The offset of the next page."""
        self.total: int | None = None
        """The number of tasks that match the filter, as the server counted them for the newest page."""
        self.is_over = False
        """Whether the last page was read."""

    @property
    def is_complete(self) -> bool:
        """Whether the last page was read, and no task is missing."""
        return self.is_over and not self._gave_up and len(self._seen) >= (self.total or 0)

    def received(self, ids: Sequence[str], total: int, *, has_more: bool) -> list[str]:
        """Takes the page at `offset`; returns the ids of its tasks that no page had before."""
        self.total, self.failures = total, 0
        if self.offset and not (ids and ids[0] in self._seen):
            if self._steps_back < _MOST_STEPS_BACK:
                self.offset = max(self.offset - PAGE_SIZE * 2**self._steps_back, 0)
                self._steps_back += 1
                return []
            self._gave_up = True
            _logger.warning("the list changed faster than it was read: it may lack tasks")
        new = [task_id for task_id in dict.fromkeys(ids) if task_id not in self._seen]
        self._seen.update(new)
        if new:
            self._steps_back = 0
        # The last task of this page is the first of the next one.
        self.offset += max(len(ids) - 1, 1)
        self.is_over = not (has_more and ids)
        return new

    def failed(self, error: MeshVideoError, rand: float) -> float:
        """The seconds until the next attempt, after one without a page. Raises `error` if there is none."""
        self.failures += 1
        retry_after = (error.retry_after if isinstance(error, APIError) else None) or 0
        if is_transient(error) and self.failures <= self._max_retries and retry_after <= RETRY_BACKOFF.max_delay:
            return max(RETRY_BACKOFF.delay(0, rand, self.failures), retry_after)
        if isinstance(error, NotFoundError):
            set_advice(error, "Check the base URL")
        if isinstance(error, RequestRejectedError):
            set_advice(error, "Check the filters")
        raise error


def require_page(parsed: object) -> VideoTaskListResponse:
    """`parsed` as the page that a generated function returned."""
    if not isinstance(parsed, VideoTaskListResponse):
        raise InvalidResponse(f"the generated client parsed the response as {type(parsed).__name__}, not as a list")
    return parsed
