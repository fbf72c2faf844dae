"""A wait written down, to be taken up by another process."""

from __future__ import annotations

import json
from typing import Any, Final, Self

from attrs import Attribute, asdict, field, frozen

_VERSION: Final = 1
_MOST: Final = 1e11
"""Beyond every moment and every count that a token may hold."""


def _check_text(_token: WaitToken, attribute: Attribute[str], value: str) -> None:
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] - it may come from JSON
        raise TypeError(f"{attribute.name} should be a string; it is {value!r}")


def _check_number(_token: WaitToken, attribute: Attribute[Any], value: float) -> None:
    whole = attribute.name == "looks"
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)  # pyright: ignore[reportUnnecessaryIsInstance] - it may come from JSON
    if not (number and 0 <= value < _MOST):
        raise ValueError(f"{attribute.name} should be a {'count' if whole else 'Unix time'}; it is {value!r}")


@frozen(kw_only=True)
class WaitToken:
    """All that another process needs to go on with a wait: no key, and nothing that runs.

    From `WaitTimeout.token`, and from the iterators of `updates` and `wait_many`; it stands for the
    task's id wherever one can be waited for.
    """

    task_id: str = field(validator=_check_text)
    """The task's id."""
    started: float = field(validator=_check_number)
    """When the task was first waited for, in seconds since 1970."""
    looks: int = field(validator=_check_number)
    """How many times the server was asked."""
    not_before: float = field(validator=_check_number)
    """When it may be asked again, in seconds since 1970."""

    def to_json(self) -> str:
        """The token on one line, for `from_json`."""
        return json.dumps({"version": _VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The token that `to_json` wrote. Raises `ValueError` for anything else."""
        try:
            fields = json.loads(text)
            version = fields.pop("version")
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            raise ValueError("not a wait token: it should be the JSON object that WaitToken.to_json wrote") from None
        if version is True or version != _VERSION:
            raise ValueError(f"a wait token of version {version!r}; this release reads version {_VERSION}")
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise ValueError(f"a damaged wait token: {error}") from None
