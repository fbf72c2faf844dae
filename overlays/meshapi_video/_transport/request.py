"""Builds requests to the API. The parts that never change are built once."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypedDict, Unpack

from meshapi_video._http_libraries import httpx
from meshapi_video._settings import Settings
from meshapi_video._transport.body import Body, json_body
from meshapi_video._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

HEADERS: Final = {
    "Accept": "application/json",
    # A task has a few hundred bytes: compression saves nothing, and allows decompression bombs.
    "Accept-Encoding": "identity",
    "User-Agent": " ".join(
        (f"meshapi-video/{__version__}", f"{httpx.__name__}/{httpx.__version__}", f"Python/{platform.python_version()}")
    ),
}


class RequestOptions(TypedDict, total=False):
    """What the generated functions pass to `request` besides the method and the URL.

    The values have the types that the generator writes, and httpx encodes them.
    """

    params: dict[str, Any]
    json: Any
    content: Any
    data: dict[str, Any]
    files: Any
    headers: dict[str, str]
    cookies: dict[str, str]


Repeat = Literal["safe", "once"]
"""Whether an operation may be asked again when no response came, or only once: it costs money."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


_NO_BODY: Final = Body()


class Origin(NamedTuple):
    """The server of a request, in the bytes that httpcore takes."""

    scheme: bytes
    host: bytes
    port: int | None


class Request:
    """One request to the API. Carries the API key: send it to `origin` only."""

    __slots__ = ("body", "headers", "method", "origin", "repeat", "target", "url", "was_sent")

    def __init__(
        self,
        method: str,
        url: str,
        origin: Origin,
        target: str,
        headers: httpx.Headers,
        body: Body = _NO_BODY,
        repeat: Repeat = "safe",
    ) -> None:
        self.method = method
        self.url = url
        self.origin = origin
        self.target = target
        """The path and query of `url`, percent-encoded."""
        self.headers = headers
        self.body = body
        self.repeat = repeat
        self.was_sent = False
        """Whether a byte of the request may have gone out. Transports record this for a request to send once."""

    @property
    def content(self) -> bytes:
        """The whole body. If it is large, `body` needs less memory."""
        return bytes(self.body)

    @property
    def may_repeat(self) -> bool:
        """Whether a transport may send it again after a kept connection broke."""
        return self.repeat == "safe" and self.method in _IDEMPOTENT

    @property
    def needs_new_connection(self) -> bool:
        """Whether no kept connection may carry it: if that breaks, nobody knows whether the server got the request."""
        return self.repeat == "once"


class RequestTemplate:
    """Builds the requests of one client. Carries the API key: send them to `base_url` only."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        base = httpx.Request("GET", settings.base_url)
        self.origin: Final = Origin(base.url.raw_scheme, base.url.raw_host, base.url.port)
        """The server of every request."""
        self._root = base.url.copy_with(raw_path=b"/")
        self._root_text = str(self._root).rstrip("/")
        self.headers = httpx.Headers(
            {**base.headers, **HEADERS, "Authorization": settings.api_key.authorization},
        )
        """The headers of every request."""
        self._timeouts = httpx.Timeout(settings.timeout).as_dict()
        self._path = base.url.raw_path.decode("ascii").rstrip("/")

    def build(self, method: str, path: str, repeat: Repeat = "safe", /, **options: Unpack[RequestOptions]) -> Request:
        """The request for `path`, below the base URL.

        Raises `TypeError` for an option that `RequestOptions` does not have, and for a value that cannot be encoded.
        """
        method, target = method.upper(), self._path + path
        # Every poll is one of these.
        if not options and method == "GET":
            return Request(method, self._root_text + target, self.origin, target, self.headers)
        if unsupported := options.keys() - RequestOptions.__optional_keys__:
            raise TypeError(
                f"a generated function passes {', '.join(sorted(unsupported))}=, which requests to the API do not "
                f"support; add it to RequestOptions and to RequestTemplate.build"
            )
        value = options.pop("json", None)
        try:
            encoded = httpx.Request(method, self._root.copy_with(raw_path=target.encode("ascii")), **options)
            # Not by httpx, which would copy a data URI several times.
            body = Body(encoded.read()) if value is None else json_body(value)
        except (ValueError, RecursionError) as error:
            # Not a ValueError: that would mean a response that cannot be parsed.
            raise TypeError(f"the arguments of the request cannot be sent: {error}") from None
        # These two headers are fixed, whatever a generated function passes.
        own = {name: value for name, value in encoded.headers.items() if name not in {"authorization", "host"}}
        if value is not None:
            own = {"content-type": "application/json", **own, "content-length": str(len(body))}
        headers = httpx.Headers({**self.headers, **own})
        target = encoded.url.raw_path.decode("ascii")
        return Request(method, self._root_text + target, self.origin, target, headers, body, repeat)

    def httpx_request(
        self, request: Request, trace: Callable[[str, Any], object] | None = None, library: ModuleType = httpx
    ) -> httpx.Request:
        """The same request for a client of httpx, or of its fork httpx2, with the timeouts of the library.

        `trace` is httpcore's extension.
        """
        content = request.content or None
        extensions: dict[str, object] = {"timeout": self._timeouts}
        if trace is not None:
            extensions["trace"] = trace
        # The requests of httpx2 have the same interface.
        built: httpx.Request = library.Request(
            request.method, request.url, headers=request.headers.raw, content=content, extensions=extensions
        )
        return built
