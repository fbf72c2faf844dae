"""Client settings, validated."""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from meshapi_video._errors import MeshVideoError
from meshapi_video._urls import Route, is_loopback, parse_http_url, proxy_name
from meshapi_video._validation import check_count, check_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from meshapi_video._http_libraries import httpx

DEFAULT_BASE_URL: Final = "https://api.meshapi.ai"
"""The server that `openapi.yaml` names; a contract test compares the two."""

KEY_VARIABLE: Final = "MESHAPI_API_KEY"
URL_VARIABLE: Final = "MESHAPI_BASE_URL"
HOSTS_VARIABLE: Final = "MESHAPI_PRIVATE_HOSTS"
TRANSPORT_VARIABLE: Final = "MESHAPI_TRANSPORT"

Transport = Literal["builtin", "httpx"]
"""The SDK's built-in connections, or plain httpx."""
_TRANSPORTS: Final[tuple[Transport, ...]] = get_args(Transport)

CAPACITY: Final = 250
"""The most requests of a client in flight, each on its own connection. Most systems allow a program about
1,000 open files or more."""
USER_CLIENT_CAPACITY: Final = 20
"""The same through the user's own `http_client`. For each request, httpcore's pool examines all queued
requests and all open connections, and becomes very slow when there are many."""

_PLAIN: Final = "http://"
"""Before a private host: it allows plain HTTP."""
_SHORTEST_SECRET: Final = 8
"""Characters. A shorter key can be a part of a response by chance."""


def _stripped(text: str) -> str:
    """`text` without spaces around it, and without the byte order mark that files of Windows begin with."""
    return text.strip().removeprefix("\ufeff").strip()


class ApiKey:
    """An API key whose `repr` hides it, so that a traceback with local variables does not show it."""

    __slots__ = ("_pattern", "_value")

    def __init__(self, value: str | None) -> None:
        # This raises nothing, whatever the value is: this frame and the caller's frame hold the bare key.
        given = os.environ.get(KEY_VARIABLE) if value is None else value
        self._value = _stripped(given) if isinstance(given, str) else ""
        # JSON may write any character as an escape, and some servers do.
        self._pattern = "".join(rf"(?:\\?{re.escape(c)}|\\u(?i:{ord(c):04x}))" for c in self._value)

    def check(self) -> None:
        """Raises `MeshVideoError` unless the key can be sent in a header."""
        if not self._value:
            raise MeshVideoError(f"no API key: set the environment variable {KEY_VARIABLE}, or pass api_key=")
        if not (self._value.isascii() and self._value.isprintable()) or " " in self._value:
            raise MeshVideoError(
                "the API key contains a space, a line break or another character that cannot be part of a key"
            )

    def __repr__(self) -> str:
        return "ApiKey(***)"

    @property
    def authorization(self) -> str:
        """The value of the `Authorization` header."""
        return f"Bearer {self._value}"

    def redact(self, text: str) -> str:
        """`text` with the key replaced by `***`, in case a server sends the key back."""
        # This runs for every response, and few responses contain an escape.
        return re.sub(self._pattern, "***", text) if "\\" in text else text.replace(self._value, "***")

    def leaks_into(self, text: str) -> bool:
        """Whether `text` contains the key. A key of a few letters is no secret and can be in any text."""
        return len(self._value) >= _SHORTEST_SECRET and self.redact(text) != text


_ACCOUNT_DIGITS: Final = 16


class Settings(NamedTuple):
    """The settings of one client."""

    api_key: ApiKey
    base_url: str
    """Without a slash at its end."""
    timeout: float
    """Seconds for one request as a whole."""
    max_retries: int
    """How often `get` and `download` retry."""
    private_hosts: frozenset[str]
    """Hosts from which `download` may download whatever their address is."""
    transport: Transport | None
    """None for the built-in connections, or httpx while parts of it are replaced, as in a test."""
    plain_http_hosts: frozenset[str]
    """Those of them to which plain HTTP is allowed: for a download, and for a request with the key."""
    route: Route
    """The way to `base_url`."""

    @property
    def account(self) -> str:
        """A name for the server and the key, which reveals neither. A list shows only the tasks of its key."""
        named = f"{self.base_url}\n{self.api_key.authorization}"
        return hashlib.sha256(named.encode()).hexdigest()[:_ACCOUNT_DIGITS]

    @classmethod
    def resolve(
        cls,
        api_key: ApiKey,
        base_url: str | None,
        timeout: float,
        max_retries: int,
        private_hosts: Collection[str] = (),
        transport: str | None = None,
        *,
        proxy_for: Callable[[str], httpx.Proxy | None] | None = None,
    ) -> Settings:
        """Takes missing settings from the environment, and validates all of them.

        `proxy_for` returns the proxy for requests to a URL, if there is one. A client of the user has none here.
        """
        check_count("max_retries", max_retries, least=0)
        check_duration("timeout", timeout)
        api_key.check()
        hosts, plain_http_hosts = _read_hosts(private_hosts)
        base_url = _check_base_url(base_url or os.environ.get(URL_VARIABLE) or DEFAULT_BASE_URL)
        proxy = None if proxy_for is None else proxy_for(base_url)
        _check_plain_http(base_url, plain_http_hosts, proxy)
        return cls(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_retries=max_retries,
            private_hosts=hosts,
            plain_http_hosts=plain_http_hosts,
            route=Route(base_url, "" if proxy is None else proxy_name(proxy)),
            transport=_check_transport(transport or os.environ.get(TRANSPORT_VARIABLE) or None),
        )


def _check_transport(name: str | None) -> Transport | None:
    if name is None:
        return None
    for transport in _TRANSPORTS:
        if name == transport:
            return transport
    raise ValueError(
        f"the transport should be 'builtin' or 'httpx', not {name!r}: check transport= and {TRANSPORT_VARIABLE}"
    )


def _read_hosts(argument: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """All private hosts, and those from which plain HTTP is allowed."""
    if isinstance(argument, str | bytes):
        raise TypeError("private_hosts should be a collection of host names, and not a single string")
    named, source = argument, "private_hosts"
    if not argument:
        named, source = os.environ.get(HOSTS_VARIABLE, "").replace(",", " ").split(), HOSTS_VARIABLE
    plain = frozenset(_check_host(one.removeprefix(_PLAIN), source) for one in named if one.startswith(_PLAIN))
    return plain | {_check_host(one, source) for one in named if not one.startswith(_PLAIN)}, plain


def _check_host(host: str, source: str) -> str:
    is_ipv6 = ":" in host and not host.startswith("[")
    try:
        url = parse_http_url(f"https://[{host}]" if is_ipv6 else f"https://{host}")
    except ValueError:
        url = None
    if url is None or url.port is not None or url.userinfo or url.raw_path != b"/" or url.fragment:
        raise ValueError(
            f"{source} should contain names such as 'files.example', and not {host!r}. 'http://files.example' allows "
            "plain http, too"
        )
    return url.raw_host.decode("ascii")


def _check_base_url(text: str) -> str:
    text = _stripped(text)
    if reason := _why_not_a_base_url(text):
        # The error does not quote the URL: one with a password in it should not reach a log.
        raise ValueError(
            f"the base URL should look like {DEFAULT_BASE_URL}: http or https, a host, and optionally a port and a "
            f"path; {reason}. Check base_url= and {URL_VARIABLE}"
        )
    return text.rstrip("/")


def _check_plain_http(base_url: str, allowed_hosts: Collection[str], proxy: httpx.Proxy | None) -> None:
    url = parse_http_url(base_url)
    host = url.raw_host.decode("ascii")
    # A proxy on another machine reads the key, even of requests to this machine.
    stays_here = is_loopback(host) and (proxy is None or is_loopback(proxy.url.raw_host.decode("ascii")))
    if url.scheme == "https" or stays_here or host in allowed_hosts:
        return
    allowed = f"http://[{host}]" if ":" in host else f"http://{host}"
    way = host if proxy is None else f"{host}, through the proxy {proxy_name(proxy)}"
    raise ValueError(
        f"the base URL is plain http to {way}, and anybody on the way could read the API key. Use https. If you trust "
        f"the network, as that of a sandbox, allow it: private_hosts=[{allowed!r}], or MESHAPI_PRIVATE_HOSTS={allowed}"
    )


def _why_not_a_base_url(text: str) -> str | None:
    # Other programs may read these characters of the path in other ways than httpx does.
    if not text.isprintable() or any(c in text for c in " \\?#"):
        return "it contains a space, a backslash, a query, a fragment or a control character"
    try:
        parse_http_url(text)
    except ValueError as error:
        return str(error)
    authority = text.partition("://")[2].partition("/")[0]
    return "it contains a user name or a password" if "@" in authority else None
