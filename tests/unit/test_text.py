"""Texts of servers become safe to print: one line, printable characters, a limited length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshapi_video._text import LONGEST_TEXT, one_line, printable, shorten

TEXTS = st.text(st.characters(), max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a lake at sunrise, 湖の日の出 🌅", "a lake at sunrise, 湖の日の出 🌅"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\nstatus: succeeded", r"a\r\nstatus: succeeded"),
        ("a\tb\x7f\x00", r"a\tb\x7f\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("\u2028next\u2029\x85", r"\u2028next\u2029\x85"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("[red]:smile:[link=x]", "[red]:smile:[link=x]"),
    ],
)
def test_a_character_that_a_terminal_obeys_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(TEXTS)
def test_a_printable_text_is_printable_and_can_be_encoded(text: str) -> None:
    assert printable(text).isprintable()
    assert printable(text).encode().decode() == printable(text)
    assert printable(printable(text)) == printable(text)


@given(TEXTS, st.integers(30, 50))
def test_no_text_is_longer_than_the_limit(text: str, longest: int) -> None:
    text *= 4
    for shown in (shorten(text, longest), one_line(text, longest)):
        assert len(shown) <= longest
        if len(text) > longest:
            assert shown.endswith(f"… ({len(text)} characters)")
    assert one_line(text, longest).isprintable()
    assert one_line(text, 10_000) == printable(text)


def test_a_text_of_exactly_the_limit_is_whole() -> None:
    text = "x" * LONGEST_TEXT
    assert shorten(text) == one_line(text) == text
    assert shorten(f"{text}x") == one_line(f"{text}x") == f"{'x' * (LONGEST_TEXT - 20)}… (1,001 characters)"


def test_a_text_whose_escapes_are_too_long_is_cut_too() -> None:
    shown = (r"\x1b" * 400)[: LONGEST_TEXT - 18]
    assert one_line("\x1b" * 400) == f"{shown}… (400 characters)"
