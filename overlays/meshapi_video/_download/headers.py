"""Reads the headers of a response about a file, and defines the record of a partial file. Pure."""

from __future__ import annotations

import http
import re
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from meshapi_video._transport.http_date import parse_http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

# Only what can be sent back in `If-Range`.
_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]{0,1024}"')
_DATE: Final = re.compile(r"[\x20-\x7e]{1,100}")
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@frozen(kw_only=True)
class ResumeRecord:
    """Which file the kept bytes belong to. It is written beside them."""

    task_id: str
    kind: str
    """`video` or `last frame`."""
    validator: str | None
    """The ETag or the date that identifies this version of the file, for `If-Range`; None without one."""
    total: int | None
    """The size of the whole file, in bytes; None if the server did not state it."""

    @property
    def is_usable(self) -> bool:
        """Whether the values are ones that a response can have stated."""
        is_size = self.total is None or 0 <= self.total < 10**18
        return is_size and (self.validator is None or _is_etag_or_date(self.validator))


@frozen(kw_only=True)
class ResponseHead:
    """A response before its body."""

    status: int
    headers: Mapping[str, str]
    """With names in small letters."""
    version: str = "HTTP/1.1"
    retry_after: float | None = None
    """The server's `Retry-After`, in seconds."""

    @property
    def title(self) -> str:
        """The status and its name."""
        try:
            return f"{self.status} {http.HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def length(self) -> int | None:
        """The size of the body in bytes, if stated."""
        stated = self.headers.get("content-length", "").strip()
        return int(stated) if _COUNT.fullmatch(stated) else None

    @property
    def has_detectable_end(self) -> bool:
        """Whether a truncated body can be told from a complete one."""
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        return chunked or self.length is not None or not self.version.startswith("HTTP/1")

    @property
    def is_html(self) -> bool:
        """Whether the body is an HTML page, such as the login page of a network."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html"

    @property
    def encoding(self) -> str:
        """The content encoding."""
        return self.headers.get("content-encoding", "identity").strip().lower()

    @property
    def validator(self) -> str | None:
        """The ETag or the date that identifies this version of the file, byte for byte."""
        etag, modified = self.headers.get("etag", "").strip(), self.headers.get("last-modified", "").strip()
        if _STRONG_ETAG.fullmatch(etag):
            return etag
        if not _is_etag_or_date(modified):
            return None
        modified_at, now = parse_http_date(modified), parse_http_date(self.headers.get("date"))
        # The file could change again within the same second.
        return modified if modified_at is not None and (now is None or now > modified_at) else None

    def continued(self, record: ResumeRecord, kept: int) -> ResumeRecord | None:
        """The record with the stated size if the body is the rest after the first `kept` bytes of that version."""
        stated = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if self.status != http.HTTPStatus.PARTIAL_CONTENT or stated is None or record.validator is None:
            return None
        first, last, total = map(int, stated.groups())
        # A response to `If-Range` must state its ETag, but need not state its date.
        if record.validator.startswith('"'):
            is_same = self.headers.get("etag", "").strip() == record.validator
        else:
            is_same = self.headers.get("last-modified", record.validator).strip() == record.validator
        is_rest = first == kept and last + 1 == total and self.length in {None, total - first}
        return evolve(record, total=total) if is_same and is_rest and record.total in {None, total} else None


def _is_etag_or_date(text: str) -> bool:
    """Whether `text` can be sent in `If-Range`."""
    is_date = _DATE.fullmatch(text) is not None and parse_http_date(text) is not None
    return is_date or _STRONG_ETAG.fullmatch(text) is not None
