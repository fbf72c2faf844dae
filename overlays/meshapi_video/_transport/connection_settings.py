"""The proxy and the TLS settings of a client's connections: as the caller gave them, or else from the environment."""

from __future__ import annotations

import ssl
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshapi_video._transport.environment import environment_proxy
from meshapi_video._transport.proxy_address import parse_proxy
from meshapi_video._transport.tls import default_context

if TYPE_CHECKING:
    from meshapi_video._http_libraries import httpx


class ConnectionSettings:
    """The proxy and the TLS settings of one client."""

    def __init__(self, proxy: str | None, ssl_context: ssl.SSLContext | None) -> None:
        # This raises nothing, whatever the values are: this frame and the caller's frame hold the proxy's password.
        parsed = None if proxy is None else parse_proxy(proxy)
        self._proxy, self._problem = (None, parsed) if isinstance(parsed, str) else (parsed, "")
        self._ssl_context = ssl_context

    def check(self, http_client: object) -> None:
        """Raises `ValueError` or `TypeError` unless a client can use these settings together with `http_client`."""
        if self._problem:
            raise ValueError(f"the address in proxy= cannot be used: {self._problem}")
        _check_context(self._ssl_context)
        if http_client is None:
            return
        if self._proxy is not None:
            raise ValueError(
                "pass http_client= or proxy=, not both: give your own client the proxy, as in httpx.Client(proxy=...)"
            )
        if self._ssl_context is not None:
            raise ValueError(
                "pass http_client= or ssl_context=, not both: give your own client the context, as in "
                "httpx.Client(verify=ssl_context)"
            )

    def proxy_for(self, url: str) -> httpx.Proxy | None:
        """The proxy for requests to `url`: the caller's for every URL, or else that of the environment, if any.

        Raises `MeshVideoError` for a proxy of the environment that cannot be used.
        """
        return environment_proxy(url) if self._proxy is None else self._proxy

    def tls_context(self, url: str, proxy: httpx.Proxy | None) -> ssl.SSLContext:
        """The TLS settings for `url`, and for the connection to the proxy.

        The first call for https loads the certificates. Raises `MeshVideoError` if they cannot be loaded.
        """
        if self._ssl_context is not None:
            return self._ssl_context
        # Plain http does not use certificates, which take 20 ms to load.
        return self._default if self.needs_certificates(url, proxy) else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def needs_certificates(self, url: str, proxy: httpx.Proxy | None) -> bool:
        """Whether a connection to `url` has to load certificates."""
        is_https = urlsplit(url).scheme == "https" or (proxy is not None and proxy.url.scheme == "https")
        return is_https and self._ssl_context is None

    @cached_property
    def _default(self) -> ssl.SSLContext:
        return default_context()


def _check_context(context: object) -> None:
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(
            "ssl_context should be an ssl.SSLContext, as from ssl.create_default_context(cafile=...), not "
            f"{type(context).__name__}"
        )
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        raise ValueError(
            "ssl_context is for a server: make one for a client, with ssl.create_default_context(cafile=...)"
        )
