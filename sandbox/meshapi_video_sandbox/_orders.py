"""What may be asked of a new task: how it goes, which looks at it fail, and its own fields."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from meshapi_video_sandbox._scenarios import SCENARIOS
from meshapi_video_wire import VideoTaskResponse as WireTask

Outcome = Literal["succeeded", "failed", "expired", "cancelled"]
"""How a task ends."""

_TEN_YEARS: Final = 10 * 365 * 86_400
Seconds = Annotated[float, msgspec.Meta(ge=0, le=_TEN_YEARS)]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes wrong, and when. What is not said goes as ever."""

    looks: list[Annotated[int, msgspec.Meta(ge=1)]] | None = None
    """Which looks at the task, the first being 1; all of them if it is not said."""
    at: Literal["gateway", "upstream"] = "gateway"
    """Who is at fault: at the upstream, a look is the gateway's, and the client sees a 502."""
    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0
    """Seconds, of the machine's own clock, before anything is answered."""
    status: Annotated[int, msgspec.Meta(ge=300, le=599)] | None = None
    """An error's status instead of an answer; 429 where there is a `retry_after` alone."""
    retry_after: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]([ -~]*[!-~])?\Z")] | float | None = None
    """The `Retry-After`: seconds, or any text, such as a date."""
    reset: bool = False
    """No answer, and the connection is reset."""
    body: Literal["truncated", "half", "html"] | None = None
    """`truncated`: the connection ends in the middle of the body. `half`: a whole HTTP answer with
    the first half of its JSON. `html`: a page, as proxies send them, with status 200 unless told."""

    def __post_init__(self) -> None:
        if self.status == 304:
            raise ValueError("a 304 answers a question that nobody asks here, and has no body")


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a task goes."""

    outcome: Outcome = "succeeded"
    queued_for: Seconds = 2.0
    """Seconds from its making until it runs."""
    running_for: Seconds = 4.0
    """Seconds from then until it ends."""
    faults: list[Fault] = []
    fields: dict[str, object] = {}
    """The task's own, checked, by their documented names."""


class Request(msgspec.Struct, frozen=True):
    """What a request for a new task says."""

    order: Order
    task_id: str | None
    """The id that it shall have; one of its own if it is not said."""
    key: str | None
    """Whose it is; the first key's if it is not said."""


_GOING: Final = ("outcome", "queued_for", "running_for", "faults")
_FIELDS: Final = frozenset(WireTask.__struct_fields__) - {"id", "status", "created_at", "updated_at"}


def read_request(body: bytes) -> Request:
    """The request, checked; `msgspec.DecodeError` says what is wrong with it."""
    asked = msgspec.json.decode(body or b"{}", type=dict[str, object])
    scenario = asked.pop("scenario", None)
    if scenario is not None:
        if not isinstance(scenario, str) or scenario not in SCENARIOS:
            raise msgspec.ValidationError(f"no such scenario; there are {', '.join(SCENARIOS)} - at `$.scenario`")
        asked = dict(SCENARIOS[scenario], **asked)
    task_id, key = (msgspec.convert(asked.pop(name, None), str | None) for name in ("id", "key"))
    going: dict[str, object] = {name: asked.pop(name) for name in _GOING if name in asked}
    if unknown := asked.keys() - _FIELDS:
        raise msgspec.ValidationError(f"a new task takes no `{min(unknown)}`")
    # Only for what it says of a field that has the wrong type.
    whole: dict[str, object] = {**asked, "id": "", "status": ""}
    msgspec.convert(whole, WireTask)
    if task_id == "":
        raise msgspec.ValidationError("an id is not empty - at `$.id`")
    going["fields"] = asked
    return Request(msgspec.convert(going, Order), task_id, key)
