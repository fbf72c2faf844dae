"""An httpx client that keeps this package's rules: every part of httpx that a test may replace sees its requests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from meshapi_video._http_libraries import httpx
from meshapi_video._sync.network import httpcore_pool
from meshapi_video._sync.user_client import UserClientTransport
from meshapi_video._transport.choice import uses_httpx
from meshapi_video._urls import proxy_name

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Protocol

    from meshapi_video._download.addresses import AddressRules
    from meshapi_video._http_libraries import httpcore
    from meshapi_video._transport.request import Request, RequestTemplate
    from meshapi_video._transport.response import Response

    class Transport(Protocol):
        def send(self, request: Request, check: Callable[[Response], None]) -> Response: ...

        def close(self) -> None: ...


def httpx_client(
    tls: ssl.SSLContext, proxy: httpx.Proxy | None, *, read_size: int = 0, rules: AddressRules | None = None
) -> httpx.Client:
    """A client whose connections are those of `httpcore_pool`. It takes nothing from the environment."""
    transport = _HTTPTransport(tls, httpcore_pool(tls, proxy, read_size=read_size, rules=rules))
    return httpx.Client(transport=transport, trust_env=False)


class HTTPXTransport(UserClientTransport):
    """The transport over such a client."""

    def __init__(self, template: RequestTemplate, tls: ssl.SSLContext, proxy: httpx.Proxy | None) -> None:
        self._httpx_client = httpx_client(tls, proxy)
        super().__init__(template, self._httpx_client)
        if proxy is not None:
            self._proxy_name = proxy_name(proxy)

    def close(self) -> None:
        """Closes every connection."""
        self._httpx_client.close()


class ChosenTransport:
    """The built-in transport, or httpx for each request that is sent while parts of httpx are replaced."""

    def __init__(
        self, builtin: Transport, template: RequestTemplate, tls: ssl.SSLContext, proxy: httpx.Proxy | None
    ) -> None:
        self._builtin = builtin
        self._template = template
        self._tls = tls
        self._proxy = proxy

    def send(self, request: Request, check: Callable[[Response], None]) -> Response:
        """The whole response to `request`, after `check`."""
        if not uses_httpx(self._template.settings):
            return self._builtin.send(request, check)
        # A client of its own: a test may replace its class, too, and each test runs on another event loop.
        with closing(HTTPXTransport(self._template, self._tls, self._proxy)) as transport:
            return transport.send(request, check)

    def close(self) -> None:
        """Closes the built-in transport."""
        self._builtin.close()


class _HTTPTransport(httpx.HTTPTransport):
    def __init__(self, tls: ssl.SSLContext, pool: httpcore.ConnectionPool) -> None:
        super().__init__(verify=tls, trust_env=False)
        # With httpx's own pool, the deadlines and the rules about addresses would be lost. Nothing public sets it.
        self._pool = pool
