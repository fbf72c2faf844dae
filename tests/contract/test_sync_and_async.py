"""The two clients are one design: what is written for one works for the other, awaited."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final

import pytest

from meshapi_video import AsyncVideoClient, VideoClient

Method = Callable[..., Any]
CONSTRUCTS: Final = {"__init__", "__repr__"}
# What may differ, and how the blocking client says it.
DUNDERS: Final = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
TYPES: Final = {"httpx.AsyncClient": "httpx.Client"}
WORDS: Final = {
    "Waits until": "Blocks until",
    "waits for them, on asyncio or trio.": "waits for them, blocking the calling thread.",
}


def in_blocking_words(text: str, translations: dict[str, str]) -> str:
    for ours, theirs in translations.items():
        text = text.replace(ours, theirs)
    return text


def methods(client: type) -> dict[str, Method]:
    """The client's own functions that are public or a protocol's, under the names of the blocking ones."""
    return {
        DUNDERS.get(name, name): value
        for name, value in vars(client).items()
        if inspect.isfunction(value) and (not name.startswith("_") or name.endswith("__"))
    }


def signature(method: Method) -> str:
    return in_blocking_words(str(inspect.signature(method)), TYPES)


def first_line(documented: object) -> str:
    return in_blocking_words((inspect.getdoc(documented) or "").partition("\n")[0], WORDS)


BLOCKING: Final = methods(VideoClient)
AWAITED: Final = methods(AsyncVideoClient)


def test_both_clients_have_the_same_names() -> None:
    assert AWAITED.keys() == BLOCKING.keys()
    assert {name for name in dir(VideoClient) if not name.startswith("_")} == {
        name for name in dir(AsyncVideoClient) if not name.startswith("_")
    }


@pytest.mark.parametrize("name", sorted(BLOCKING))
def test_a_method_has_the_same_signature_in_both(name: str) -> None:
    assert signature(AWAITED[name]) == signature(BLOCKING[name])


@pytest.mark.parametrize("name", sorted(BLOCKING))
def test_a_method_begins_its_docstring_with_the_same_line_in_both(name: str) -> None:
    assert first_line(AWAITED[name]) == first_line(BLOCKING[name])


def test_the_clients_begin_their_docstrings_with_the_same_line() -> None:
    assert first_line(AsyncVideoClient) == first_line(VideoClient)


@pytest.mark.parametrize("name", sorted(BLOCKING.keys() - CONSTRUCTS))
def test_what_blocks_in_one_is_awaited_in_the_other(name: str) -> None:
    assert inspect.iscoroutinefunction(AWAITED[name])
    assert not inspect.iscoroutinefunction(BLOCKING[name])
