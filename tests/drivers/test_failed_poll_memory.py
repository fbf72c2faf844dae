"""A task that waits after a failed poll keeps the error, but no frames: they hold connections and requests."""

from __future__ import annotations

import pytest

from meshapi_video import ConnectionFailed, MeshVideoError, ServerError, WaitTimeout
from support.clients import Caller
from support.server import Response, Server, reset, response


@pytest.mark.parametrize(("failure", "error"), [(reset, ConnectionFailed), (response(502), ServerError)])
def test_the_error_of_a_failed_poll_keeps_no_frames(
    client: Caller, server: Server, failure: Response, error: type[MeshVideoError]
) -> None:
    server.script(failure)
    with pytest.raises(WaitTimeout) as caught:
        client.wait(timeout=30)
    last_error = caught.value.last_error
    assert isinstance(last_error, error)
    assert last_error.__traceback__ is None
    assert last_error.__context__ is None
    assert last_error.__cause__ is None


def test_an_error_that_is_raised_keeps_its_traceback(client: Caller, server: Server) -> None:
    server.script(response(401))
    with pytest.raises(MeshVideoError) as caught:
        client.wait()
    assert len(caught.traceback) > 2
