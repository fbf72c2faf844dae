"""Exceptions that pass through a request keep nothing that shows the key."""

from __future__ import annotations

import pytest

from meshapi_video._settings import ApiKey
from meshapi_video._transport.tracebacks import hidden_frames

KEY = "rsk_secret_of_this_module"


def fail(text: str) -> None:
    raise LookupError("unexpected") from OSError(text)


@pytest.mark.parametrize("text", [KEY, "nothing secret"])
def test_a_cause_whose_repr_shows_the_key_is_dropped(text: str) -> None:
    with pytest.raises(LookupError) as caught, hidden_frames(ApiKey(KEY)):
        fail(text)
    assert (caught.value.__cause__ is None) == (text == KEY)


@pytest.mark.parametrize("text", [KEY, "nothing secret"])
def test_an_earlier_exception_whose_repr_shows_the_key_is_dropped(text: str) -> None:
    failure = LookupError("unexpected")
    failure.__context__ = OSError(text)
    with pytest.raises(LookupError) as caught, hidden_frames(ApiKey(KEY)):
        raise failure
    assert (caught.value.__context__ is None) == (text == KEY)


def test_an_unexpected_exception_has_one_note_with_its_lines() -> None:
    failure = LookupError("unexpected")
    for _ in range(2):
        with pytest.raises(LookupError), hidden_frames(ApiKey(KEY)):
            raise failure
    [note] = failure.__notes__
    assert "raise failure" in note
