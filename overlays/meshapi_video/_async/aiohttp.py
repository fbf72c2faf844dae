"""Sends requests over aiohttp's connections: on asyncio, with the extra `[aiohttp]`."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from meshapi_video._transport.exceptions import connection_failed
from meshapi_video._transport.httpcore_request import KEEPALIVE_EXPIRY
from meshapi_video._transport.response import BodyReader, Response

if TYPE_CHECKING:
    import ssl

    from meshapi_video._transport.request import Request, RequestTemplate

IS_NEW_ENOUGH: Final = tuple(int(part) for part in aiohttp.__version__.split(".")[:2]) >= (3, 11)
"""Whether the extra accepts this release. Another package may have installed an older one."""

_LONGEST_HEADER: Final = 100 * 1024
"""Bytes of one header line, as in h11."""


class _Connector(aiohttp.TCPConnector):
    """Remembers the transports that it opened, because asyncio takes up to 30 seconds to close one with TLS."""

    transports: weakref.WeakSet[asyncio.Transport]

    # aiohttp's own signature; this method only passes the arguments on.
    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:  # noqa: ANN401
        connection = await super().connect(*args, **kwargs)
        # uvloop's TLS transports have no weak references, and close without help.
        with contextlib.suppress(TypeError):
            self.transports.update(filter(None, [connection.transport]))
        return connection


class AiohttpTransport:
    """The transport over aiohttp. Create it on the event loop that uses it."""

    def __init__(self, template: RequestTemplate, tls: ssl.SSLContext) -> None:
        self._template = template
        # The client limits the number of requests in flight.
        self._connector = _Connector(limit=0, ssl=tls, keepalive_timeout=KEEPALIVE_EXPIRY)
        self._connector.transports = weakref.WeakSet()
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            headers=template.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        # aiohttp would send a request again if a kept connection breaks. The SDK counts and logs every poll itself.
        self._session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - nothing public has it

    async def send(self, request: Request) -> Response:
        """The whole response to `request`."""
        # After the server closes a connection, the event loop needs two iterations: one to read, one to report it.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        try:
            async with self._session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=None if request.headers is self._template.headers else request.headers,
                data=request.content or None,
                allow_redirects=False,
            ) as response:
                try:
                    reader = BodyReader(response.status, response.raw_headers)
                    with reader.lenient:
                        async for part in response.content.iter_any():
                            reader.feed(part)
                except BaseException:
                    # Do not use a connection again after a failure.
                    response.close()
                    raise
                return reader.response()
        except aiohttp.ClientError as error:
            raise connection_failed(self._template.settings, _root_error(error)) from None

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._session.close()
        for transport in list(self._connector.transports):
            transport.abort()
        # The event loop closes them in its next iteration.
        await asyncio.sleep(0)


def _root_error(error: aiohttp.ClientError) -> BaseException:
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        # aiohttp's own message adds TLS settings, which did not cause the failure.
        return error.os_error
    return error
