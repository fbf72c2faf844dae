"""Redacts a prompt that a server repeats in its error: a user may not want it in the logs of an AI client."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote

_SHORTEST_PROMPT: Final = 4
"""The letters of a prompt that is redacted. A shorter one is a part of many words."""
_SHORTEST_PART: Final = 12
"""The letters in a row that are a part of the prompt, and no accident."""

_CHARACTER: Final = re.compile(
    r"\\+(?:u(?P<u>[0-9a-f]{4})|x(?P<x>[0-9a-f]{2})|[nrtbf])|(?P<escaped>(?:%[0-9a-f]{2})+|&#?[0-9a-z]{1,10};)|.",
    re.IGNORECASE | re.DOTALL,
)
"""A character, or an escape for one, also of a JSON text in a JSON text; or escapes of a URL or of HTML."""
_CUT: Final = re.compile(r"… \([\d,]+ characters\)|\.\.\.|…|\Z")
"""Where the beginning of a longer text ends."""


class _Letter(NamedTuple):
    """A letter or digit in lower case, and its place in the text."""

    letter: str
    begin: int
    end: int


def redact_prompt(text: str, prompt: object) -> str:
    """A sentence without the parts of the prompt that it repeats, as they are or escaped.

    Only letters and digits are compared. A part is the whole prompt, or 12 of its letters in a row; or 4 at its
    beginning, where a longer text was cut.
    """
    wanted = "".join(each.letter for each in _letters(prompt)) if isinstance(prompt, str) else ""
    if len(wanted) < _SHORTEST_PROMPT:
        return text
    redacted, end = "", 0
    for begin, end_of_part in sorted(_parts(text, wanted)):
        if begin >= end:
            redacted += f"{text[end:begin]}(the prompt)"
        end = max(end, end_of_part)
    return redacted + text[end:]


def _letters(text: str) -> list[_Letter]:
    letters = list[_Letter]()
    for found in _CHARACTER.finditer(text):
        code = found["u"] or found["x"]
        if code:
            characters = chr(int(code, 16))
        elif found["escaped"]:
            characters = html.unescape(unquote(found[0]))
        else:
            characters = found[0] if len(found[0]) == 1 else " "
        letters += (
            _Letter(letter, found.start(), found.end())
            for letter in characters.casefold()
            # JSON escapes a character beyond these as two.
            if letter.isalnum() and letter <= "\uffff"
        )
    return letters


def _parts(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    """The beginning and the end of each part of the prompt in the text."""
    letters = _letters(text)
    shown = "".join(each.letter for each in letters)
    shortest = min(_SHORTEST_PART, len(wanted))
    first = 0
    while first + shortest <= len(shown):
        last = first + shortest
        if shown[first:last] not in wanted:
            first += 1
            continue
        while last < len(shown) and shown[first : last + 1] in wanted:
            last += 1
        if shortest == _SHORTEST_PART or _are_words(letters, first, last):
            yield letters[first].begin, letters[last - 1].end
        first = last
    for cut in _CUT.finditer(text):
        last = sum(each.end <= cut.start() for each in letters)
        for length in range(min(last, _SHORTEST_PART), _SHORTEST_PROMPT - 1, -1):
            first = last - length
            if wanted.startswith(shown[first:last]) and _are_words(letters, first, first):
                yield letters[first].begin, letters[last - 1].end
                break


def _are_words(letters: list[_Letter], first: int, last: int) -> bool:
    """Whether no letter is right before the first one, or right after the last one."""
    return (first == 0 or letters[first - 1].end < letters[first].begin) and (
        last in {first, len(letters)} or letters[last - 1].end < letters[last].begin
    )
