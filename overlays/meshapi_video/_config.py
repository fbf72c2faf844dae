"""What a client is told once: the key, the server, how patient to be."""

from __future__ import annotations

import math
import os
import re
from typing import Final
from urllib.parse import urlsplit

import httpx
from attrs import frozen

from meshapi_video._errors import MeshVideoError
from meshapi_video._policy import check_count, check_seconds

DEFAULT_BASE_URL: Final = "https://api.meshapi.ai"
"""The document's own server; a contract test holds it against `openapi.yaml`."""

KEY_VARIABLE: Final = "MESHAPI_API_KEY"
URL_VARIABLE: Final = "MESHAPI_BASE_URL"

MAX_IN_FLIGHT: Final = 100
"""Requests of `wait_many` that are under way at once unless told otherwise."""
MAX_WAITING: Final = 10_000
"""Tasks that it waits for at once unless told otherwise."""

_LONGEST_LABEL: Final = 63
"""Characters between two dots of a host's name."""

_SECRET: Final = 8
"""Characters from which on a key is not in an answer by chance."""


class ApiKey:
    """A key that shows itself in no `repr`, and so in no traceback that prints its locals."""

    __slots__ = ("_spelled", "_value")

    def __init__(self, value: str | None) -> None:
        # Raises nothing, whatever the value: this frame and the caller's hold it bare.
        given = os.environ.get(KEY_VARIABLE) if value is None else value
        self._value = given.strip() if isinstance(given, str) else ""
        # JSON may write any character as an escape, and some writers do.
        spelled = (rf"(?:\\?{re.escape(c)}|\\u(?i:{ord(c):04x}))" for c in self._value)
        self._spelled = "".join(spelled)

    def check(self) -> None:
        """Raises `MeshVideoError` unless this can be sent as a key."""
        if not self._value:
            raise MeshVideoError(f"no API key: set the environment variable {KEY_VARIABLE}, or pass api_key=")
        if not (self._value.isascii() and self._value.isprintable()) or " " in self._value:
            raise MeshVideoError("the API key holds a character that no key has, such as a space or a line break")

    def __repr__(self) -> str:
        return "ApiKey(***)"

    @property
    def authorization(self) -> str:
        """The `Authorization` header's value."""
        return f"Bearer {self._value}"

    def blot(self, text: str) -> str:
        """`text` with the key made unreadable, should a server send it back."""
        # Every answer comes through here, and hardly one has an escape in it.
        return re.sub(self._spelled, "***", text) if "\\" in text else text.replace(self._value, "***")

    def is_in(self, text: str) -> bool:
        """Whether `text` gives the key away. One of a few letters is no secret, and is in any text."""
        return len(self._value) >= _SECRET and self.blot(text) != text


@frozen(kw_only=True)
class Config:
    """A client's settings, checked."""

    api_key: ApiKey
    base_url: str
    timeout: float
    max_retries: int

    @classmethod
    def resolve(cls, api_key: ApiKey, base_url: str | None, timeout: float, max_retries: int) -> Config:
        """Fills what is not given from the environment and checks it all."""
        check_count("max_retries", max_retries, least=0)
        if not 0 < check_seconds("timeout", timeout) < math.inf:
            raise ValueError(f"timeout should be more than zero seconds, and finite; it is {timeout!r}")
        api_key.check()
        return cls(
            api_key=api_key,
            base_url=_checked_url(base_url or os.environ.get(URL_VARIABLE) or DEFAULT_BASE_URL),
            timeout=timeout,
            max_retries=max_retries,
        )


def _checked_url(url: str) -> str:
    url = url.strip()
    if not _is_usable(url):
        # Not quoted: an address with a password in it should not reach a log.
        raise ValueError(
            f"the base URL should look like {DEFAULT_BASE_URL}: http or https, a host, perhaps a port and a path; "
            f"look at base_url= and {URL_VARIABLE}"
        )
    return url.rstrip("/")


def _is_usable(url: str) -> bool:
    # urlsplit quietly drops line breaks, and httpx quotes what no host's name holds.
    if not url.isprintable() or any(c in url for c in " \\?#"):
        return False
    try:
        parts = urlsplit(url)
        host = httpx.URL(url).raw_host.decode()
    except (ValueError, httpx.InvalidURL):
        return False
    # As a lookup will: it refuses empty labels, and those of more than 63 characters.
    labels = host.removesuffix(".").split(".")
    whole = (
        all(0 < len(label) <= _LONGEST_LABEL for label in labels)
        and "%" not in host
        and parts.username is None
        and parts.port != 0
    )
    return whole and parts.scheme in {"http", "https"}
