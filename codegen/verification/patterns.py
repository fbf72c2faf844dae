"""Makes a text that matches a pattern, with hypothesis. The import takes half a second, and few schemas need it."""

from __future__ import annotations

import functools
import math
import random

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from codegen.adaptation.patterns import END
from codegen.document import Json


@functools.cache
def matching(pattern: str, least: int, most: float = math.inf) -> Json:
    """A text with `least` to `most` characters. None if Python cannot read the pattern, or if no text was found."""
    # hypothesis tries in vain to make texts that end at a lookahead.
    texts: st.SearchStrategy[str] = st.from_regex(pattern.replace(END, r"\Z"))
    # In Python, `$` also matches before a final newline. In JSON Schema it does not.
    fitting = texts.filter(lambda text: least <= len(text) <= most and not text.endswith("\n"))
    once = settings(database=None, deadline=None, max_examples=200, phases=[Phase.generate])
    try:
        return find(fitting, lambda _text: True, settings=once, random=random.Random(0))  # noqa: S311 - not a secret
    except (HypothesisException, ValueError, OverflowError, RecursionError):
        return None
