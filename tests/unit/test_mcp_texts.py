"""Texts of a server reach a model as data: on one line, visible, and without markup."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshapi_video._mcp.texts import as_data, without_prompt

HIDDEN = [
    "\x1b[31m",
    "\x00",
    "\x7f",
    "\x9b",
    "\r",
    "\n",
    "\t",
    "\u200b",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ufeff",
    "\u3164",
    "\u115f",
    "\u2800",
    "\ufe0f",
    "\U000e0101",
    "\U000e0041",
]


@pytest.mark.parametrize("hidden", HIDDEN, ids=ascii)
def test_a_character_that_shows_nothing_becomes_an_escape(hidden: str) -> None:
    shown = as_data(f"a{hidden}b")
    assert hidden[0] not in shown
    assert "\\" in shown
    assert shown.isprintable()


def test_an_escape_is_that_of_the_character() -> None:
    assert as_data("\x1b\u202e\ufe0f\U000e0101") == r"\x1b\u202e\ufe0f\U000e0101"


@pytest.mark.parametrize(
    "markup",
    [
        "<img src=https://x.example/?q=secret>",
        "<!-- hidden -->",
        "[click](https://x.example)",
        "![picture](https://x.example)",
        "<https://x.example>",
        "[name]: https://x.example",
        "```\ncode\n```",
    ],
)
def test_markup_is_neither_a_link_nor_a_picture_nor_a_tag_nor_code(markup: str) -> None:
    assert not set("<>[]`").intersection(as_data(markup))


def test_a_plain_text_stays_as_it_is() -> None:
    text = "HTTP 404 not_found: no task $.content.video_url (request req_1) \u2014 l'été, 湖"
    assert as_data(text) == text


@given(st.text(max_size=300), st.integers(40, 200))
def test_every_text_is_short_visible_and_without_markup(text: str, longest: int) -> None:
    shown = as_data(text, longest)
    assert len(shown) <= longest
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in shown)
    assert not set("<>[]`").intersection(shown)


def test_the_prompt_is_taken_out_of_an_error() -> None:
    assert without_prompt("bad: a lake, 'a lake'.", "a lake") == "bad: (the prompt), '(the prompt)'."
    assert without_prompt("a task of a lakeside", "a lake") == "a task of a lakeside"
    assert without_prompt("a task", "a") == "a task"
    assert without_prompt("bad text", " ") == "bad text"
    assert without_prompt("bad text", None) == "bad text"
