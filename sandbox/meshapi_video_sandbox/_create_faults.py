"""Faults of creates: chosen creates fail, before or after their task is made."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from starlette.responses import JSONResponse, Response

from meshapi_video_sandbox._error_responses import error_response
from meshapi_video_sandbox._faults import failing_response
from meshapi_video_sandbox._mistakes import explained, not_allowed
from meshapi_video_sandbox._task_requests import FaultEffect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from meshapi_video_sandbox._faults import Delays


class CreateFault(FaultEffect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fault: which creates fail, and how."""

    creates: list[Annotated[int, msgspec.Meta(ge=1)]] | None = None
    """Which creates fail, counted from 1 since the faults were set; None for all of them."""
    when: Literal["before", "after"] = "before"
    """Whether the fault happens before or after the task is made. After a delay alone, the task is made nevertheless;
    any other fault before it means that there is no task."""
    no_id: bool = False
    """The response is complete JSON without the id."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.when == "before" and (self.no_id or self.body in {"truncated", "half"}):
            raise ValueError("this response is a part of the normal one: set `when` to `after`")


# Made here, and not at the first use: see `_task_requests`.
msgspec.json.Decoder(CreateFault)

CREATE_FAULTS: Final[dict[str, dict[str, object]]] = {
    "lost_response": {"when": "after", "close": True},
    "reset_before": {"reset": True},
    "reset_after": {"when": "after", "reset": True},
    "bad_gateway_before": {"status": 502},
    "bad_gateway_after": {"when": "after", "status": 502},
    "unavailable_before": {"status": 503},
    "unavailable_after": {"when": "after", "status": 503},
    "rate_limited": {"status": 429, "retry_after": 1},
    "slow_before": {"delay": 60},
    "slow_after": {"when": "after", "delay": 60},
    "html_before": {"body": "html"},
    "html_after": {"when": "after", "body": "html"},
    "truncated": {"when": "after", "body": "truncated"},
    "half": {"when": "after", "body": "half"},
    "no_id": {"when": "after", "no_id": True},
}
"""Common faults, by name."""

_NO_FAULT: Final = "none"
_NOTHING_FAILS: Final = CreateFault()


class RandomFaults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A random fault for each create that no fault of the list is about."""

    weights: dict[str, Annotated[float, msgspec.Meta(ge=0)]]
    """How often each named fault happens, in relation to the others; `none` is no fault."""
    seed: int = 0
    """The same seed gives the same sequence of faults."""
    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    """Seconds of the slow faults, instead of 60."""

    def __post_init__(self) -> None:
        if others := self.weights.keys() - CREATE_FAULTS.keys() - {_NO_FAULT}:
            raise ValueError(not_allowed(f"unknown fault {min(others)!r}", min(others), [_NO_FAULT, *CREATE_FAULTS]))
        if not sum(self.weights.values()):
            raise ValueError("the weights should not all be 0")

    def faults(self) -> Callable[[], CreateFault]:
        """A function that returns the next fault."""
        chooser = random.Random(self.seed)  # noqa: S311 - for tests, where a seed repeats the sequence
        names, weights = list(self.weights), list(self.weights.values())

        def next_fault() -> CreateFault:
            (name,) = chooser.choices(names, weights)
            if name == _NO_FAULT:
                return _NOTHING_FAILS
            fault = named_fault({"fault": name})
            return msgspec.structs.replace(fault, delay=self.delay) if fault.delay and self.delay is not None else fault

        return next_fault


def named_fault(value: object, path: str = "$") -> CreateFault:
    """The fault that a request describes: a name, or an object in which `fault` may name one whose values it takes."""
    given = {"fault": value} if isinstance(value, str) else value
    with explained(given, dict[str, object], path):
        values = msgspec.convert(given, dict[str, object])
    name = values.pop("fault", None)
    if name is not None:
        if not isinstance(name, str) or name not in CREATE_FAULTS:
            message = not_allowed(f"unknown fault {name!r}", name, CREATE_FAULTS)
            raise msgspec.ValidationError(f"{message} - at `{path}`")
        values = {**CREATE_FAULTS[name], **values}
    with explained(values, CreateFault, path):
        return msgspec.convert(values, CreateFault)


class CreateFaultInjector:
    """Applies the faults that were set last, and counts the creates since then."""

    def __init__(self, delays: Delays) -> None:
        self._delays = delays
        self.set([], None)

    def set(self, faults: Sequence[CreateFault], random_faults: RandomFaults | None) -> None:
        """Replaces all faults, and counts from 1 again."""
        self._faults, self._creates = faults, 0
        self._random = None if random_faults is None else random_faults.faults()

    async def respond(self, create: Callable[[], Awaitable[Response]]) -> Response:
        """The response to this create: `create()` makes the task and returns the normal response."""
        fault = self._next()
        if fault.when == "before":
            return await failing_response(fault, self._delays, create, error_response)
        created = await create()
        normal = JSONResponse({"object": "video.generation"}) if fault.no_id else created

        async def normal_response() -> Response:
            return normal

        return await failing_response(fault, self._delays, normal_response, error_response)

    def _next(self) -> CreateFault:
        self._creates += 1
        for fault in self._faults:
            if fault.creates is None or self._creates in fault.creates:
                return fault
        return _NOTHING_FAILS if self._random is None else self._random()
