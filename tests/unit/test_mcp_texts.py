"""Texts of a server reach a model as data: on one line, visible, and without markup."""

from __future__ import annotations

import html
import json
import unicodedata
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshapi_video._mcp.redaction import redact_prompt
from meshapi_video._mcp.texts import escape_text

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
    shown = escape_text(f"a{hidden}b")
    assert hidden[0] not in shown
    assert "\\" in shown
    assert shown.isprintable()


def test_an_escape_is_that_of_the_character() -> None:
    assert escape_text("\x1b\u202e\ufe0f\U000e0101") == r"\x1b\u202e\ufe0f\U000e0101"


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
    assert not set("<>[]`").intersection(escape_text(markup))


def test_a_plain_text_stays_as_it_is() -> None:
    text = "HTTP 404 not_found: no task $.content.video_url (request req_1) \u2014 l'été, 湖"
    assert escape_text(text) == text


@given(st.text(max_size=300), st.integers(40, 200))
def test_every_text_is_short_visible_and_without_markup(text: str, longest: int) -> None:
    shown = escape_text(text, longest)
    assert len(shown) <= longest
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in shown)
    assert not set("<>[]`").intersection(shown)


def test_the_prompt_is_taken_out_of_an_error() -> None:
    assert redact_prompt("bad: a lake, 'a lake'.", "a lake") == "bad: (the prompt), '(the prompt)'."
    assert redact_prompt("a task of a lakeside", "a lake") == "a task of a lakeside"
    assert redact_prompt("a task", "a") == "a task"
    assert redact_prompt("bad text", " ") == "bad text"
    assert redact_prompt("bad text", None) == "bad text"


SIGN = 'A sign with "M\u00fcller" at the lake, C:\\new \U0001f600'


@pytest.mark.parametrize(
    "quoted",
    [
        SIGN,
        json.dumps(SIGN),
        json.dumps(SIGN, ensure_ascii=False),
        json.dumps(json.dumps(SIGN)),
        SIGN.upper(),
        ascii(SIGN),
        quote(SIGN),
        quote_plus(SIGN),
        html.escape(SIGN),
        SIGN.encode("ascii", "xmlcharrefreplace").decode(),
        SIGN[8:],
        SIGN[:20],
        SIGN[:20] + "\u2026 (1,234 characters)",
        SIGN[:8] + "\u2026 (1,234 characters) (request 1)",
        SIGN[:6] + "...",
        SIGN[:6],
    ],
    ids=ascii,
)
def test_the_prompt_is_redacted_also_if_it_is_escaped_or_cut(quoted: str) -> None:
    redacted = redact_prompt(escape_text(f"bad text: {quoted}"), SIGN)
    assert redacted.startswith("bad text: ")
    assert "(the prompt)" in redacted
    assert not {"sign", "ller", "lake"}.intersection(redacted.lower().split('"')[0].split())
    assert "ller" not in redacted


def test_two_quotes_of_the_prompt_are_redacted() -> None:
    assert redact_prompt("x: a lake at sunrise; y: lake at sunrise!", "a lake at sunrise") == (
        "x: (the prompt); y: (the prompt)!"
    )


@pytest.mark.parametrize("prompt", ["a lake at sunrise", "duration of a lake", "the text of a sign"])
def test_a_sentence_that_repeats_no_prompt_stays_as_it_is(prompt: str) -> None:
    sentence = "HTTP 400 bad: the duration is 99, which is too long\u2026 (1,234 characters) (request req_1). Change it"
    assert redact_prompt(sentence, prompt) == sentence
