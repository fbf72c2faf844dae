"""What an answer says of a file before the file comes, and what is noted of it. Pure."""

from __future__ import annotations

import email.utils
import http
import re
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

_STRONG_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]*"')
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@frozen(kw_only=True)
class Note:
    """What kept bytes are the beginning of. Written down beside them."""

    task_id: str
    what: str
    """`video` or `last frame`."""
    validator: str | None
    """What tells this version of the file from others, for `If-Range`; None if nothing does."""
    total: int | None
    """The whole file's bytes; None if the server did not say."""


@frozen(kw_only=True)
class Head:
    """An answer before its body."""

    status: int
    headers: Mapping[str, str]
    """Looked up in small letters."""
    version: str = "HTTP/1.1"
    retry_after: float | None = None
    """Seconds for which the server asks to be left alone."""

    @property
    def title(self) -> str:
        """The status and its name."""
        try:
            return f"{self.status} {http.HTTPStatus(self.status).phrase}"
        except ValueError:
            return str(self.status)

    @property
    def length(self) -> int | None:
        """The body's bytes, where that is said."""
        stated = self.headers.get("content-length", "").strip()
        return int(stated) if _COUNT.fullmatch(stated) else None

    @property
    def has_an_end(self) -> bool:
        """Whether a body that breaks off can be told from one that ends."""
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        return chunked or self.length is not None or not self.version.startswith("HTTP/1")

    @property
    def is_page(self) -> bool:
        """Whether it is for a person to read, such as that of a network that wants to be logged in to."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/html"

    @property
    def encoding(self) -> str:
        """How the body is packed."""
        return self.headers.get("content-encoding", "identity").strip().lower()

    @property
    def validator(self) -> str | None:
        """What tells this version of the file from all others, byte by byte."""
        etag, modified = self.headers.get("etag", "").strip(), self.headers.get("last-modified", "").strip()
        if _STRONG_ETAG.fullmatch(etag):
            return etag
        changed, now = _moment(modified), _moment(self.headers.get("date"))
        # Within the same second it could have changed again.
        return modified if changed is not None and (now is None or now > changed) else None

    def goes_on(self, note: Note, kept: int) -> bool:
        """Whether the body is all that follows the first `kept` bytes of the noted version."""
        stated = _RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if self.status != http.HTTPStatus.PARTIAL_CONTENT or stated is None or note.validator is None:
            return False
        first, last, total = map(int, stated.groups())
        # An answer to `If-Range` has to name its ETag, and need not name its date.
        if note.validator.startswith('"'):
            is_same = self.headers.get("etag", "").strip() == note.validator
        else:
            is_same = self.headers.get("last-modified", note.validator).strip() == note.validator
        return is_same and first == kept and last + 1 == total and note.total in {None, total}


def _moment(date: str | None) -> float | None:
    parts = email.utils.parsedate_tz(date or "")
    try:
        return None if parts is None else email.utils.mktime_tz(parts)
    except (ValueError, OverflowError):
        return None
