"""The two clients are one design: what is written for one works for the other, awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import pytest

from meshapi_video import (
    AsyncUpdates,
    AsyncVideoClient,
    AsyncWaitResults,
    Updates,
    VideoClient,
    WaitResults,
)

Method = Callable[..., Any]
PAIRS: Final = {VideoClient: AsyncVideoClient, Updates: AsyncUpdates, WaitResults: AsyncWaitResults}
NOT_AWAITED: Final = {"__init__", "__repr__", "__del__", "updates", "wait_many", "waiting"}
# What may differ, and how the blocking client says it.
DUNDERS: Final = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__anext__": "__next__", "__aiter__": "__iter__"}
TYPES: Final = {
    "httpx.AsyncClient": "httpx.Client",
    " | AsyncIterable[str | WaitToken]": "",
    "AsyncUpdates": "Updates",
    "AsyncWaitResults": "WaitResults",
}
# Asynchronous code is cancelled instead.
ONLY_BLOCKING: Final = ", stop: 'threading.Event | None' = None"
WORDS: Final = {
    "Waits until": "Blocks until",
    "waits for them, on asyncio or trio.": "waits for them, blocking the calling thread.",
}


def in_blocking_words(text: str, translations: dict[str, str]) -> str:
    for ours, theirs in translations.items():
        text = text.replace(ours, theirs)
    return text


def methods(kind: type) -> dict[str, Method]:
    """The class's own functions that are public or a protocol's, under the names of the blocking ones."""
    return {
        DUNDERS.get(name, name): value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and (not name.startswith("_") or name.endswith("__"))
    }


def signature(method: Method) -> str:
    return in_blocking_words(str(inspect.signature(method)), TYPES | {ONLY_BLOCKING: ""})


def first_line(documented: object) -> str:
    # Not what `inspect.getdoc` finds further up: a protocol's own words differ.
    return in_blocking_words(inspect.cleandoc(documented.__doc__ or "").partition("\n")[0], WORDS)


BLOCKING: Final = {f"{kind.__name__}.{name}": method for kind in PAIRS for name, method in methods(kind).items()}
AWAITED: Final = {
    f"{kind.__name__}.{name}": method for kind, twin in PAIRS.items() for name, method in methods(twin).items()
}


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS.items())
def test_both_have_the_same_names(blocking: type, awaited: type) -> None:
    assert methods(awaited).keys() == methods(blocking).keys()
    assert {name for name in dir(blocking) if not name.startswith("_")} == {
        name for name in dir(awaited) if not name.startswith("_")
    }


@pytest.mark.parametrize("name", sorted(BLOCKING))
def test_a_method_has_the_same_signature_in_both(name: str) -> None:
    assert signature(AWAITED[name]) == signature(BLOCKING[name])


@pytest.mark.parametrize("name", sorted(BLOCKING))
def test_a_method_begins_its_docstring_with_the_same_line_in_both(name: str) -> None:
    assert first_line(AWAITED[name]) == first_line(BLOCKING[name])


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS.items())
def test_both_begin_their_docstrings_with_the_same_line(blocking: type, awaited: type) -> None:
    assert first_line(awaited) == first_line(blocking)


@pytest.mark.parametrize("name", sorted(BLOCKING))
def test_what_blocks_in_one_is_awaited_in_the_other(name: str) -> None:
    assert inspect.iscoroutinefunction(AWAITED[name]) is (name.partition(".")[2] not in NOT_AWAITED)
    assert not inspect.iscoroutinefunction(BLOCKING[name])
