"""Looks for the API key wherever it could show itself, during every test of the suite."""

from __future__ import annotations

import logging
import pickle
import traceback
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partialmethod, wraps
from pathlib import Path
from typing import Any

import pytest

from meshapi_video import AsyncVideoClient, MeshVideoError, VideoClient, _async, _async_waits, _sync, _sync_waits
from meshapi_video._polling import Poll

TESTS = str(Path(__file__).parents[1])
_SHOWING_THEMSELVES = (
    VideoClient,
    AsyncVideoClient,
    _sync_waits.Updates,
    _sync_waits.WaitResults,
    _async_waits.AsyncUpdates,
    _async_waits.AsyncWaitResults,
)


class Leaks:
    """Where the key was seen."""

    def __init__(self, key: str) -> None:
        self.found: list[str] = []
        self._key = key
        # Weak, so that nothing lives longer than it would without being watched.
        self._errors: list[weakref.ref[MeshVideoError]] = []
        self._others: list[weakref.ref[object]] = []

    def read_record(self, record: logging.LogRecord) -> None:
        """To be called with every record that is logged, at whatever level."""
        self._read(f"a record of the logger {record.name}, {record.msg!r}", record.getMessage())
        if record.exc_info:
            formatted = "".join(traceback.format_exception(*record.exc_info))
            self._read(f"the traceback in a record of the logger {record.name}", formatted)

    def read_poll(self, poll: Poll) -> None:
        """To be called with every state after a look."""
        self._read("the repr of a Poll", repr(poll))
        self._read("the JSON of a WaitToken", poll.token.to_json())

    def read_new(self, thing: object) -> None:
        """To be called with what begins to exist; it is read again at the end, if it exists then."""
        self._others.append(weakref.ref(thing))
        self._read_thing(thing)

    def expect(self, error: MeshVideoError) -> None:
        """To be called with an error that begins to exist."""
        self._errors.append(weakref.ref(error))

    def read_error(self, error: BaseException) -> None:
        """To be called with an error that ceases to exist, and so has all the traceback that it will have."""
        for each in _chain(error):
            name = type(each).__name__
            self._read(f"the text of a {name}", f"{each} {each!r} {vars(each)!r}")
            self._read(f"the traceback of a {name}", _with_locals(each))
            if isinstance(each, MeshVideoError):
                try:
                    self._read(f"the pickle of a {name}", pickle.dumps(each).decode("latin-1"))
                except Exception as problem:  # noqa: BLE001 - whatever it is, nobody could send this error on
                    self.found.append(f"a {name} that cannot be pickled: {problem!r}")

    def read_the_rest(self) -> None:
        """To be called at the end."""
        for error in [ref() for ref in self._errors]:
            if error is not None:
                self.read_error(error)
        for thing in [ref() for ref in self._others]:
            if thing is not None:
                self._read_thing(thing)

    def _read_thing(self, thing: object) -> None:
        self._read(f"the repr of a {type(thing).__name__}", f"{thing!r} {vars(thing)!r}")

    def _read(self, where: str, text: str) -> None:
        if self._key in text:
            self.found.append(where)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that is printed, kept or sent on together with it."""
    seen, left = set[int](), list[BaseException | None]([error])
    while left:
        each = left.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            context = None if each.__suppress_context__ else each.__context__
            left += [each.__cause__, context, getattr(each, "last_error", None)]


def _with_locals(error: BaseException) -> str:
    """The locals of every frame in the traceback: ours, httpx's and httpcore's, all but those of the tests.

    Those hold the key by right: they gave it to the client.
    """
    if error.__traceback__ is None:
        return ""
    # Without the lines of source, which show no values and take long, and without what it suppresses.
    shown = traceback.TracebackException.from_exception(error, capture_locals=True, lookup_lines=False, compact=True)
    frames = [frame for frame in shown.stack if not frame.filename.startswith(TESTS)]
    return "\n".join(f"{name} = {value}" for frame in frames for name, value in (frame.locals or {}).items())


@contextmanager
def watching(key: str) -> Generator[Leaks]:
    """Reads every log record, error, client and iterator that comes up before the block ends."""
    leaks = Leaks(key)
    with pytest.MonkeyPatch.context() as patch:
        _watch_logging(patch, leaks)
        # When an error ceases to exist it has been raised as often as it will be. Keeping it
        # until the end would keep alive what its traceback holds, iterators and connections too.
        # No plain function, which would be one more published name of a class that has none.
        patch.setattr(MeshVideoError, "__init__", partialmethod(_and_then(leaks.expect, MeshVideoError.__init__)))
        patch.setattr(MeshVideoError, "__del__", _last_words(leaks), raising=False)
        for kind in _SHOWING_THEMSELVES:
            patch.setattr(kind, "__init__", _and_then(leaks.read_new, vars(kind)["__init__"]))
        for driver in (_sync, _async):
            patch.setattr(driver, "log_look", _with_polls_read(leaks, driver.log_look))
        yield leaks
        leaks.read_the_rest()


# What is wrapped has whatever arguments it has.
def _and_then(read: Callable[[Any], None], init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def wrapped(self: object, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        init(self, *args, **kwargs)
        read(self)

    return wrapped


def _last_words(leaks: Leaks) -> Callable[[MeshVideoError], None]:
    # A function: Python would call a method of something else without the error.
    def finalize(error: MeshVideoError) -> None:
        leaks.read_error(error)

    return finalize


def _with_polls_read(
    leaks: Leaks, log_look: Callable[[Poll, Poll, float, float], None]
) -> Callable[[Poll, Poll, float, float], None]:
    def wrapped(before: Poll, after: Poll, seconds: float, now: float) -> None:
        leaks.read_poll(after)
        log_look(before, after, seconds, now)

    return wrapped


def _watch_logging(patch: pytest.MonkeyPatch, leaks: Leaks) -> None:
    """Has every record made, whatever the levels, and hands on those that would have been made anyway."""
    is_enabled_for, handle = logging.Logger.isEnabledFor, logging.Logger.handle

    def read_and_handle(logger: logging.Logger, record: logging.LogRecord) -> None:
        leaks.read_record(record)
        if is_enabled_for(logger, record.levelno):
            handle(logger, record)

    def always(_logger: logging.Logger, _level: int) -> bool:
        return True

    patch.setattr(logging.Logger, "isEnabledFor", always)
    patch.setattr(logging.Logger, "handle", read_and_handle)
