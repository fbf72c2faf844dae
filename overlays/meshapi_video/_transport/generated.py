"""The interface to the generated code: its functions call a session in place of an httpx client.

The generated functions call `request` of the client that they get, and nothing else; a contract test
reads all of them for that. The clients pass a session, which checks the response and raises typed
errors before the generated parser runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from meshapi_video_generated.client import AuthenticatedClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from meshapi_video._http_libraries import httpx
    from meshapi_video._transport.request import Repeat, RequestOptions
    from meshapi_video._transport.response import Response


class SupportsRequest(Protocol):
    """The part of an `httpx.Client` that a generated blocking function uses."""

    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a request and returns the checked response."""
        ...


class SupportsAsyncRequest(Protocol):
    """The part of an `httpx.AsyncClient` that a generated asynchronous function uses."""

    async def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a request and returns the checked response."""
        ...


class Route(NamedTuple):
    """The place of an operation in the document."""

    method: str
    path: str
    """With names in braces for the parts that differ: `/v1/video/generations/{task_id}`."""


class ExpectedResponse(NamedTuple):
    """The response of an operation that succeeds, according to the document."""

    check: Callable[[bytes], object]
    """Returns the body as Python's own types. Raises `InvalidResponse` if the body breaks the contract."""
    status: int = 200
    has_id_in_path: bool = False
    """Whether the last part of the request's path is the `id` in the response."""
    repeat: Repeat = "safe"
    """Whether the operation may be asked again."""


def generated_client(base_url: str, session: SupportsRequest) -> AuthenticatedClient:
    """The client that a generated blocking function takes. It sends through `session`."""
    # The token is empty because the session adds the key, and because the `repr` of this class shows its token.
    client = AuthenticatedClient(base_url, token="")
    # The generated signature demands a whole httpx client; `SupportsRequest` is the part that is used.
    return client.set_httpx_client(cast("httpx.Client", session))


def generated_async_client(base_url: str, session: SupportsAsyncRequest) -> AuthenticatedClient:
    """The client that a generated asynchronous function takes. It sends through `session`."""
    client = AuthenticatedClient(base_url, token="")
    return client.set_async_httpx_client(cast("httpx.AsyncClient", session))
