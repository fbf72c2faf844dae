"""An exception of the generated parser is an `InvalidResponse` in every public call, and keeps no body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

import pytest

from meshapi_video import InvalidResponse, VideoTaskResponse, WaitTimeout
from support.clients import Caller
from support.many_tasks import WaitManyCaller, collect
from support.server import TASK_ID, Server, task

SECRET: Final = "signed-url-in-the-body"
MESSAGE: Final = "the response cannot be parsed: KeyError: 'expires_at'"
WAITS: Final[dict[str, Callable[[Caller], object]]] = {
    "wait": Caller.wait,
    "updates": lambda client: client.run(lambda each: collect(each.updates(TASK_ID))),
}


def broken_parser(_payload: object) -> NoReturn:
    raise KeyError("expires_at")


@pytest.fixture
def broken(server: Server, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Breaks the generated parser, as a property of a later document might."""
    server.script(*[task(comment=SECRET)] * 200)
    monkeypatch.setattr(VideoTaskResponse, "from_dict", broken_parser)
    return monkeypatch


@pytest.mark.usefixtures("broken")
def test_get_raises_an_invalid_response(client: Caller) -> None:
    with pytest.raises(InvalidResponse, match=MESSAGE) as caught:
        client.get()
    assert caught.value.task_id == TASK_ID
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__context__.__traceback__ is None


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_wait_goes_on_as_after_each_invalid_response(client: Caller, wait: Callable[[Caller], object]) -> None:
    with pytest.raises(WaitTimeout) as caught:
        wait(client)
    assert isinstance(caught.value.last_error, InvalidResponse)


def test_wait_many_goes_on_too(wait_many: WaitManyCaller, broken: pytest.MonkeyPatch) -> None:
    (result,) = wait_many([TASK_ID], lambda _: broken.undo(), timeout=0.05)
    assert isinstance(result.error, WaitTimeout)
    assert isinstance(result.error.last_error, InvalidResponse)
