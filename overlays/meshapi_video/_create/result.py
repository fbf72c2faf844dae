"""The task that a create made."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from meshapi_video._create.candidates import EARLIEST, FoundTasks, RequestFacts
from meshapi_video._errors import CreateUncertain, InvalidResponse, MeshVideoError, set_candidates
from meshapi_video._tasks import CreatedTask, check_task_id
from meshapi_video._transport.body import json_body
from meshapi_video_generated.models import CreateVideoGenerationResponse

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator

    from meshapi_video._create.attempts import CreateState
    from meshapi_video._create.candidates import Listing
    from meshapi_video._create.journal import JournalEntry
    from meshapi_video_generated.models import VideoGenerationRequest


_SLOWEST_UPLOAD: Final = 250_000.0
"""Bytes in a second, at which an upload is still waited for."""


def new_request_id() -> str:
    """An id that no other request has. Mesh accepts letters, digits and some marks, at most 64."""
    return f"create-{secrets.token_hex(16)}"


def request_seconds(body: VideoGenerationRequest, timeout: float) -> float:
    """The seconds for a request: `timeout`, and more for the files in its body, which take time to upload."""
    parts = [part for item in body.content for part in (item.image_url, item.video_url, item.audio_url) if part]
    return timeout + sum(len(part.url) for part in parts) / _SLOWEST_UPLOAD


def require_id(parsed: object) -> str:
    """The id in the response that a generated function returned. Raises `InvalidResponse` if there is none."""
    if not isinstance(parsed, CreateVideoGenerationResponse):
        raise InvalidResponse(
            f"the generated client parsed the response as {type(parsed).__name__}, not as a task's id"
        )
    try:
        return check_task_id(parsed.id)
    except ValueError as error:
        raise InvalidResponse(f"the response has no usable id: {error}", path="$.id") from None


def _note_created(error: BaseException, task_id: str) -> None:
    error.add_note(f"The task {task_id} was created and has been paid for. Wait on its id, and do not create it again.")


@contextmanager
def interruptions_with_id(state: CreateState) -> Generator[None]:
    """Gives a ctrl-C or a cancellation in this context the id of the created task, if there is one."""
    try:
        yield
    except Exception:
        # `JournalNotWritten` has the id.
        raise
    except BaseException as error:
        if state.task_id is not None:
            _note_created(error, state.task_id)
        raise


@contextmanager
def errors_with_token(task: CreatedTask) -> Generator[None]:
    """Gives every error in this context the token of the task: it exists, and has been paid for."""
    try:
        yield
    except MeshVideoError as error:
        error.token = error.token or task.token
        error.task_id = error.task_id or task.id
        raise
    except BaseException as error:
        _note_created(error, task.id)
        raise


def journal_entry(
    journal: str | os.PathLike[str],
    key: str | None,
    body: VideoGenerationRequest,
    state: CreateState,
    account: str,
) -> JournalEntry:
    """The entry of a create in a journal. Nothing is written yet."""
    from meshapi_video._create.journal import JournalEntry  # noqa: PLC0415 - not every create has a journal

    return JournalEntry(
        journal,
        request_id=state.request_id,
        facts=RequestFacts.of(body, state.sent_at, own_seed=state.own_seed),
        body_sha256=_sha256(body),
        account=account,
        key=key,
    )


def _sha256(body: VideoGenerationRequest) -> str:
    digest = hashlib.sha256()
    for chunk in json_body(body.to_dict(), msgspec.json.encode):
        digest.update(chunk)
    return digest.hexdigest()


def created_task(state: CreateState, body: VideoGenerationRequest, listing: Callable[[float], Listing]) -> CreatedTask:
    """The task of a create that has ended. Raises its error if there is none.

    `listing` starts a list of the tasks that were created after a time.
    """
    if isinstance(state.end, CreateUncertain):
        facts = RequestFacts.of(body, state.sent_at, own_seed=state.own_seed)
        set_candidates(state.end, lambda: FoundTasks(lambda: listing(facts.sent_at - EARLIEST), facts))
    if state.end is not None:
        raise state.end
    if state.task_id is None:
        raise ValueError(f"the create {state.request_id} has not ended")
    return CreatedTask(id=state.task_id, request_id=state.request_id, created=state.sent_at)
