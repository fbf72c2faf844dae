"""Translates regular expressions from JavaScript's dialect, which JSON Schema demands, to Python's."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = "0-9"
_WORD: Final = "A-Za-z0-9_"
# The white space and the line ends of ECMA-262.
_SPACE: Final = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_CLASSES: Final = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS: Final = {"t": r"\t", "n": r"\n", "v": r"\v", "f": r"\f", "r": r"\r"}
_LINE_END: Final = r"\n\r\u2028\u2029"
_GROUP: Final = re.compile(r"\(\?(?::|=|!|<=|<!)")
_NAMED: Final = re.compile(r"\(\?<([A-Za-z_][A-Za-z0-9_]*)>")
# A reference to a group that matched nothing matches the empty text in JavaScript, and nothing in Python.
_OPTIONAL: Final = re.compile(r"\||\)[*?{]")
_QUANTIFIER: Final = re.compile(r"[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??")


def python_pattern(pattern: str) -> str | None:
    """The pattern that matches the same texts in Python, or None if there is none."""
    try:
        translated = _Translation(pattern).result()
        re.compile(translated)
    except (_UnknownError, re.error, OverflowError, RecursionError):
        return None
    return translated


class _UnknownError(Exception):
    """Python cannot read this part of a pattern, or reads it otherwise."""


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def result(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._next())
        return "".join(parts)

    def _next(self) -> str:
        syntax = self._group() or self._quantifier()
        if syntax:
            return syntax
        character = self._take()
        if character in "{}]":
            raise _UnknownError
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._set()
        # In Python, `$` also matches before a newline at the end, and `.` matches more line ends.
        return {".": f"[^{_LINE_END}]", "$": r"\Z"}.get(character, character)

    def _group(self) -> str:
        if found := _GROUP.match(self._pattern, self._at):
            self._at = found.end()
            return found[0]
        if found := _NAMED.match(self._pattern, self._at):
            self._at = found.end()
            return f"(?P<{found[1]}>"
        if self._pattern.startswith("(?", self._at):
            raise _UnknownError
        return ""

    def _quantifier(self) -> str:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if found is None:
            return ""
        self._at = found.end()
        if self._pattern.startswith("+", self._at):
            # In Python, a quantifier with `+` after it is possessive. JavaScript refuses it.
            raise _UnknownError
        return found[0]

    def _take(self, length: int = 1) -> str:
        taken = self._pattern[self._at : self._at + length]
        if len(taken) < length:
            raise _UnknownError
        self._at += length
        return taken

    def _escape(self) -> str:
        character = self._take()
        if character in "bB":
            # The same characters as `\w`: Python's own `\b` also knows other letters.
            same = f"(?:(?<=[{_WORD}])(?=[{_WORD}])|(?<![{_WORD}])(?![{_WORD}]))"
            edge = f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))"
            return edge if character == "b" else same
        if character.lower() in _CLASSES:
            return f"[{'^' if character.isupper() else ''}{_CLASSES[character.lower()]}]"
        if character == "k" and self._take() == "<" and not _OPTIONAL.search(self._pattern):
            end = self._pattern.find(">", self._at)
            name = self._take(end - self._at + 1)[:-1] if end >= 0 else ""
            if not name.isidentifier():
                raise _UnknownError
            return f"(?P={name})"
        return self._character(character)

    def _character(self, character: str) -> str:
        """The character that an escape stands for, as Python reads it in a set and outside."""
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character.isascii() and not character.isalnum():
            return re.escape(character)
        if character == "0" and not self._pattern[self._at : self._at + 1].isdigit():
            return r"\x00"
        return self._code(self._digits(character))

    def _digits(self, character: str) -> str:
        """The hexadecimal digits of an escape."""
        if character == "c":
            letter = self._take()
            return f"{ord(letter) % 32:x}" if letter.isascii() and letter.isalpha() else ""
        if character == "u" and self._pattern.startswith("{", self._at):
            end = self._pattern.find("}", self._at)
            return self._take(end - self._at + 1)[1:-1] if end >= 0 else ""
        return self._take({"x": 2, "u": 4}.get(character, 0))

    def _code(self, digits: str) -> str:
        if not re.fullmatch("[0-9A-Fa-f]+", digits):
            raise _UnknownError
        code = int(digits, 16)
        # Half of a surrogate pair: the other half follows, and the two are one character.
        if 0xD800 <= code <= 0xDBFF and self._pattern.startswith("\\u", self._at):
            low = re.compile(r"\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE).match(self._pattern, self._at)
            if low:
                self._at = low.end()
                code = 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
        if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
            raise _UnknownError
        return f"\\U{code:08x}"

    def _set(self) -> str:
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        members: list[str] = []
        while (character := self._take()) != "]":
            if character == "\\":
                character = self._take()
                if character.lower() in _CLASSES:
                    if character.isupper():
                        members.append(_COMPLEMENTS[character.lower()])
                    else:
                        members.append(_CLASSES[character])
                    # `[\w-a]` is no range in JavaScript's unicode mode, but an error.
                    if self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at):
                        raise _UnknownError
                elif character in "-^":
                    members.append(f"\\{character}")
                elif character == "b":
                    members.append(r"\x08")
                else:
                    members.append(self._character(character))
            elif character == "-":
                members.append("-" if self._is_range(members) else r"\-")
            else:
                members.append(f"\\{character}" if character in "^[&~|" else character)
        if not members:
            return r"[\s\S]" if negated else r"(?!)"
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def _is_range(self, members: list[str]) -> bool:
        """Whether the dash that was just read stands between two characters."""
        return bool(members) and members[-1] != "-" and not self._pattern.startswith("]", self._at)


_COMPLEMENTS: Final = {
    "d": r"\x00-/:-\U0010ffff",
    "w": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "s": (
        r"\x00-\x08\x0e-\x1f!-\u009f\u00a1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e"
        r"\u2060-\u2fff\u3001-\ufefe\uff00-\U0010ffff"
    ),
}
