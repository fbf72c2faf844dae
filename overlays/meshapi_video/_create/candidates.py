"""Which tasks in the list may be the one of a create that ended without a clear response."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Final, Self, TypeAlias

import msgspec

from meshapi_video_generated.models import VideoGenerationRequest, VideoTaskResponse

EARLIEST: Final = 120.0
"""Seconds before the create in which its task may have been made: the two clocks may differ by as much."""
LATEST: Final = 900.0
"""Seconds after the create in which its task may have been made."""

_LEFT_TO_SERVER: Final = (-1, "adaptive")
"""Values by which the request lets the server choose. The task states the choice instead."""
_DATE: Final = re.compile(r"-\d{6}")
"""The end of a model's full name, which may be left out."""


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request states that its task states, too. It is a part of a line in the journal."""

    model: str
    sent_at: float = msgspec.field(name="time")
    """When its newest attempt began, in seconds since 1970: those before it made no task."""
    own_seed: bool = False
    """Whether `create` chose the seed: then no other create has it. A caller may give many creates the same one."""
    seed: int | None = None
    resolution: str | None = None
    ratio: str | None = None
    duration: int | None = None
    frames: int | None = None
    generate_audio: bool | None = None
    priority: int | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    draft: bool | None = None
    execution_expires_after: int | None = None

    @classmethod
    def of(cls, request: VideoGenerationRequest, sent_at: float, *, own_seed: bool = False) -> Self:
        """The facts of a request whose create began at `sent_at`."""
        body = request.to_dict()
        facts = {name: body[name] for name in ("model", *_COMPARED) if name in body}
        return cls(sent_at=sent_at, own_seed=own_seed and "seed" in facts, **facts)


_COMPARED: Final = tuple(
    name for name in RequestFacts.__struct_fields__ if name not in {"model", "sent_at", "own_seed"}
)


def may_be(facts: RequestFacts, task: VideoTaskResponse) -> bool:
    """Whether the task may be the one of the request. A field that one of both does not state decides nothing."""
    stated = task.to_dict()
    model = stated.get("model")
    if model is not None and _full_name(model, facts.model) != _full_name(facts.model, model):
        return False
    if not (is_in_time(facts, task) or (facts.own_seed and has_seed_of(facts, task))):
        return False
    # A draft is made with 480p, whatever the request says.
    compared = (name for name in _COMPARED if not (name == "resolution" and facts.draft))
    pairs = ((getattr(facts, name), stated.get(name)) for name in compared)
    return all(
        asked == made
        for asked, made in pairs
        if asked is not None and made is not None and asked not in _LEFT_TO_SERVER
    )


def has_seed_of(facts: RequestFacts, task: VideoTaskResponse) -> bool:
    """Whether the task states the seed that the request chose.

    Such a task may be the one at any time: a clock may be wrong, and this machine may have been suspended after
    `sent_at`, and have sent the request hours later.
    """
    return facts.seed not in {None, -1} and task.seed == facts.seed


def is_in_time(facts: RequestFacts, task: VideoTaskResponse) -> bool:
    """Whether the task was created when the request was sent, or does not state when."""
    created_at = task.created_at
    return not isinstance(created_at, int) or facts.sent_at - EARLIEST <= created_at <= facts.sent_at + LATEST


def _full_name(model: str, other: str) -> str:
    """The name without its maker, and without its date if only one of both names has a date."""
    name = model.removeprefix("byteplus/")
    return name if _DATE.search(other) else _DATE.sub("", name)


Listing: TypeAlias = Iterable[VideoTaskResponse] | AsyncIterable[VideoTaskResponse]
"""The list of a client."""


class FoundTasks:
    """The listed tasks that may be the one of a create. Implements `_errors.Candidates`.

    Args:
        listing: Starts the list of the client: a blocking or an asynchronous iterable.
        facts: The facts of the request.
    """

    def __init__(
        self,
        listing: Callable[[], Listing],
        facts: RequestFacts,
    ) -> None:
        self._listing = listing
        self._facts = facts

    def __iter__(self) -> Iterator[VideoTaskResponse]:
        tasks = self._listing()
        if not isinstance(tasks, Iterable):
            raise TypeError("the client is asynchronous: use `async for task in error.candidates()`")
        return (task for task in tasks if may_be(self._facts, task))

    def __aiter__(self) -> AsyncIterator[VideoTaskResponse]:
        tasks = self._listing()
        if not isinstance(tasks, AsyncIterable):
            raise TypeError("the client is blocking: use `for task in error.candidates()`")
        return (task async for task in tasks if may_be(self._facts, task))
