"""The mistakes in the arguments of a create, which are all in one error."""

from __future__ import annotations

from typing import Final

from meshapi_video._text import one_line

A_TEXT: Final = "a text that is not empty"


class Mistakes:
    """The mistakes in the arguments of one create."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, mistake: str) -> None:
        """Takes one mistake: the argument's name, what is wrong, and what to do."""
        self._found.append(mistake)

    def raise_any(self) -> None:
        """Raises `ValueError` with all mistakes, if there are any."""
        if len(self._found) == 1:
            raise ValueError(f"{self._found[0]}. Nothing was sent")
        if self._found:
            lines = "".join(f"\n- {mistake}" for mistake in self._found)
            raise ValueError(f"the arguments have {len(self._found)} mistakes, and nothing was sent:{lines}")


def shown(value: object) -> str:
    """A wrong value in a message."""
    return one_line(repr(value), 80)


def is_text(value: object) -> bool:
    """Whether `value` is a text that is not empty and can be sent."""
    if not isinstance(value, str) or not value.strip():
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
