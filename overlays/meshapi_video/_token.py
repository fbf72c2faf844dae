"""`WaitToken`: the state of a wait as JSON, so that another process can resume it."""

from __future__ import annotations

import json
from typing import Any, Final, Self

from attrs import Attribute, Factory, asdict, field, fields_dict, frozen

from meshapi_video._text import one_line
from meshapi_video._validation import check_number

_VERSION: Final = 2
_LARGEST: Final = 1e11
"""Larger than any time and any count that a token can hold."""


def _check_text(_token: WaitToken, attribute: Attribute[str], value: str) -> None:
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - it may come from JSON
        raise TypeError(f"{attribute.name} should be a string; it is {value!r}")


def _check_time(_token: WaitToken, attribute: Attribute[float], value: float) -> None:
    check_number(attribute.name, value, "a Unix time", is_valid=lambda n: 0 <= n < _LARGEST)


# attrs passes the field without its type.
def _check_count(_token: WaitToken, attribute: Attribute[Any], value: int) -> None:
    check_number(attribute.name, value, "a count", is_valid=lambda n: isinstance(n, int) and 0 <= n < _LARGEST)


@frozen(kw_only=True)
class WaitToken:
    """What another process needs to resume a wait. It holds no key and no connection.

    `WaitStep.token`, `WaitTimeout.token` and the iterators of `updates` and `wait_many` give one. Pass it
    in place of the task's id to `step`, `wait`, `updates` or `wait_many`: the next poll is sent when it is due.
    """

    task_id: str = field(validator=_check_text)
    """The task's id."""
    started: float = field(validator=_check_time)
    """When the wait started, in seconds since 1970."""
    polls: int = field(validator=_check_count)
    """How many polls were sent."""
    not_before: float = field(validator=_check_time)
    """The earliest time of the next poll that the server allows, in seconds since 1970."""
    next_poll_at: float = field(default=Factory(lambda token: token.not_before, takes_self=True), validator=_check_time)
    """When the next poll is due, in seconds since 1970. By default, when the server allows it."""
    failures: int = field(default=0, validator=_check_count)
    """How many polls in a row have failed. Each makes the next delay longer."""

    def to_json(self) -> str:
        """The token as one line of JSON, for `from_json`."""
        return json.dumps({"version": _VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The token that `to_json` wrote, in this release or an earlier one. Raises `ValueError` for any other text."""
        try:
            fields = json.loads(text)
            version = fields.pop("version")
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise ValueError("not a wait token: it should be the JSON object that WaitToken.to_json wrote") from None
        if version is True or version not in (1, _VERSION):
            raise ValueError(
                f"the wait token has version {one_line(repr(version))}; this release reads versions 1 and {_VERSION}"
            )
        if version == 1:
            fields.setdefault("next_poll_at", fields.get("not_before"))
            fields.setdefault("failures", 0)
        if missing := [name for name in fields_dict(cls) if name not in fields]:
            raise ValueError(f"the wait token is damaged: missing {missing[0]!r}")
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the wait token is damaged: {one_line(str(error))}") from None
