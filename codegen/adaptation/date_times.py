"""The date-times that both the wire check and the models read, as a pattern."""

from __future__ import annotations

from typing import Final

_DATE: Final = (
    r"(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
_OFFSET: Final = r"(?:Z|[+\-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
# The types of msgspec and of Python differ: msgspec allows a small `z`, which `datetime.fromisoformat` refuses (up to
# Python 3.13), and it refuses a time that rounds to the year 10000. RFC 3339 allows a small `z`, the second 60 and the
# year 0: this pattern refuses them. It allows more than RFC 3339: no offset, and an offset without a colon.
DATE_TIME: Final = f"^{_DATE}[Tt ]{_TIME}{_OFFSET}$"
"""A pattern in JavaScript's dialect. `datetime.fromisoformat` reads each text that matches it."""
