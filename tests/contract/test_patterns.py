"""A pattern in JavaScript's dialect becomes one that matches the same texts in Python, or none."""

from __future__ import annotations

import contextlib
import datetime
import random
import re

import jsonschema_rs
import msgspec
import pytest

from codegen.adaptation.date_times import DATE_TIME
from codegen.adaptation.patterns import python_pattern

# Each row: a pattern, texts that it matches in JavaScript's unicode mode, and texts that it does not match.
_EXACT: list[tuple[str, list[str], list[str]]] = [
    (r"^\d+$", ["12"], ["12\n", "٣", ""]),
    (r"^\D$", ["x", "٣"], ["1"]),
    (r"^\w$", ["a", "_", "9"], ["ü", "-"]),
    (r"^\W$", ["ü", "-"], ["a"]),
    (r"^\s$", [" ", "\ufeff", "\u00a0", "\u2028"], ["\x1c", "\x85", "x"]),
    (r"^\S$", ["x", "\x1c", "\x85"], ["\ufeff"]),
    (r"^[\w\-.]+$", ["a-b.c"], ["ü"]),
    (r"^[^\s@]+@[^\s@]+$", ["a@b"], ["a b@c", "a@b\n"]),
    (r"^[\S\d]$", ["x", "1"], ["\ufeff"]),
    (r"^.$", ["x", "\x85", "😀"], ["\n", "\u2028"]),
    (r"^[^]$", ["\n", "x"], ["xy"]),
    (r"[]", [], ["", "x"]),
    (r"^a\/b\-c$", ["a/b-c"], ["a\\/b-c"]),
    (r"^\u0041\x42\u{1F600}\ud83d\ude00$", ["AB😀😀"], ["AB😀"]),
    (r"^\cJ\0$", ["\n\0"], ["J0"]),
    (r"^[\b]$", ["\b"], ["b"]),
    (r"\bx\b", ["x", "üx", "x-y"], ["xy", "x_"]),
    (r"^(?<year>\d{2})-\k<year>$", ["20-20"], ["20-21"]),
    (r"^(?:a|b)(?=c)c(?!d)", ["ac"], ["acd", "cc"]),
    (r"(?<=a)b(?<!ab)", [], ["ab"]),
    (r"^[a-c-]$", ["a", "-"], ["d"]),
    # A range with a class at one end is no range, but the dash itself.
    (r"^[!-\d]$", ["!", "-", "5"], ["#", "/"]),
    (r"^[^-\d]$", ["!", "/"], ["-", "5"]),
    (r"^[\w-.]$", ["a", "-", "."], ["+", "/"]),
    (r"^[a-\s]$", ["a", "-", " "], ["b"]),
    (r"^[\d-x]$", ["5", "-", "x"], ["a"]),
    (r"^[--/]$", ["-", ".", "/"], [",", "0"]),
    (r"^[a-b--/]$", ["a", "b", "-", ".", "/"], [",", "0"]),
    (r"^[+--]$", ["+", ",", "-"], ["*", "."]),
    (r"^[^^-a]$", ["]", "b"], ["^", "_", "a"]),
    (r"^[\u0041-\x43\-\]]$", ["B", "-", "]"], ["D", "\\"]),
    (r"^[&&||~~\[]$", ["&", "|", "~", "["], ["x"]),
    (r"^a{2,3}?$", ["aa"], ["a"]),
    (r"x$", ["ax"], ["x\n"]),
]

_NOT_EXACT: list[str] = [
    r"^\p{L}+$",
    "[",
    "a)",
    r"(?<=a+)b",
    "a++",
    "(?i)a",
    "(?i:a)",
    r"(a)?\1",
    r"(?<a>x)?\k<a>",
    r"\u{110000}",
    r"\ud800",
    "a{,3}",
    "(?P<x>a)",
    "(?#x)",
    "(?>a)",
    # JavaScript reads half a character here, or refuses the escape: it depends on the flag `u`.
    r"[\u{1F600}\_]",
    "[😀\\d-x]",
    # No assertion can be repeated.
    r"\b+",
    "(?=a)*",
    "(?<!a){2}",
    # JavaScript reads a lookbehind from right to left, and forgets the groups of a negative lookahead.
    r"(?<=(?<a>x)\k<a>)",
    r"(?!(?<a>x)y)x\k<a>",
    r"[b-a]",
    r"\q",
    r"\x4",
    "a{99999999999999999999}",
    r"\Z",
]


@pytest.mark.parametrize(("pattern", "matched", "refused"), _EXACT)
def test_a_translated_pattern_matches_the_same_texts(pattern: str, matched: list[str], refused: list[str]) -> None:
    translated = python_pattern(pattern)
    assert translated is not None
    compiled = re.compile(translated)
    assert [text for text in matched if not compiled.search(text)] == []
    assert [text for text in refused if compiled.search(text)] == []


def test_random_patterns_match_the_same_texts_as_in_an_independent_validator() -> None:
    rand = random.Random(14)  # noqa: S311 - not a secret
    parts = [
        "a",
        "b",
        "Z",
        "!",
        "-",
        "-",
        "-",
        "^",
        "9",
        "/",
        " ",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        r"\-",
        r"\]",
    ]
    texts = ["", *"abZ!-^9/ ]#_[", "\t", "\u00a0", "a-", "9 ", "--", "b]"]
    compared = 0
    for _ in range(500):
        one, two = ("".join(rand.choices(parts, k=rand.randint(1, 5))) for _ in range(2))
        pattern = rand.choice(["[{}]", "^[^{}]$", "(?:[{}]|[^{}])$", "[{}]{{1,2}}(?![{}])", "(?<=[{}])[{}]"]).format(
            one, two
        )
        translated = python_pattern(pattern)
        with contextlib.suppress(jsonschema_rs.ValidationError):
            judge = jsonschema_rs.validator_for({"pattern": pattern})
            if translated is not None:
                compared += 1
                found = re.compile(translated)
                assert [bool(found.search(text)) for text in texts] == [judge.is_valid(text) for text in texts], pattern
    assert compared > 100


@pytest.mark.parametrize("pattern", _NOT_EXACT)
def test_a_pattern_that_python_reads_otherwise_has_no_translation(pattern: str) -> None:
    assert python_pattern(pattern) is None


def test_half_a_surrogate_pair_is_no_character() -> None:
    assert python_pattern(chr(0xD83D)) is None


@pytest.mark.parametrize("year", ["0001", "1900", "2000", "2023", "2024", "9999"])
def test_a_date_time_that_the_wire_check_accepts_can_be_read_by_the_model(year: str) -> None:
    found = re.compile(python_pattern(DATE_TIME) or "")
    days = [f"{year}-{month:02}-{day:02}" for month in range(14) for day in (0, 1, 28, 29, 30, 31, 32)]
    ends = ["Z", "z", "", "+00:00", "-00:00", "+23:59", "-23:59", "+24:00", "+0100", "+01", "+01:60", " Z"]
    times = ["00:00:00", "24:00:00", "23:59:59", "23:59:60", "23:60:00", "12:30", "1:2:3", "12:30:00.", "12:30:00,5"]
    times += ["23:59:59.9", "23:59:59.9999999999"]
    texts = [f"{day}T00:00:00Z" for day in days]
    texts += [f"{year}-02-28{mark}{time}{end}" for mark in "Tt _" for time in times for end in ends]
    judge = jsonschema_rs.validator_for({"format": "date-time"}, validate_formats=True)
    for text in texts:
        if found.search(text):
            datetime.datetime.fromisoformat(text)
            msgspec.convert(text.replace("9999999999", "9"), datetime.datetime)
        else:
            assert not judge.is_valid(text) or text.endswith("z") or ":60" in text


def test_a_strange_date_time_is_accepted_or_refused_by_the_wire_check() -> None:
    found = re.compile(python_pattern(DATE_TIME) or "")
    accepted = ["2020-01-02t03:04:05.123456789Z", "2020-01-02 03:04:05-00:00", "2000-02-29T00:00:00Z"]
    refused = [
        "2020-01-02T03:04:05z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2020-01-02",
    ]
    assert [bool(found.search(text)) for text in [*accepted, *refused]] == [True] * 3 + [False] * 5
    assert not found.search("2020-01-02T03:04:05Z\n")
