"""What a client is told once: the key, the server, how patient to be."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from meshapi_video._errors import MeshVideoError
from meshapi_video._polling import check_seconds

DEFAULT_BASE_URL: Final = "https://api.meshapi.ai"
"""The document's own server; a contract test holds it against `openapi.yaml`."""

KEY_VARIABLE: Final = "MESHAPI_API_KEY"
URL_VARIABLE: Final = "MESHAPI_BASE_URL"


class ApiKey:
    """A key that shows itself in no `repr`, and so in no traceback that prints its locals."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.strip()
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
        return text.replace(self._value, "***")


@frozen(kw_only=True)
class Config:
    """A client's settings, checked."""

    api_key: ApiKey
    base_url: str
    timeout: float
    max_retries: int

    @classmethod
    def resolve(cls, api_key: str | None, base_url: str | None, timeout: float, max_retries: int) -> Config:
        """Fills what is not given from the environment and checks it all."""
        if isinstance(max_retries, bool) or max_retries < 0:
            raise ValueError(f"max_retries should be a whole number, zero or more; it is {max_retries!r}")
        if check_seconds("timeout", timeout) == 0:
            raise ValueError("timeout should be more than zero seconds")
        return cls(
            api_key=ApiKey(api_key if api_key is not None else os.environ.get(KEY_VARIABLE, "")),
            base_url=_checked_url(base_url or os.environ.get(URL_VARIABLE) or DEFAULT_BASE_URL),
            timeout=timeout,
            max_retries=max_retries,
        )


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or parts.username is not None or parts.query or parts.fragment:
        # Not quoted: an address with a password in it should not reach a log.
        raise ValueError(
            f"the base URL should look like {DEFAULT_BASE_URL}: http or https, a host, perhaps a port and a path; "
            f"look at base_url= and {URL_VARIABLE}"
        )
    return url.rstrip("/")


def check_task_id(task_id: str) -> str:
    """`task_id` if it can be the last part of a path, else a `ValueError`.

    An empty id would ask for the collection, `..` for what lies above it, and a slash is decoded
    on the way by some servers and proxies.
    """
    if not isinstance(task_id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise ValueError(  # noqa: TRY004 - one error for every wrong id
            f"a task id should be a string; this is {type(task_id).__name__}"
        )
    if task_id in {"", ".", ".."} or not task_id.isprintable() or any(c in task_id for c in " /\\"):
        raise ValueError(f"not a task id: {task_id!r}. It should be the `id` that creating the task answered with")
    return task_id
