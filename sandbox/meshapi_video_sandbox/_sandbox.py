"""The handle of a running sandbox: creates tasks, inspects them, and moves the clock."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec
from attrs import frozen

from meshapi_video_sandbox._control import Inspection
from meshapi_video_sandbox._creates import CreateRecord
from meshapi_video_sandbox._http_library import httpx
from meshapi_video_sandbox._settings import DEFAULT_KEY
from meshapi_video_sandbox._store import key_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshapi_video_sandbox._task_requests import Outcome

# Made here, and not at the first use: see `_task_requests`.
_inspection_decoder: Final = msgspec.json.Decoder(Inspection)
_creates_decoder: Final = msgspec.json.Decoder(dict[str, list[CreateRecord]])


class RefusedArgument(httpx.HTTPStatusError, ValueError):
    """The sandbox refuses an argument; the message says what is allowed."""


class _Error(msgspec.Struct, frozen=True):
    message: str


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error


_error_decoder: Final = msgspec.json.Decoder(_ErrorBody)
_ARGUMENTS: Final = {"$.faults": "create_faults", "$.random": "random_faults", "$.tasks.": ""}
"""The arguments of `plan_creates`, by the path that the control API names."""


@frozen
class Sandbox:
    """A running sandbox. Each method sends a request, so that any thread may call it.

    A wrong argument raises a `ValueError` that says what is allowed. It is an `httpx.HTTPStatusError`, too.
    """

    base_url: str
    """The value for `MESHAPI_BASE_URL`."""
    api_key: str = DEFAULT_KEY
    """An API key that the sandbox accepts."""
    upstream_url: str | None = None
    """The URL of its upstream, in the form that `--upstream` takes; None if it is not known."""

    def create_task(
        self,
        outcome: Outcome | None = None,
        *,
        queued_for: float | None = None,
        running_for: float | None = None,
        scenario: str | None = None,
        faults: Sequence[Mapping[str, object]] | None = None,
        **fields: object,
    ) -> str:
        """Creates a task and returns its id.

        The task is queued for `queued_for` seconds, runs for `running_for` seconds, and ends with
        `outcome`: 2, 4 and `succeeded` unless the scenario sets something else. `fields` are the task's
        own fields, its `id`, and the `key` that owns it.
        """
        given = _given(
            outcome=outcome, queued_for=queued_for, running_for=running_for, scenario=scenario, faults=faults
        )
        return msgspec.json.decode(self._request("POST", "tasks", {**given, **fields}), type=dict[str, str])["id"]

    def plan_creates(
        self,
        outcome: Outcome | None = None,
        *,
        queued_for: float | None = None,
        running_for: float | None = None,
        scenario: str | None = None,
        faults: Sequence[Mapping[str, object]] | None = None,
        fields_at_end: bool = False,
        models: Sequence[str] = (),
        create_faults: Sequence[str | Mapping[str, object]] = (),
        random_faults: Mapping[str, object] | None = None,
    ) -> None:
        """Sets how later creates fail, and how their tasks run and end.

        The first five are those of `create_task`. With `fields_at_end`, a task shows the fields of its
        request only when it has succeeded. `models` exist besides the known ones. `create_faults` and
        `random_faults` say which creates fail, and how. Each call replaces everything that an earlier call set.
        """
        tasks = _given(
            outcome=outcome, queued_for=queued_for, running_for=running_for, scenario=scenario, faults=faults
        )
        settings = {"tasks": tasks, "fields_at_end": fields_at_end, "models": models}
        try:
            self._request("POST", "creates", {**settings, "faults": create_faults, "random": random_faults})
        except RefusedArgument as error:
            message = str(error)
            for path, argument in _ARGUMENTS.items():
                message = message.replace(f"`{path}", f"`{argument}")
            raise RefusedArgument(message, request=error.request, response=error.response) from None

    def creates(self, key: str | None = None) -> list[CreateRecord]:
        """The tasks that creates have made, the first one first: of one API key, or of all."""
        records = _creates_decoder.decode(self._request("GET", "creates"))["data"]
        owner = None if key is None else key_digest(key)
        return [record for record in records if owner in {None, record.owner}]

    def set_list_lag(self, seconds: float) -> None:
        """Lets the list show the tasks as they were this many seconds ago."""
        self._request("POST", "list", {"lag": seconds})

    def inspect(self, task_id: str) -> Inspection:
        """The sandbox's own data about a task: its row, its history, and the number of upstream polls."""
        return _inspection_decoder.decode(self._request("GET", f"tasks/{quote(task_id, safe='')}"))

    def now(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        return msgspec.json.decode(self._request("GET", "clock"), type=dict[str, float])["now"]

    def set_time(self, now: float) -> None:
        """Sets the sandbox's clock, in seconds since 1970."""
        self._request("POST", "clock", {"now": now})

    def advance(self, seconds: float) -> None:
        """Moves the sandbox's clock forward, without waiting."""
        self._request("POST", "clock", {"advance": seconds})

    def reset(self) -> None:
        """Makes the sandbox as new: only the example task is left, nothing fails, and the clock shows the real time."""
        self._request("POST", "reset")

    def _request(self, method: str, path: str, body: object = None) -> bytes:
        # The sandbox speaks plain HTTP: the certificates that httpx loads by default are not needed.
        with httpx.Client(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
            content = None if body is None else msgspec.json.encode(body)
            response = client.request(method, f"{self.base_url}/_sandbox/{path}", content=content)
        if response.is_success:
            return response.content
        with suppress(msgspec.DecodeError):
            message = _error_decoder.decode(response.content).error.message
            error_type = RefusedArgument if response.is_client_error else httpx.HTTPStatusError
            raise error_type(f"{message} (HTTP {response.status_code})", request=response.request, response=response)
        return response.raise_for_status().content


def _given(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
