"""Sends looks over aiohttp's connections: on asyncio, and with the extra of that name."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import httpx
from yarl import URL

from meshapi_video._bodies import Answer, Intake
from meshapi_video._sockets import KEPT

if TYPE_CHECKING:
    import ssl

    from meshapi_video._prepared import Prepared

IS_NEW_ENOUGH: Final = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= (3, 11)
"""Whether it is of a release that the extra admits: it may have come with something else."""

_LONGEST_LINE: Final = 100 * 1024
"""Bytes of a header, as h11 has it."""


class _Connector(aiohttp.TCPConnector):
    """Knows what it opened, down to what asyncio gives half a minute to end politely, as it does with TLS."""

    transports: weakref.WeakSet[asyncio.Transport]

    # aiohttp's own signature, and nothing to us.
    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:  # noqa: ANN401
        connection = await super().connect(*args, **kwargs)
        # uvloop's know no weak references where TLS is spoken, and end by themselves.
        with contextlib.suppress(TypeError):
            self.transports.update(filter(None, [connection.transport]))
        return connection


class AiohttpConnections:
    """For asyncio, on the event loop that runs while it is made."""

    def __init__(self, prepared: Prepared, tls: ssl.SSLContext) -> None:
        self._server = str(prepared.base.url).rstrip("/")
        # How many looks are under way at once is bounded elsewhere.
        self._connector = _Connector(limit=0, ssl=tls, keepalive_timeout=KEPT)
        self._connector.transports = weakref.WeakSet()
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            headers=prepared.base.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )
        # It would ask twice where a kept connection breaks: a look is one request, and a miss is told.
        self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it

    async def send(self, method: str, path: str) -> Answer:
        """The answer, read whole, to a look at `path`."""
        url = URL(self._server + path, encoded=True)
        # Of a connection that was closed meanwhile the event loop tells after one turn to read, and one to say so.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            async with self._session.request(method, url, allow_redirects=False) as response:
                try:
                    intake = Intake(response.status, response.raw_headers)
                    with intake.forgiving:
                        async for part in response.content.iter_any():
                            intake.take(part)
                except BaseException:
                    # Nothing more is asked over a connection on which something went wrong.
                    response.close()
                    raise
                return intake.answer()
        except aiohttp.ClientError as error:
            raise httpx.TransportError(_reason(error)) from error

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()
        for transport in list(self._connector.transports):
            transport.abort()
        # They are closed one turn of the event loop later.
        await asyncio.sleep(0)


def _reason(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        # Without what it says of TLS, which is not what went wrong.
        return str(error.os_error)
    return str(error) or type(error).__name__
