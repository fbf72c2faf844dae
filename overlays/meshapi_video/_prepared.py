"""The one request that a client makes again and again: all of it but the task's id, built once."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Final

import httpx

from meshapi_video._version import __version__

if TYPE_CHECKING:
    from meshapi_video._config import Config

HEADERS: Final = {
    "Accept": "application/json",
    # A task is a few hundred bytes: compressing it saves nothing and invites bombs.
    "Accept-Encoding": "identity",
    "User-Agent": f"meshapi-video/{__version__} httpx/{httpx.__version__} Python/{platform.python_version()}",
}


class Prepared:
    """What does not change from look to look. Whoever sends it sends the key: to this server, and to no other."""

    def __init__(self, config: Config) -> None:
        headers = {**HEADERS, "Authorization": config.api_key.authorization}
        self.base = httpx.Request("GET", config.base_url, headers=headers)
        """A request for the base URL, which is never sent; like its headers, it does not show the key."""
        self._timeouts = httpx.Timeout(config.timeout).as_dict()

    def request(self, method: str, path: str) -> httpx.Request:
        """The request for `path`, below the base URL, as httpx sends it."""
        url = str(self.base.url).rstrip("/") + path
        return httpx.Request(method, url, headers=self.base.headers, extensions={"timeout": self._timeouts})
