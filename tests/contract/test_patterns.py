"""A pattern in JavaScript's dialect becomes one that matches the same texts in Python, or none."""

from __future__ import annotations

import re

import pytest

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
    (r"^[&&||~~\[]$", ["&", "|", "~", "["], ["x"]),
    (r"^a{2,3}?$", ["aa"], ["a"]),
    (r"x$", ["ax"], ["x\n"]),
]


@pytest.mark.parametrize(("pattern", "matched", "refused"), _EXACT)
def test_a_translated_pattern_matches_the_same_texts(pattern: str, matched: list[str], refused: list[str]) -> None:
    translated = python_pattern(pattern)
    assert translated is not None
    compiled = re.compile(translated)
    assert [text for text in matched if not compiled.search(text)] == []
    assert [text for text in refused if compiled.search(text)] == []


@pytest.mark.parametrize(
    "pattern",
    [
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
        r"[a-\d]",
        r"[\d-x]",
        r"\q",
        r"\x4",
        "a{99999999999999999999}",
        r"\Z",
    ],
)
def test_a_pattern_that_python_reads_otherwise_has_no_translation(pattern: str) -> None:
    assert python_pattern(pattern) is None
