"""`WaitToken`: the state of a wait as JSON, so that another process can resume it."""

from __future__ import annotations

import json
from typing import Any, Final, Self

from attrs import Attribute, asdict, field, frozen

from meshapi_video._text import one_line
from meshapi_video._validation import check_number

_VERSION: Final = 1
_LARGEST: Final = 1e11
"""Larger than any time and any count that a token can hold."""


def _check_text(_token: WaitToken, attribute: Attribute[str], value: str) -> None:
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - it may come from JSON
        raise TypeError(f"{attribute.name} should be a string; it is {value!r}")


def _check_time(_token: WaitToken, attribute: Attribute[float], value: float) -> None:
    check_number(attribute.name, value, "a Unix time", is_valid=lambda n: 0 <= n < _LARGEST)


# attrs passes the field without its type.
def _check_polls(_token: WaitToken, attribute: Attribute[Any], value: int) -> None:
    check_number(attribute.name, value, "a count", is_valid=lambda n: isinstance(n, int) and 0 <= n < _LARGEST)


@frozen(kw_only=True)
class WaitToken:
    """What another process needs to resume a wait. It holds no key and no connection.

    `WaitTimeout.token` and the iterators of `updates` and `wait_many` give one. Pass it in place of
    the task's id to `wait`, `updates` or `wait_many`.
    """

    task_id: str = field(validator=_check_text)
    """The task's id."""
    started: float = field(validator=_check_time)
    """When the wait started, in seconds since 1970."""
    polls: int = field(validator=_check_polls)
    """How many polls were sent."""
    not_before: float = field(validator=_check_time)
    """The earliest time of the next poll that the server allows, in seconds since 1970."""

    def to_json(self) -> str:
        """The token as one line of JSON, for `from_json`."""
        return json.dumps({"version": _VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The token that `to_json` wrote. Raises `ValueError` for any other text."""
        try:
            fields = json.loads(text)
            version = fields.pop("version")
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise ValueError("not a wait token: it should be the JSON object that WaitToken.to_json wrote") from None
        if version is True or version != _VERSION:
            raise ValueError(
                f"the wait token has version {one_line(repr(version))}; this release reads version {_VERSION}"
            )
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"the wait token is damaged: {one_line(str(error))}") from None
