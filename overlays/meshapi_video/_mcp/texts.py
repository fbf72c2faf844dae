"""Makes the texts of servers safe for a model and for the program that shows them."""

from __future__ import annotations

import re
from typing import Final

from meshapi_video._text import one_line

LONGEST_SENTENCE: Final = 600
"""The characters of one sentence about an error."""
_SHORTEST_PROMPT: Final = 4
"""The characters of a prompt that is removed from an error. A shorter one is a part of many words."""
_BEGINNING_OF_PROMPT: Final = 40
"""The characters by which a prompt is recognized whose end was cut."""

# Python calls these printable, but they show nothing: a text can hide others in them.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# A client may show what a model repeats as Markdown or HTML: these characters begin links, pictures, tags and code.
_MARKUP: Final = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "[": "\N{FULLWIDTH LEFT SQUARE BRACKET}",
        "]": "\N{FULLWIDTH RIGHT SQUARE BRACKET}",
        "`": "'",
    }
)


def as_data(text: str, longest: int = LONGEST_SENTENCE) -> str:
    r"""A text of a server on one line, as data: without control characters, invisible characters and markup.

    A character that is not visible becomes an escape like `\x1b`. The brackets of links and tags become others that
    look alike. A longer text is cut, and says so.
    """
    visible = _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return one_line(visible, longest).translate(_MARKUP)


def without_prompt(text: str, prompt: object) -> str:
    """A sentence of `as_data` without the prompt, which a server may repeat in its error, whole or cut."""
    # No escape of a character is longer than 10 characters.
    shown = as_data(prompt, 10 * len(prompt)) if isinstance(prompt, str) else ""
    if len(shown.strip()) < _SHORTEST_PROMPT:
        return text
    text = re.sub(rf"(?<!\w){re.escape(shown)}(?!\w)", "(the prompt)", text)
    before, beginning, _ = text.partition(shown[:_BEGINNING_OF_PROMPT])
    return f"{before}(the prompt)" if beginning and len(shown) > _BEGINNING_OF_PROMPT else text
