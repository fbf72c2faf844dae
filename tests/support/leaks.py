"""Searches for the API key, during every test, everywhere it could leak."""

from __future__ import annotations

import logging
import pickle
import threading
import traceback
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient
from meshapi_video._async.wait_many import AsyncUpdates, AsyncWaitResults
from meshapi_video._logging import ClientLog
from meshapi_video._polling.state import PollState
from meshapi_video._sync.wait_many import Updates, WaitResults
from support.frames import TESTS, chain

_CLIENTS = (VideoClient, AsyncVideoClient)
_ITERATORS = (Updates, WaitResults, AsyncUpdates, AsyncWaitResults)

T = TypeVar("T")


class Leaks:
    """The places where the key was found."""

    def __init__(self, key: str) -> None:
        self.found: list[str] = []
        self._key = key
        # Weak references, so that no object lives longer than without this search.
        self._errors: list[weakref.ref[MeshVideoError]] = []
        self._objects: list[weakref.ref[object]] = []

    def search_record(self, record: logging.LogRecord) -> None:
        """Searches a log record. Call it for every record, whatever its level."""
        self._search(f"a record of the logger {record.name}, {record.msg!r}", record.getMessage())
        if record.exc_info:
            formatted = "".join(traceback.format_exception(*record.exc_info))
            self._search(f"the traceback in a record of the logger {record.name}", formatted)

    def search_state(self, state: PollState) -> None:
        """Searches the state after a poll."""
        self._search("the repr of a PollState", repr(state))
        self._search("the JSON of a WaitToken", state.token.to_json())

    def search_new(self, new: object) -> None:
        """Searches a new object, and again at the end if it still exists then."""
        self._objects.append(weakref.ref(new))
        self._search_object(new)

    def expect(self, error: MeshVideoError) -> None:
        """Notes a new error, to search it at the end if it still exists then."""
        self._errors.append(weakref.ref(error))

    def search_error(self, error: BaseException) -> None:
        """Searches an error that is about to be deleted: its traceback is complete now."""
        for each in chain(error):
            name = type(each).__name__
            self._search(f"the text of a {name}", f"{each} {each!r} {vars(each)!r}")
            self._search(f"the traceback of a {name}", _frames_with_locals(each))
            if isinstance(each, MeshVideoError):
                try:
                    self._search(f"the pickle of a {name}", pickle.dumps(each).decode("latin-1"))
                except Exception as failure:  # noqa: BLE001 - any failure means that no process can send this error
                    self.found.append(f"a {name} that cannot be pickled: {failure!r}")

    def search_the_rest(self) -> None:
        """Searches everything that still exists at the end."""
        for error in [ref() for ref in self._errors]:
            if error is not None:
                self.search_error(error)
        for each in [ref() for ref in self._objects]:
            if each is not None:
                self._search_object(each)

    def _search_object(self, each: object) -> None:
        self._search(f"the repr of a {type(each).__name__}", f"{each!r} {vars(each)!r}")

    def _search(self, place: str, text: str) -> None:
        if self._key in text:
            self.found.append(place)


def _frames_with_locals(error: BaseException) -> str:
    """The local variables of every frame in the traceback: of this package, httpx and httpcore, but not of the tests.

    The frames of the tests may hold the key: the tests gave it to the client.
    """
    if error.__traceback__ is None:
        return ""
    # Without the source lines, which show no values and take long, and without suppressed errors.
    summary = traceback.TracebackException.from_exception(error, capture_locals=True, lookup_lines=False, compact=True)
    frames = [frame for frame in summary.stack if not frame.filename.startswith(TESTS)]
    return "\n".join(f"{name} = {value}" for frame in frames for name, value in (frame.locals or {}).items())


@contextmanager
def watching(key: str) -> Generator[Leaks]:
    """Searches every log record, error, client, iterator and poll state that this block creates."""
    leaks = Leaks(key)
    with pytest.MonkeyPatch.context() as patch:
        _search_log_records(patch, leaks)
        # The repr of a thread takes a lock of `threading`, which is not reentrant. The garbage collector may delete an
        # error while this thread holds the lock.
        patch.setattr(threading.Thread, "__repr__", object.__repr__)
        # An error is searched when it is deleted: it is not raised again after that. To keep it until the
        # end would keep everything in its traceback alive, such as iterators and connections.
        patch.setattr(MeshVideoError, "__init__", _then(leaks.expect, vars(MeshVideoError)["__init__"]))
        patch.setattr(MeshVideoError, "__del__", _search_at_deletion(leaks), raising=False)
        for client in _CLIENTS:
            patch.setattr(client, "__init__", _then(leaks.search_new, vars(client)["__init__"]))
        for iterator in _ITERATORS:
            patch.setattr(iterator, "_of", _with_result_searched(leaks, iterator._of))
        patch.setattr(ClientLog, "poll", _with_state_searched(leaks, ClientLog.poll))
        yield leaks
        leaks.search_the_rest()


# The wrapped functions may have any arguments.
def _then(search: Callable[[Any], None], init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def wrapped(self: object, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        init(self, *args, **kwargs)
        search(self)

    return wrapped


def _with_result_searched(leaks: Leaks, create: Callable[..., T]) -> Callable[..., T]:
    def wrapped(*args: Any, **kwargs: Any) -> T:  # noqa: ANN401
        created = create(*args, **kwargs)
        leaks.search_new(created)
        return created

    return wrapped


def _search_at_deletion(leaks: Leaks) -> Callable[[MeshVideoError], None]:
    # A function: Python would call a bound method of another object without the error.
    def finalize(error: MeshVideoError) -> None:
        leaks.search_error(error)

    return finalize


def _with_state_searched(
    leaks: Leaks, log: Callable[[ClientLog, PollState, PollState, float, float], None]
) -> Callable[[ClientLog, PollState, PollState, float, float], None]:
    def wrapped(self: ClientLog, before: PollState, after: PollState, seconds: float, now: float) -> None:
        leaks.search_state(after)
        log(self, before, after, seconds, now)

    return wrapped


def _search_log_records(patch: pytest.MonkeyPatch, leaks: Leaks) -> None:
    """Has every record created, whatever the levels, and handles only those that the levels allow."""
    is_enabled_for, handle = logging.Logger.isEnabledFor, logging.Logger.handle

    def search_and_handle(logger: logging.Logger, record: logging.LogRecord) -> None:
        leaks.search_record(record)
        if is_enabled_for(logger, record.levelno):
            handle(logger, record)

    def always(_logger: logging.Logger, _level: int) -> bool:
        return True

    patch.setattr(logging.Logger, "isEnabledFor", always)
    patch.setattr(logging.Logger, "handle", search_and_handle)
