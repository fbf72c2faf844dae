"""The steps of a request that a user's client reports."""

from __future__ import annotations

from types import SimpleNamespace

import httpx
import pytest

from meshapi_video._transport.request import Origin, Request
from meshapi_video._transport.user_client import RequestTrace


@pytest.mark.parametrize(("method", "was_sent"), [(b"CONNECT", False), (b"POST", True)])
def test_the_request_to_a_proxy_for_a_tunnel_is_not_the_request_itself(method: bytes, *, was_sent: bool) -> None:
    request = Request(
        "POST", "https://mesh.test/v1", Origin(b"https", b"mesh.test", 443), "/v1", httpx.Headers(), repeat="once"
    )
    trace = RequestTrace(request)
    trace.record("http11.send_request_headers.started", {"request": SimpleNamespace(method=method)})
    assert request.was_sent is was_sent
