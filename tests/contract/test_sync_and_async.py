"""The two clients have the same methods, signatures, docstrings and files. One blocks, the other is awaited."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import meshapi_video
from meshapi_video import (
    AsyncTaskList,
    AsyncUpdates,
    AsyncVideoClient,
    AsyncWaitResults,
    TaskList,
    Updates,
    VideoClient,
    WaitResults,
)

Method = Callable[..., Any]
PAIRS: Final = {
    VideoClient: AsyncVideoClient,
    TaskList: AsyncTaskList,
    Updates: AsyncUpdates,
    WaitResults: AsyncWaitResults,
}
NOT_AWAITED: Final = {
    *("__init__", "__repr__", "__del__", "__iter__"),
    *("list", "updates", "wait_many", "waiting", "poll_now"),
}
# The differences that are allowed, and the blocking client's version of each.
DUNDERS: Final = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__anext__": "__next__", "__aiter__": "__iter__"}
TYPES: Final = {
    "AsyncHTTPClient": "HTTPClient",
    " | AsyncIterable[TaskRef]": "",
    "AsyncTaskList": "TaskList",
    "AsyncUpdates": "Updates",
    "AsyncWaitResults": "WaitResults",
}
# Asynchronous code uses cancellation instead.
ONLY_BLOCKING: Final = ", stop: 'threading.Event | None' = None"
WORDS: Final = {
    "Waits until": "Blocks until",
    "waits for them, on asyncio or trio.": "waits for them. Each method blocks the calling thread.",
    "all background tasks.": "all background threads.",
    "An asynchronous iterator": "An iterator",
}


def as_blocking(text: str, translations: dict[str, str]) -> str:
    for awaited, blocking in translations.items():
        text = text.replace(awaited, blocking)
    return text


def methods(kind: type) -> dict[str, Method]:
    """The class's own public and special methods, under the blocking client's names."""
    return {
        DUNDERS.get(name, name): value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and (not name.startswith("_") or name.endswith("__"))
    }


def signature(method: Method) -> str:
    return as_blocking(str(inspect.signature(method)), TYPES | {ONLY_BLOCKING: ""})


def first_line(documented: object) -> str:
    # `inspect.getdoc` would also return the docstring of a base class.
    return as_blocking(inspect.cleandoc(documented.__doc__ or "").partition("\n")[0], WORDS)


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
def test_a_method_that_blocks_in_one_is_awaited_in_the_other(name: str) -> None:
    assert inspect.iscoroutinefunction(AWAITED[name]) is (name.partition(".")[2] not in NOT_AWAITED)
    assert not inspect.iscoroutinefunction(BLOCKING[name])


OVERLAY: Final = Path(meshapi_video.__file__).parent
TWINS: Final = sorted(
    path.name for path in (OVERLAY / "_sync").glob("*.py") if (OVERLAY / "_async" / path.name).exists()
)
AWAITED_NAMES: Final = {"aclose": "close", **DUNDERS}


def definitions(path: Path) -> list[str]:
    """The classes, functions and methods of a file in their order, under the blocking client's names."""
    found = list[str]()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = node.name.removeprefix("Async")
            found.append(name)
            members = [
                member for member in ast.walk(node) if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            found += [
                f"{name}.{AWAITED_NAMES.get(member.name, member.name)}" for member in members if member is not node
            ]
    return found


def test_both_clients_have_the_same_files_except_those_for_threads_and_for_event_loops() -> None:
    names = {folder: {path.name for path in (OVERLAY / folder).glob("*.py")} for folder in ("_sync", "_async")}
    assert names["_sync"] - names["_async"] == {"callbacks.py", "deadline.py", "wakeup.py"}
    assert names["_async"] - names["_sync"] == {"aiohttp.py", "call_back.py", "event_loops.py", "timers.py"}


@pytest.mark.parametrize("name", TWINS)
def test_twin_files_have_their_common_definitions_in_the_same_order(name: str) -> None:
    blocking, awaited = definitions(OVERLAY / "_sync" / name), definitions(OVERLAY / "_async" / name)
    common = set(blocking) & set(awaited)
    assert [each for each in awaited if each in common] == [each for each in blocking if each in common]
    assert len(common) >= len(blocking) / 2
