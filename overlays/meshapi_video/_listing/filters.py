"""The filters of a list, as the API takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from attrs import frozen

from meshapi_video._validation import check_number
from meshapi_video_generated.types import UNSET, Unset

KnownStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "expired", "cancelled"]
"""The statuses that are known. In the document `status` is an open string."""

_LATEST = 1e11


def _texts(name: str, value: str | Sequence[str] | None) -> list[str] | Unset:
    if value is None:
        return UNSET
    texts = [value] if isinstance(value, str) else [*value]
    if not all(isinstance(text, str) and text for text in texts):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise ValueError(f"{name} should be a string or several strings, none of them empty; it is {value!r}")
    return texts


def _time(name: str, value: datetime | float | None) -> str | Unset:
    if value is None:
        return UNSET
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(
                f"{name} should be a datetime with a time zone, such as datetime.now(UTC); it is {value!r}"
            )
        moment = value
    else:
        check_number(name, value, "a datetime, or seconds since 1970", is_valid=lambda n: 0 <= n < _LATEST)
        moment = datetime.fromtimestamp(value, UTC)
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@frozen
class ListFilters:
    """The filters of one list. UNSET leaves a filter out."""

    status: list[str] | Unset
    model: list[str] | Unset
    created_after: str | Unset
    created_before: str | Unset

    @classmethod
    def of(
        cls,
        *,
        status: str | Sequence[str] | None,
        model: str | Sequence[str] | None,
        created_after: datetime | float | None,
        created_before: datetime | float | None,
    ) -> ListFilters:
        """Raises `ValueError` for a filter that the API cannot take."""
        return cls(
            status=_texts("status", status),
            model=_texts("model", model),
            created_after=_time("created_after", created_after),
            created_before=_time("created_before", created_before),
        )
