"""The gateway: makes and lists tasks, and polls the upstream about each one that is not terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._create_requests import parse_create_request
from meshapi_video_sandbox._error_responses import APIError, error_response

if TYPE_CHECKING:
    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._create_faults import CreateFaultInjector
    from meshapi_video_sandbox._creates import TaskCreator
    from meshapi_video_sandbox._faults import FaultInjector
    from meshapi_video_sandbox._list import ListQuery, TaskList
    from meshapi_video_sandbox._store import TaskRow, TaskStore
    from meshapi_video_sandbox._upstream import PlanStore
    from meshapi_video_sandbox._upstream_client import UpstreamClient


@frozen
class Gateway:
    """Makes tasks, lists them from the database, and polls the upstream about each one that is not terminal."""

    store: TaskStore
    plans: PlanStore
    creator: TaskCreator
    listing: TaskList
    clock: Clock
    faults: FaultInjector
    create_faults: CreateFaultInjector
    upstream: UpstreamClient

    async def create_task(self, body: bytes, owner: str) -> Response:
        """The response to a create by `owner`."""
        request = parse_create_request(body, self.creator.models)

        async def create() -> Response:
            return JSONResponse({"id": self.creator.create(request, body, owner)})

        return await self.create_faults.respond(create)

    def list_tasks(self, query: ListQuery, owner: str) -> Response:
        """The response to a list by `owner`."""
        return Response(self.listing.page(query, owner, self.clock.now()), media_type="application/json")

    async def get_task(self, task_id: str, owner: str) -> Response:
        """The response to a poll by `owner`."""
        row = self.store.find(task_id)
        if row is not None and row.owner != owner:
            raise not_found()
        plan = None if row is None else self.plans.find(task_id)

        async def normal_response() -> Response:
            current = await self._current_row(task_id, owner)
            return Response(current.response, media_type="application/json")

        return await self.faults.respond(task_id, [] if plan is None else plan.faults, normal_response, error_response)

    async def _current_row(self, task_id: str, owner: str) -> TaskRow:
        row = self.store.find(task_id)
        if row is not None and row.terminal:
            return row
        try:
            task = await self.upstream.get_task(task_id)
        except APIError:
            if row is not None:
                self.store.record_failed_poll(task_id)
            raise
        if task is None and row is not None:
            self.store.record_failed_poll(task_id)
            raise APIError(502, "BytePlus upstream error: the upstream no longer has the task")
        if task is None:
            raise not_found()
        row = self.store.record(task, owner, self.clock.now())
        # Two keys can poll an unknown task at the same time: the first one recorded owns it.
        if row.owner != owner:
            raise not_found()
        return row


def not_found() -> APIError:
    """The error for a task that does not exist, or that has another owner."""
    return APIError(404, "No such video task")
