"""`WaitToken`: its JSON, and the refusal of any other text."""

from __future__ import annotations

import json
import math
import pickle
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshapi_video import WaitToken

OLD_FIELDS = {"version": 1, "task_id": "cgt-1", "started": 1_800_000_000.25, "polls": 3, "not_before": 1_800_000_015.5}
FIELDS = {**OLD_FIELDS, "version": 2, "next_poll_at": 1_800_000_021.75, "failures": 1}
TOKEN = WaitToken(
    task_id="cgt-1",
    started=1_800_000_000.25,
    polls=3,
    not_before=1_800_000_015.5,
    next_poll_at=1_800_000_021.75,
    failures=1,
)
TIMES = st.floats(0, 1e11, exclude_max=True)
COUNTS = st.integers(0, 10**11 - 1)


def test_a_token_is_one_line_of_json_with_a_version_and_the_state_of_the_wait() -> None:
    text = TOKEN.to_json()
    assert len(text.splitlines()) == 1
    assert json.loads(text) == FIELDS


@settings(derandomize=True, deadline=None, database=None)
@given(
    st.builds(
        WaitToken,
        task_id=st.text(),
        started=TIMES,
        polls=COUNTS,
        not_before=TIMES,
        next_poll_at=TIMES,
        failures=COUNTS,
    )
)
def test_from_json_returns_the_token_that_to_json_wrote(token: WaitToken) -> None:
    text = token.to_json()
    assert len(text.splitlines()) == 1
    assert WaitToken.from_json(text) == WaitToken.from_json(text.encode()) == token


def test_a_token_of_an_earlier_release_is_read_and_its_next_poll_is_due_when_the_server_allows_it() -> None:
    token = WaitToken.from_json(json.dumps(OLD_FIELDS))
    assert (token.task_id, token.started, token.polls) == ("cgt-1", 1_800_000_000.25, 3)
    assert token.next_poll_at == token.not_before == 1_800_000_015.5
    assert token.failures == 0
    assert json.loads(token.to_json()) == {**FIELDS, "next_poll_at": 1_800_000_015.5, "failures": 0}


def test_a_token_can_be_pickled_and_used_as_a_dictionary_key() -> None:
    copy = pickle.loads(pickle.dumps(TOKEN))  # noqa: S301 - the bytes are from this test
    assert copy == TOKEN
    assert {TOKEN: "value"}[copy] == "value"


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
def test_a_text_that_is_not_a_token_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a wait token: it should be the JSON object that"):
        WaitToken.from_json(text)


@pytest.mark.parametrize("version", [0, 3, -1, 1.5, "1", True, None, [1], {}, math.nan])
def test_a_token_of_another_version_is_refused_and_the_error_names_both_versions(version: object) -> None:
    with pytest.raises(
        ValueError, match=r"^the wait token has version .*; this release reads versions 1 and 2$"
    ) as caught:
        WaitToken.from_json(json.dumps({**FIELDS, "version": version}))
    assert repr(version) in str(caught.value)


NUMBERS: list[object] = [-1, -0.5, math.nan, math.inf, -math.inf, True, False, 1e11, 10**400, "5", "", None, [], {}]
DAMAGED_FIELDS: list[tuple[str, object]] = [
    *(("task_id", wrong) for wrong in (1, 1.5, True, None, ["cgt-1"])),
    *(("started", wrong) for wrong in NUMBERS),
    *(("not_before", wrong) for wrong in NUMBERS),
    *(("next_poll_at", wrong) for wrong in NUMBERS),
    *((name, wrong) for name in ("polls", "failures") for wrong in (*NUMBERS, 1.5, 3.0)),
]


@pytest.mark.parametrize(("name", "wrong"), DAMAGED_FIELDS, ids=lambda value: repr(value)[:20])
def test_a_damaged_token_is_refused_and_the_error_names_the_field(name: str, wrong: object) -> None:
    with pytest.raises(ValueError, match=f"^the wait token is damaged: {name} should be a "):
        WaitToken.from_json(json.dumps({**FIELDS, name: wrong}))


@pytest.mark.parametrize(
    ("fields", "name"), [(fields, name) for fields in (OLD_FIELDS, FIELDS) for name in fields if name != "version"]
)
def test_a_token_with_a_missing_field_is_refused_and_the_error_names_the_field(
    fields: dict[str, object], name: str
) -> None:
    with pytest.raises(ValueError, match=f"^the wait token is damaged: .*missing.*'{name}'"):
        WaitToken.from_json(json.dumps({key: value for key, value in fields.items() if key != name}))


@pytest.mark.parametrize("name", ["api_key", "self", "cls", ""])
def test_a_token_with_an_unknown_field_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^the wait token is damaged: "):
        WaitToken.from_json(json.dumps({**FIELDS, name: "x"}))


@pytest.mark.parametrize("field", ["version", "task_id", "started", "polls", "failures", "extra"])
def test_a_deeply_nested_value_is_refused_like_any_other(field: str) -> None:
    text = json.dumps({**FIELDS, field: "HERE"})
    for depth in range(1, sys.getrecursionlimit() + 100, 7):
        with pytest.raises(ValueError, match="wait token"):
            WaitToken.from_json(text.replace('"HERE"', "[" * depth + "]" * depth))


@pytest.mark.parametrize(("name", "wrong"), [("task_id", 1), ("started", math.nan), ("polls", True)])
def test_a_token_cannot_be_created_with_a_wrong_value_either(name: str, wrong: object) -> None:
    fields = {key: value for key, value in FIELDS.items() if key != "version"}
    with pytest.raises((TypeError, ValueError), match=f"^{name} should be a "):
        WaitToken(**{**fields, name: wrong})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - wrong on purpose


@pytest.mark.parametrize("field", [{"\x1b[2J\nforged": 1}, {"version": "\x1b" * 100_000}, {"x" * 100_000: 1}])
def test_the_error_for_a_damaged_token_is_one_printable_line_of_limited_length(field: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="wait token") as caught:
        WaitToken.from_json(json.dumps({**FIELDS, **field}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2_000
