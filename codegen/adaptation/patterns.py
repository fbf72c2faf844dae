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
END: Final = r"(?![\s\S])"
"""The end of a text in both dialects: so the validator of the verification can read what was translated."""
_GROUP: Final = re.compile(r"\(\?(?::|(?P<assertion><?[=!]))")
_NAMED: Final = re.compile(r"\(\?<([A-Za-z_][A-Za-z0-9_]*)>")
# A reference to a group that matched nothing matches the empty text in JavaScript, and nothing in Python. JavaScript
# reads a lookbehind from right to left, and forgets the groups of a negative lookahead.
_OPTIONAL: Final = re.compile(r"\||\)[*?{]|\(\?<?[=!]")
_QUANTIFIER: Final = re.compile(r"[*+?]\??|\{[0-9]+(?:,[0-9]*)?\}\??")
# With the flag `u`, which JSON Schema recommends, JavaScript allows no other escapes of punctuation. Without the flag,
# it does, but knows no characters beyond 16 bits.
_ESCAPED: Final = "^$\\.*+?()[]{}|/"
_BEYOND_16_BITS: Final = re.compile(r"\\u\{|\\ud[89ab]|[\U00010000-\U0010ffff]", re.IGNORECASE)


def python_pattern(pattern: str) -> str | None:
    """The pattern that matches the same texts in Python, or None if there is none."""
    try:
        # Half of a surrogate pair is no character of a text.
        pattern.encode()
        translated = _Translation(pattern).result()
        re.compile(translated)
    except (_UnknownError, UnicodeEncodeError, re.error, OverflowError, RecursionError):
        return None
    return translated


class _UnknownError(Exception):
    """Python cannot read this part of a pattern, or reads it otherwise."""


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._needs_no_flag = False
        """Whether JavaScript allows the pattern only without the flag `u`."""
        self._assertions: list[bool] = []
        """For each open group: whether it is a lookahead or a lookbehind."""
        self._after_assertion = False

    def result(self) -> str:
        parts: list[str] = []
        while self._at < len(self._pattern):
            parts.append(self._next())
        if self._needs_no_flag and _BEYOND_16_BITS.search(self._pattern):
            raise _UnknownError
        return "".join(parts)

    def _next(self) -> str:
        quantifier = self._quantifier()
        if quantifier:
            return quantifier
        self._after_assertion = self._pattern.startswith(("^", "$"), self._at)
        group = self._group()
        if group:
            return group
        character = self._take()
        if character == "(":
            self._assertions.append(False)
        elif character == ")":
            self._after_assertion = bool(self._assertions) and self._assertions.pop()
        if character in "{}]":
            raise _UnknownError
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._set()
        # In Python, `$` also matches before a newline at the end, and `.` matches more line ends.
        return {".": f"[^{_LINE_END}]", "$": END}.get(character, character)

    def _group(self) -> str:
        if found := _GROUP.match(self._pattern, self._at):
            self._at = found.end()
            self._assertions.append(found["assertion"] is not None)
            return found[0]
        if found := _NAMED.match(self._pattern, self._at):
            self._at = found.end()
            self._assertions.append(False)
            return f"(?P<{found[1]}>"
        if self._pattern.startswith("(?", self._at):
            raise _UnknownError
        return ""

    def _quantifier(self) -> str:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if found is None:
            return ""
        self._at = found.end()
        if self._after_assertion or self._pattern.startswith("+", self._at):
            # JavaScript refuses to repeat an assertion. In Python, a quantifier with `+` after it is possessive.
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
            self._after_assertion = True
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
            self._needs_no_flag |= character not in _ESCAPED
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
        return f"\\u{code:04x}" if code < 0x10000 else chr(code)

    def _set(self) -> str:
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        members: list[str] = []
        while not self._pattern.startswith("]", self._at):
            low, is_class = self._member()
            if not self._pattern.startswith("-", self._at) or self._pattern.startswith("-]", self._at):
                members.append(low)
                continue
            self._at += 1
            high, ends_in_class = self._member()
            if is_class or ends_in_class:
                # This is no range, but the dash itself. With the flag `u`, it is an error.
                self._needs_no_flag = True
                members += [low, r"\-", high]
            else:
                members.append(f"{low}-{high}")
        self._at += 1
        if not members:
            return r"[\s\S]" if negated else r"(?!)"
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def _member(self) -> tuple[str, bool]:
        """The next part of a set, and whether it is a class of characters."""
        character = self._take()
        if character != "\\":
            return f"\\{character}" if character in "^-[]&~|" else character, False
        character = self._take()
        if character.lower() in _CLASSES:
            return (_COMPLEMENTS if character.isupper() else _CLASSES)[character.lower()], True
        if character == "-":
            return r"\-", False
        return r"\x08" if character == "b" else self._character(character), False


_COMPLEMENTS: Final = {
    "d": r"\x00-/:-\U0010ffff",
    "w": r"\x00-/:-@\[-\^`{-\U0010ffff",
    "s": (
        r"\x00-\x08\x0e-\x1f!-\u009f\u00a1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e"
        r"\u2060-\u2fff\u3001-\ufefe\uff00-\U0010ffff"
    ),
}
