"""What a sandbox is told once, checked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEFAULT_KEY: Final = "rsk_sandbox"
UPSTREAM_KEY_VARIABLE: Final = "ARK_API_KEY"


class SandboxError(Exception):
    """The sandbox cannot start; the message says why."""


@frozen
class Upstream:
    """Where BytePlus ModelArk, or the like of it, is reached."""

    url: str
    key: str = field(repr=False)
    simulated: bool = False


@frozen(kw_only=True)
class Settings:
    """What a sandbox is told; `SandboxError` for what cannot work."""

    host: str = "127.0.0.1"
    port: int = 0
    upstream_port: int = 0
    db: Path | None = None
    keys: Sequence[str] = field(default=(DEFAULT_KEY,), repr=False)
    upstream_url: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.keys or not all(_usable(key) for key in self.keys):
            raise SandboxError("a key should be of printable ASCII characters, without spaces and not empty")

    def real_upstream(self) -> Upstream | None:
        """The upstream that was named, if one was, with the key that the environment holds for it."""
        if self.upstream_url is None:
            return None
        url = self.upstream_url.rstrip("/")
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise SandboxError(f"the upstream should look like https://host/api/v3; it is {url!r}")
        key = os.environ.get(UPSTREAM_KEY_VARIABLE, "").strip()
        if not _usable(key):
            raise SandboxError(f"no key for the upstream: set the environment variable {UPSTREAM_KEY_VARIABLE}")
        return Upstream(url, key)


def _usable(key: str) -> bool:
    return key != "" and key.isascii() and key.isprintable() and " " not in key
