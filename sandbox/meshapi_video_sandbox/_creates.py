"""Makes tasks: for the documented operation, and for the control API."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import TYPE_CHECKING, Final

import msgspec

from meshapi_video_sandbox._callbacks import FollowedTask
from meshapi_video_sandbox._database import transaction
from meshapi_video_sandbox._error_responses import APIError
from meshapi_video_sandbox._request_ids import request_id as current_request_id
from meshapi_video_sandbox._task_requests import TaskOptions
from meshapi_video_sandbox._upstream import TaskPlan, changes, task_after
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from meshapi_video_sandbox._callbacks import CallbackSender
    from meshapi_video_sandbox._clock import Clock
    from meshapi_video_sandbox._create_requests import CreateRequest
    from meshapi_video_sandbox._store import TaskStore
    from meshapi_video_sandbox._upstream import PlanStore

_ADD_CREATE: Final = "INSERT INTO creates VALUES (?, ?, ?, ?, ?, ?, ?)"
_CREATES: Final = "SELECT task_id, owner, at, request_id, body_sha256, ignored_fields FROM creates ORDER BY rowid"
_FOLLOWED: Final = "SELECT task_id, owner, callback_url FROM creates WHERE callback_url IS NOT NULL"
_SEEDS: Final = 2**32


class CreateRecord(msgspec.Struct, frozen=True):
    """A task that the documented operation made."""

    id: str
    owner: str
    """The SHA-256 of the API key, in hexadecimal digits."""
    at: float
    """When, in seconds since 1970 by the sandbox's clock."""
    request_id: str
    """The `X-Request-Id` of the request, or the server's own."""
    body_sha256: str
    """The SHA-256 of the body of the request, in hexadecimal digits."""
    ignored_fields: list[str]
    """The fields of the request that the server does not know, and ignored."""


class TaskCreator:
    """Makes tasks at the simulated upstream, each with its row. Use it from the server's own thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        store: TaskStore,
        plans: PlanStore | None,
        clock: Clock,
        callbacks: CallbackSender,
    ) -> None:
        self._connection, self._store, self._plans, self._clock = connection, store, plans, clock
        self._callbacks = callbacks
        self.options = TaskOptions()
        """How the tasks of later creates run and end."""
        self.fields_at_end = False
        """Whether these tasks show the fields of their request only when they have succeeded."""
        self.models: Sequence[str] = ()
        """Further models that exist, without limits."""

    def create(self, request: CreateRequest, body: bytes, owner: str) -> str:
        """Makes the task of a create, and returns its id."""
        now, task_id = self._clock.now(), str(uuid.uuid4())
        fields = {"seed": secrets.randbelow(_SEEDS), **request.fields, "framespersecond": 24}
        plan = TaskPlan(
            **msgspec.structs.asdict(self.options),
            created_at=now,
            known_fields=() if self.fields_at_end else (*fields.keys() - {"framespersecond"},),
            last_frame=request.return_last_frame,
        )
        plan = _expiring(msgspec.structs.replace(plan, fields=fields))
        record = (task_id, owner, now, current_request_id(), hashlib.sha256(body).hexdigest())
        with transaction(self._connection) as database:
            self.add(task_id, plan, owner)
            ignored = msgspec.json.encode(request.ignored_fields).decode()
            database.execute(_ADD_CREATE, (*record, ignored, request.callback_url))
        if request.callback_url is not None:
            self._callbacks.follow(FollowedTask(task_id, owner, request.callback_url, plan), since=now)
        return task_id

    def add(self, task_id: str, plan: TaskPlan, owner: str) -> None:
        """Adds a task with this plan; an `APIError` with status 409 if the id is taken, or the upstream is real."""
        if self._plans is None:
            raise APIError(409, "This gateway uses a real upstream: create the task there")
        # The row begins as `queued`, even if the plan has no time in the queue: the gateway learns each later
        # status by a poll.
        created = task_after(changes(plan)[0], task_id, plan, "")
        try:
            with transaction(self._connection):
                self._plans.add(task_id, plan)
                self._store.record(msgspec.convert(created, WireTask), owner, self._clock.now(), polled=False)
        except ValueError as error:
            raise APIError(409, str(error)) from error

    def records(self) -> list[CreateRecord]:
        """Every task that the documented operation made, the first one first."""
        rows = self._connection.execute(_CREATES)
        return [
            CreateRecord(task_id, owner, at, request_id, body_sha256, msgspec.json.decode(ignored))
            for task_id, owner, at, request_id, body_sha256, ignored in rows
        ]

    def resume_callbacks(self) -> None:
        """Sends the callbacks that become due from now on, after a restart with the same file."""
        for task_id, owner, url in self._connection.execute(_FOLLOWED).fetchall():
            plan = None if self._plans is None else self._plans.find(task_id)
            if plan is not None:
                self._callbacks.follow(FollowedTask(task_id, owner, url, plan), since=self._clock.now())


def _expiring(plan: TaskPlan) -> TaskPlan:
    """The plan, cut at the time when the task expires."""
    expires_after = plan.fields["execution_expires_after"]
    if not isinstance(expires_after, int) or plan.queued_for + plan.running_for <= expires_after:
        return plan
    queued_for = min(plan.queued_for, expires_after)
    return msgspec.structs.replace(
        plan, outcome="expired", queued_for=queued_for, running_for=expires_after - queued_for
    )
