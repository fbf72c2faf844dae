"""A request for a new task: how the task runs and ends, which polls fail, and the task's own fields."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from meshapi_video_sandbox._mistakes import explained, not_allowed
from meshapi_video_sandbox._scenarios import SCENARIOS
from meshapi_video_wire import VideoTaskResponse as WireTask

Outcome = Literal["succeeded", "failed", "expired", "cancelled"]
"""The terminal status of a task."""

_TEN_YEARS: Final = 10 * 365 * 86_400
Seconds = Annotated[float, msgspec.Meta(ge=0, le=_TEN_YEARS)]


class FaultEffect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a response fails. A field that is not set changes nothing."""

    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0
    """Seconds before the response, by the machine's real clock."""
    status: Annotated[int, msgspec.Meta(ge=300, le=599)] | None = None
    """The status of an error response; 429 if only `retry_after` is set."""
    retry_after: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]([ -~]*[!-~])?\Z")] | float | None = None
    """The `Retry-After` header: seconds, or any text, such as a date."""
    reset: bool = False
    """The connection is reset without a response."""
    close: bool = False
    """The connection is closed without a response."""
    body: Literal["truncated", "half", "html"] | None = None
    """`truncated`: the connection ends in the middle of the body. `half`: a complete HTTP response with
    the first half of its JSON. `html`: an HTML page, as proxies send it, with status 200 unless `status` is set."""

    def __post_init__(self) -> None:
        if self.status == 304:
            raise ValueError("status 304 is not possible: it has no body, and only a conditional request gets it")


class Fault(FaultEffect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault of polls: which polls fail, and how."""

    polls: list[Annotated[int, msgspec.Meta(ge=1)]] | None = None
    """Which polls of the task fail, counted from 1; None for all of them."""
    at: Literal["gateway", "upstream"] = "gateway"
    """Which server fails. At the upstream, the gateway's poll fails, and the client gets a 502."""


class TaskOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a task runs and ends."""

    outcome: Outcome = "succeeded"
    queued_for: Seconds = 2.0
    """Seconds between the task's creation and its start."""
    running_for: Seconds = 4.0
    """Seconds between the task's start and its end."""
    faults: list[Fault] = []
    fields: dict[str, object] = {}
    """The task's own fields, by their documented names, validated."""


class _Names(msgspec.Struct, frozen=True):
    """What a request says of the new task besides its options."""

    id: str | None
    key: str | None


class TaskRequest(msgspec.Struct, frozen=True):
    """A parsed request for a new task."""

    options: TaskOptions
    task_id: str | None
    """The id of the new task; None for a random one."""
    key: str | None
    """The API key that owns the task; None for the sandbox's first key."""


TASK_OPTIONS: Final = ("outcome", "queued_for", "running_for", "faults")
"""The fields of `TaskOptions` that a request names directly."""
_FIELDS: Final = frozenset(WireTask.__struct_fields__) - {"id", "status", "created_at", "updated_at"}
_NAMES: Final = (*TASK_OPTIONS, "scenario", "id", "key", *sorted(_FIELDS))

# msgspec prepares a type at its first use, and the interpreter crashes if two threads do that at once. The sandbox may
# run in a thread beside clients. So the types are prepared while this module is imported.
msgspec.json.Decoder(WireTask)
msgspec.json.Decoder(TaskOptions)
msgspec.json.Decoder(_Names)


def parse_task_request(body: bytes) -> TaskRequest:
    """Parses and validates the body of a request; `msgspec.DecodeError` says what is wrong with it."""
    values = with_scenario(msgspec.json.decode(body or b"{}", type=dict[str, object]))
    given = {name: values.pop(name, None) for name in ("id", "key")}
    with explained(given, _Names):
        names = msgspec.convert(given, _Names)
    options: dict[str, object] = {name: values.pop(name) for name in TASK_OPTIONS if name in values}
    if others := values.keys() - _FIELDS:
        raise msgspec.ValidationError(not_allowed(f"`{min(others)}` cannot be set", min(others), _NAMES))
    # Only to raise the error for a field that has the wrong type.
    task: dict[str, object] = {**values, "id": "", "status": "queued"}
    with explained(task, WireTask):
        msgspec.convert(task, WireTask)
    if names.id == "":
        raise msgspec.ValidationError("the id must not be empty - at `$.id`")
    options["fields"] = values
    with explained(options, TaskOptions):
        return TaskRequest(msgspec.convert(options, TaskOptions), names.id, names.key)


def with_scenario(values: dict[str, object], path: str = "$") -> dict[str, object]:
    """Replaces the name of a scenario by its options; the other values override them."""
    scenario = values.pop("scenario", None)
    if scenario is None:
        return values
    if not isinstance(scenario, str) or scenario not in SCENARIOS:
        message = not_allowed(f"unknown scenario {scenario!r}", scenario, SCENARIOS)
        raise msgspec.ValidationError(f"{message} - at `{path}.scenario`")
    return dict(SCENARIOS[scenario], **values)
