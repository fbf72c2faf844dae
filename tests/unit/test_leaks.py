"""The look-out for the key that every test is under sees one that shows itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from meshapi_video import APIError, ConnectionFailed, VideoClient, WaitTimeout, WaitToken
from support.leaks import watching

# Not the one that the tests are watched for themselves.
KEY = "rsk_leaking_9876543210"


def raise_and_forget(error: Exception) -> None:
    with suppress(type(error)):
        raise error


def say_it() -> None:
    raise_and_forget(ConnectionFailed(f"no answer for {KEY}"))


def keep_it_aside() -> None:
    raise_and_forget(APIError(status_code=500, message="boom", body=f"who is {KEY}?"))


def have_it_in_the_last_error() -> None:
    token = WaitToken(task_id="t", started=0, looks=1, not_before=0)
    last_error = APIError(status_code=500, message="boom", request_id=KEY)
    raise_and_forget(WaitTimeout(token=token, last_task=None, last_error=last_error, elapsed=1))


def bring_along_what_holds_it() -> None:
    try:
        httpx.Headers({"x-key": KEY})["else"]
    except KeyError:
        raise_and_forget(ConnectionFailed("no answer"))


def leave_it_in_a_frame_of_httpx() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise ConnectionFailed(f"no answer to {request.method}")

    with httpx.Client(transport=httpx.MockTransport(fail)) as client, suppress(ConnectionFailed):
        client.get("http://api.example", params={"key": KEY})


def log_it() -> None:
    logging.getLogger("somebody.elses").debug("sent %r", {"authorization": KEY})


def log_an_exception() -> None:
    try:
        int(KEY)
    except ValueError:
        logging.getLogger("meshapi_video").debug("a problem", exc_info=True)


def show_it_in_a_client() -> None:
    VideoClient("another-key", base_url=f"http://api.example/{KEY}").close()


@pytest.mark.parametrize(
    ("leak", "where"),
    [
        (say_it, "the text of a ConnectionFailed"),
        (say_it, "the pickle of a ConnectionFailed"),
        (keep_it_aside, "the text of a APIError"),
        (have_it_in_the_last_error, "the text of a APIError"),
        (bring_along_what_holds_it, "the traceback of a KeyError"),
        (leave_it_in_a_frame_of_httpx, "the traceback of a ConnectionFailed"),
        (log_it, "a record of the logger somebody.elses, 'sent %r'"),
        (log_an_exception, "the traceback in a record of the logger meshapi_video"),
        (show_it_in_a_client, "the repr of a VideoClient"),
    ],
)
def test_a_key_that_shows_itself_is_seen(leak: Callable[[], None], where: str) -> None:
    with watching(KEY) as leaks:
        leak()
    assert where in leaks.found
