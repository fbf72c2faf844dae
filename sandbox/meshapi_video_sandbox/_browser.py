"""Refuses the requests that a web page sends through the browser of a developer.

Any page can send requests to this machine. Two checks tell them from those of a program:

- A page whose own host name leads to this machine (DNS rebinding) sends that name in `Host`.
- A browser adds `Origin` or `Sec-Fetch-Site` to the requests of pages. Programs send neither.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

from meshapi_video_sandbox._error_responses import APIError, error_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)]|([^][:@/\\]+))(?::[0-9]*)?")
_LONGEST_QUOTE: Final = 100


class BrowserCheck:
    """ASGI middleware: refuses a request with another host name than `hosts`, and any request of a web page.

    With `pages`, web pages may send requests to these hosts, for example to show a video.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], *, pages: bool) -> None:
        self._app, self._pages = app, pages
        self._hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Part of the protocol for ASGI apps."""
        reason = self._reason_to_refuse(Headers(scope=scope))
        app = self._app if reason is None else error_response(APIError(403, reason))
        await app(scope, receive, send)

    def _reason_to_refuse(self, headers: Headers) -> str | None:
        host = headers.get("host", "").lower()
        if not self._is_allowed(host):
            name = _quoted(host)
            return f"The sandbox refuses the host name {name}: start it with --allowed-host and this name, without port"
        if self._pages:
            return None
        origin = headers.get("origin")
        is_of_page = origin is not None and origin.lower() != f"http://{host}"
        if is_of_page or headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            page = "a web page" if origin is None else f"a web page of {_quoted(origin)}"
            return (
                f"The sandbox refuses requests of {page}: send them from a program, such as your own server, or type "
                "the address into the browser"
            )
        return None

    def _is_allowed(self, header: str) -> bool:
        parts = _HOST.fullmatch(header)
        if parts is None:
            return False
        name = parts[1] or parts[2]
        if name in self._hosts:
            return True
        # No page can choose another address here than the one to which its browser connects.
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…")
