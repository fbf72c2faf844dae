"""The search for the API key, which runs during every test, finds a key that leaks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

import httpx
import pytest

from meshapi_video import APIError, ConnectionFailed, VideoClient, WaitTimeout, WaitToken
from support.leaks import watching

# Not the key that the search looks for during these tests themselves.
KEY = "rsk_leaking_9876543210"


def raise_and_catch(error: Exception) -> None:
    with suppress(type(error)):
        raise error


def leak_into_a_message() -> None:
    raise_and_catch(ConnectionFailed(f"no response for {KEY}"))


def leak_into_an_attribute() -> None:
    raise_and_catch(APIError(status_code=500, message="boom", body=f"unknown key {KEY}"))


def leak_into_the_last_error() -> None:
    token = WaitToken(task_id="t", started=0, polls=1, not_before=0)
    last_error = APIError(status_code=500, message="boom", request_id=KEY)
    raise_and_catch(WaitTimeout(token=token, last_task=None, last_error=last_error, elapsed=1))


def leak_into_the_context_of_an_error() -> None:
    try:
        httpx.Headers({"x-key": KEY})["else"]
    except KeyError:
        raise_and_catch(ConnectionFailed("no response"))


def leak_into_a_frame_of_httpx() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise ConnectionFailed(f"no response to {request.method}")

    with httpx.Client(transport=httpx.MockTransport(fail)) as client, suppress(ConnectionFailed):
        client.get("http://api.example", params={"key": KEY})


def leak_into_a_log_record() -> None:
    logging.getLogger("another.package").debug("sent %r", {"authorization": KEY})


def leak_into_a_logged_traceback() -> None:
    try:
        int(KEY)
    except ValueError:
        logging.getLogger("meshapi_video").debug("a failure", exc_info=True)


def leak_into_a_client() -> None:
    VideoClient("another-key", base_url=f"https://api.example/{KEY}").close()


def leak_into_an_iterator() -> None:
    with VideoClient("another-key", base_url=f"https://api.example/{KEY}") as client:
        client.updates("t")


@pytest.mark.parametrize(
    ("leak", "place"),
    [
        (leak_into_a_message, "the text of a ConnectionFailed"),
        (leak_into_a_message, "the pickle of a ConnectionFailed"),
        (leak_into_an_attribute, "the text of a APIError"),
        (leak_into_the_last_error, "the text of a APIError"),
        (leak_into_the_context_of_an_error, "the traceback of a KeyError"),
        (leak_into_a_frame_of_httpx, "the traceback of a ConnectionFailed"),
        (leak_into_a_log_record, "a record of the logger another.package, 'sent %r'"),
        (leak_into_a_logged_traceback, "the traceback in a record of the logger meshapi_video"),
        (leak_into_a_client, "the repr of a VideoClient"),
        (leak_into_an_iterator, "the repr of a Updates"),
    ],
)
def test_a_key_that_leaks_is_found(leak: Callable[[], None], place: str) -> None:
    with watching(KEY) as leaks:
        leak()
    assert place in leaks.found


def test_the_search_needs_no_lock_of_a_thread_that_it_finds_in_a_frame() -> None:
    finished = threading.Thread(target=str)
    finished.start()
    finished.join()
    with watching(KEY):
        assert repr(finished).startswith("<threading.Thread object at ")
