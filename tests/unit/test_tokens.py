"""A wait written down: what is in it, and that nothing else passes for one."""

from __future__ import annotations

import json
import math
import pickle
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshapi_video import WaitToken

TOKEN = WaitToken(task_id="cgt-1", started=1_800_000_000.25, looks=3, not_before=1_800_000_015.5)
FIELDS = {"version": 1, "task_id": "cgt-1", "started": 1_800_000_000.25, "looks": 3, "not_before": 1_800_000_015.5}
MOMENTS = st.floats(0, 1e11, exclude_max=True)


def test_a_token_is_one_line_of_json_with_a_version_and_nothing_but_the_wait() -> None:
    written = TOKEN.to_json()
    assert len(written.splitlines()) == 1
    assert json.loads(written) == FIELDS


@settings(derandomize=True, deadline=None, database=None)
@given(st.builds(WaitToken, task_id=st.text(), started=MOMENTS, looks=st.integers(0, 10**11 - 1), not_before=MOMENTS))
def test_a_token_comes_back_as_it_was_written(token: WaitToken) -> None:
    written = token.to_json()
    assert len(written.splitlines()) == 1
    assert WaitToken.from_json(written) == WaitToken.from_json(written.encode()) == token


def test_a_token_travels_between_processes_and_serves_as_a_key() -> None:
    copy = pickle.loads(pickle.dumps(TOKEN))  # noqa: S301 - our own
    assert copy == TOKEN
    assert {TOKEN: "here"}[copy] == "here"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "null", "1", "true", '"text"', "[]", "[1]", "{}", '{"task_id": "cgt-1"}', "NaN", "{", "9" * 10_000),
        *(b"", b"\xff\xfe", b"\x80\x04\x95", b"\x00" * 64),
        TOKEN.to_json()[:-1],
        TOKEN.to_json() * 2,
        f"[{TOKEN.to_json()}]",
        json.dumps(TOKEN.to_json()),
        "[" * 100_000,
        '{"version": ' * 100_000,
        None,
        7,
    ],
    ids=lambda text: repr(text)[:30],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a wait token: it should be the JSON object that"):
        WaitToken.from_json(text)


@pytest.mark.parametrize("version", [0, 2, -1, 1.5, "1", True, None, [1], {}, math.nan])
def test_a_token_of_another_version_is_refused_with_both_versions_named(version: object) -> None:
    with pytest.raises(ValueError, match=r"^a wait token of version .*; this release reads version 1$") as caught:
        WaitToken.from_json(json.dumps({**FIELDS, "version": version}))
    assert repr(version) in str(caught.value)


NUMBERS: list[object] = [-1, -0.5, math.nan, math.inf, -math.inf, True, False, 1e11, 10**400, "5", "", None, [], {}]
DAMAGE: list[tuple[str, object]] = [
    *(("task_id", wrong) for wrong in (1, 1.5, True, None, ["cgt-1"])),
    *(("started", wrong) for wrong in NUMBERS),
    *(("not_before", wrong) for wrong in NUMBERS),
    *(("looks", wrong) for wrong in (*NUMBERS, 1.5, 3.0)),
]


@pytest.mark.parametrize(("name", "wrong"), DAMAGE, ids=lambda value: repr(value)[:20])
def test_a_damaged_token_is_refused_with_the_field_named(name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=f"^a damaged wait token: {name} should be a "):
        WaitToken.from_json(json.dumps({**FIELDS, name: wrong}))


@pytest.mark.parametrize("name", ["task_id", "started", "looks", "not_before"])
def test_a_token_without_a_field_is_refused_with_the_field_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"^a damaged wait token: .*missing.*'{name}'"):
        WaitToken.from_json(json.dumps({key: value for key, value in FIELDS.items() if key != name}))


@pytest.mark.parametrize("name", ["api_key", "self", "cls", ""])
def test_a_token_with_something_else_in_it_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^a damaged wait token: "):
        WaitToken.from_json(json.dumps({**FIELDS, name: "x"}))


@pytest.mark.parametrize("where", ["version", "task_id", "started", "looks", "extra"])
def test_nothing_is_nested_so_deep_that_the_refusal_fails(where: str) -> None:
    written = json.dumps({**FIELDS, where: "HERE"})
    for depth in range(1, sys.getrecursionlimit() + 100, 7):
        with pytest.raises(ValueError, match="wait token"):
            WaitToken.from_json(written.replace('"HERE"', "[" * depth + "]" * depth))


@pytest.mark.parametrize(("name", "wrong"), [("task_id", 1), ("started", math.nan), ("looks", True)])
def test_a_wrong_token_cannot_be_made_by_hand_either(name: str, wrong: object) -> None:
    fields = {key: value for key, value in FIELDS.items() if key != "version"}
    with pytest.raises((TypeError, ValueError), match=f"^{name} should be a "):
        WaitToken(**{**fields, name: wrong})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - wrong on purpose
