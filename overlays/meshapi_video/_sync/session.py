"""The blocking client's session: the generated functions send through it, in place of an httpx client.

`open` opens its transport, and loads modules that a program without requests does not need.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from meshapi_video._settings import CAPACITY, USER_CLIENT_CAPACITY
from meshapi_video._sync.user_client import UserClientTransport
from meshapi_video._transport.request import RequestTemplate
from meshapi_video._transport.tracebacks import hidden_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, Unpack

    from meshapi_video._http_libraries import HTTPClient
    from meshapi_video._settings import Settings
    from meshapi_video._transport.connection_settings import ConnectionSettings
    from meshapi_video._transport.generated import ExpectedResponse
    from meshapi_video._transport.request import Request, RequestOptions
    from meshapi_video._transport.response import Response

    class _Transport(Protocol):
        def send(self, request: Request, check: Callable[[Response], None]) -> Response: ...

        def close(self) -> None: ...

    class _CheckResponse(Protocol):
        def __call__(self, response: Response, settings: Settings, expected: ExpectedResponse, path: str) -> None: ...


class Session:
    """Sends requests to the API, with the key, and checks the responses. Any number of threads may use it."""

    def __init__(
        self,
        settings: Settings,
        connections: ConnectionSettings,
        http_client: HTTPClient | None,
        trace_headers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._settings = settings
        self._connections = connections
        self.trace_headers: Final = trace_headers
        """Headers for each request, by which the server can continue a trace."""
        self._template = RequestTemplate(settings)
        self._proxy = None if http_client is not None else connections.proxy_for(settings.base_url)
        self._user_client = None if http_client is None else UserClientTransport(self._template, http_client)
        uses_pool_of_httpx = http_client is not None or settings.transport == "httpx"
        self.capacity: Final = USER_CLIENT_CAPACITY if uses_pool_of_httpx else CAPACITY
        """The number of requests that the transport handles well at once."""
        self._transport: _Transport | None = None
        self._check_response: _CheckResponse
        self._lock = threading.Lock()
        self._process = os.getpid()
        self.is_closed = False

    def open(self) -> _Transport:
        """Opens the transport if it is not open.

        Call this before the time of a request starts. Raises `RuntimeError` after `close`.
        """
        if self._process != os.getpid():
            # After a fork, the open connections and the lock belong to the parent process.
            self._lock, self._transport, self._process = threading.Lock(), None, os.getpid()
        with self._lock:
            # A local variable: another thread of a forked process may still be in the lines above.
            transport = self._transport
            if transport is None and not self.is_closed:
                # `ExpectedResponse.check` uses this module.
                from meshapi_video._transport import contract  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]
                from meshapi_video._transport.api_errors import check_response  # noqa: PLC0415 - see above

                self._check_response = check_response
                self._transport = transport = self._user_client or self._connect()
            if transport is None or self.is_closed:
                # Perhaps only now, while this thread opened the transport.
                self.close()
                raise RuntimeError("this client has been closed")
            return transport

    def expecting(self, expected: ExpectedResponse, headers: Mapping[str, str] | None = None) -> OperationSession:
        """The session for the generated function of an operation that returns `expected`.

        It sends `headers` besides those of the generated function.
        """
        return OperationSession(self, expected, headers or {})

    def request(
        self, method: str, url: str, operation: OperationSession, **options: Unpack[RequestOptions]
    ) -> Response:
        """The checked response to a request for the path `url`, below the base URL.

        Raises `APIError` or `InvalidResponse` for a response that is not the operation's, `ConnectionFailed`,
        `TimeoutError`, and `TypeError` for an option that requests to the API do not support.
        """
        transport, expected = self.open(), operation.expected

        def check(response: Response) -> None:
            self._check_response(response, self._settings, expected, url)

        with hidden_frames(self._settings.api_key):
            request = self._template.build(method, url, expected.repeat, **options)
            try:
                return transport.send(request, check)
            finally:
                operation.was_sent = request.was_sent

    def close(self) -> None:
        """Closes the transport."""
        # Without the lock: a signal handler may call this while its own thread is in `open`.
        self.is_closed = True
        if self._transport is not None:
            self._transport.close()

    def _connect(self) -> _Transport:
        from meshapi_video._sync.connections import ConnectionPool  # noqa: PLC0415 - see above
        from meshapi_video._sync.httpx_client import ChosenTransport, HTTPXTransport  # noqa: PLC0415 - see above

        tls = self._connections.tls_context(self._settings.base_url, self._proxy)
        if self._settings.transport == "httpx":
            return HTTPXTransport(self._template, tls, self._proxy)
        builtin = ConnectionPool(self._template, tls, self._proxy)
        return ChosenTransport(builtin, self._template, tls, self._proxy)


class OperationSession:
    """A session for one operation. It has the part that a generated function uses of an `httpx.Client`."""

    def __init__(self, session: Session, expected: ExpectedResponse, headers: Mapping[str, str]) -> None:
        self._session = session
        self._headers = headers
        self.expected: Final = expected
        self.was_sent = False
        """Whether a byte of the last request may have gone out. Known for an operation to ask once."""

    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """The checked response, as from `Session.request`."""
        if headers := {**self._session.trace_headers(), **self._headers}:
            options["headers"] = {**options.get("headers", {}), **headers}
        return self._session.request(method, url, self, **options)
