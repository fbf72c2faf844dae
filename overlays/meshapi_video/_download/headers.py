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
# Object storage states `aws-chunked` for files that were uploaded in this encoding, and sends them without it.
_WITHOUT_EFFECT: Final = frozenset({"", "identity", "aws-chunked", "binary", "none"})
_PAGES: Final = {"html": "an HTML page", "xml": "XML", "json": "JSON"}
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
        """The size of the body in bytes, if stated. A chunked body has its own sizes, and they count."""
        if self._is_chunked:
            return None
        stated = self.headers.get("content-length", "").strip()
        return int(stated) if _COUNT.fullmatch(stated) else None

    @property
    def has_detectable_end(self) -> bool:
        """Whether a truncated body can be told from a complete one."""
        return self._is_chunked or self.length is not None or not self.version.startswith("HTTP/1")

    @property
    def _is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()

    @property
    def page(self) -> str | None:
        """The kind of page that the body is by its type, such as the HTML of a network's login; None for a file."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        kind, _, subtype = media_type.partition("/")
        if kind == "text":
            return _PAGES.get(subtype.rpartition("+")[2], "text")
        return _PAGES.get(subtype.rpartition("+")[2]) if kind == "application" else None

    @property
    def encoding(self) -> str | None:
        """The content encoding that changes the bytes; None without one."""
        stated = {name.strip().lower() for name in self.headers.get("content-encoding", "").split(",")}
        return ", ".join(sorted(stated - _WITHOUT_EFFECT)) or None

    @property
    def whole(self) -> ResponseHead | None:
        """The head of the 200 that a 206 without a requested range means: its part begins with the first byte."""
        stated = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if stated is None or int(stated[1]) != 0 or self.length not in {None, int(stated[2]) + 1}:
            return None
        others = {name: value for name, value in self.headers.items() if name != "transfer-encoding"}
        return evolve(self, status=http.HTTPStatus.OK, headers={**others, "content-length": stated[3]})

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
        """The record with the stated size if the body follows the first `kept` bytes of that version.

        A server may send less than the rest, if it states the length of this part.
        """
        stated = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if self.status != http.HTTPStatus.PARTIAL_CONTENT or stated is None or record.validator is None:
            return None
        first, last, total = map(int, stated.groups())
        # A response to `If-Range` must state its ETag, but need not state its date.
        if record.validator.startswith('"'):
            is_same = self.headers.get("etag", "").strip() == record.validator
        else:
            is_same = self.headers.get("last-modified", record.validator).strip() == record.validator
        lengths = {None, last + 1 - first} if last + 1 == total else {last + 1 - first}
        follows = first == kept and first <= last < total and self.length in lengths
        return evolve(record, total=total) if is_same and follows and record.total in {None, total} else None


def _is_etag_or_date(text: str) -> bool:
    """Whether `text` can be sent in `If-Range`."""
    is_date = _DATE.fullmatch(text) is not None and parse_http_date(text) is not None
    return is_date or _STRONG_ETAG.fullmatch(text) is not None
