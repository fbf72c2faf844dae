"""Makes the texts of servers safe for a model and for the program that shows them."""

from __future__ import annotations

import re
from typing import Final

from meshapi_video._text import one_line

LONGEST_SENTENCE: Final = 600
"""The characters of one sentence about an error."""

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


def escape_text(text: str, longest: int = LONGEST_SENTENCE) -> str:
    r"""A text of a server on one line, as data: without control characters, invisible characters and markup.

    A character that is not visible becomes an escape like `\x1b`. The brackets of links and tags become others that
    look alike. A longer text is cut, and says so.
    """
    visible = _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return one_line(visible, longest).translate(_MARKUP)
