"""The task that a create made."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshapi_video._errors import InvalidResponse, MeshVideoError
from meshapi_video._tasks import CreatedTask, check_task_id
from meshapi_video_generated.models import CreateVideoGenerationResponse

if TYPE_CHECKING:
    from collections.abc import Generator

    from meshapi_video._create.attempts import CreateState


def new_request_id() -> str:
    """An id that no other request has. Mesh accepts letters, digits and some marks, at most 64."""
    return f"create-{secrets.token_hex(16)}"


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
        error.add_note(
            f"The task {task.id} was created and has been paid for. Wait on its id, and do not create it again."
        )
        raise


def created_task(state: CreateState) -> CreatedTask:
    """The task of a create that has ended. Raises its error if there is none."""
    if state.end is not None:
        raise state.end
    if state.task_id is None:
        raise ValueError(f"the create {state.request_id} has not ended")
    return CreatedTask(id=state.task_id, request_id=state.request_id, created=state.sent_at)
