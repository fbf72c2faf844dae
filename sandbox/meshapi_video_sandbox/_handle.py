"""A running sandbox, to be told what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import msgspec
from attrs import frozen

from meshapi_video_sandbox._control import Inspection
from meshapi_video_sandbox._settings import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from meshapi_video_sandbox._orders import Outcome


@frozen
class Sandbox:
    """A running sandbox. Everything it does is a request, so that any thread may use it.

    What it is told wrongly is an `httpx.HTTPStatusError` whose answer says what is wrong.
    """

    base_url: str
    """What `MESHAPI_BASE_URL` should say."""
    api_key: str = DEFAULT_KEY
    """A key that it accepts."""
    upstream_url: str | None = None
    """Where its upstream is reached, as `--upstream` wants it; None if that is not known."""

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
        """Makes a task and returns its id.

        It is queued for so many seconds, runs for so many, and ends with its outcome: 2, 4 and
        `succeeded` unless the scenario says otherwise. `fields` are the task's own, its `id`, and
        the `key` that it belongs to.
        """
        going = {
            "outcome": outcome,
            "queued_for": queued_for,
            "running_for": running_for,
            "scenario": scenario,
            "faults": faults,
        }
        told = {name: value for name, value in going.items() if value is not None}
        return msgspec.json.decode(self._ask("POST", "tasks", {**told, **fields}), type=dict[str, str])["id"]

    def inspect(self, task_id: str) -> Inspection:
        """What lies behind a task: its row, its history, and how often the upstream was asked."""
        return msgspec.json.decode(self._ask("GET", f"tasks/{quote(task_id, safe='')}"), type=Inspection)

    def now(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        return _now(self._ask("GET", "clock"))

    def set_time(self, now: float) -> None:
        """Makes it that time in the sandbox, in seconds since 1970."""
        self._ask("POST", "clock", {"now": now})

    def advance(self, seconds: float) -> None:
        """Lets so many seconds pass in the sandbox, and none here."""
        self._ask("POST", "clock", {"advance": seconds})

    def _ask(self, method: str, path: str, body: object = None) -> bytes:
        # Nothing on this machine needs the authorities that httpx would load.
        with httpx.Client(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as client:
            content = None if body is None else msgspec.json.encode(body)
            answer = client.request(method, f"{self.base_url}/_sandbox/{path}", content=content)
        return answer.raise_for_status().content


def _now(answer: bytes) -> float:
    return msgspec.json.decode(answer, type=dict[str, float])["now"]
