"""An unexpected exception in a poll becomes an error that tells everything, but holds no frames with the key."""

from __future__ import annotations

import pickle

import pytest

from meshapi_video._settings import ApiKey, Settings
from meshapi_video._transport.exceptions import unexpected_error

KEY = "rsk_secret_of_this_module"
SETTINGS = Settings.resolve(ApiKey(KEY), "https://api.example", 30.0, 0)


def fail(authorization: str) -> None:
    """Fails with a cause and a group, whose frames all hold the key."""
    try:
        dict[str, str]()[authorization]
    except KeyError as cause:
        failures = [ValueError("part"), OverflowError(f"with {authorization}")]
        raise ExceptionGroup("group", failures) from cause


def failure() -> ExceptionGroup[Exception]:
    with pytest.raises(ExceptionGroup) as caught:
        fail(KEY)
    group: ExceptionGroup[Exception] = caught.value
    # A cycle, as a careless library may make it.
    assert group.__cause__ is not None
    group.__cause__.__cause__ = group
    return group


def test_the_exception_and_all_that_it_holds_lose_their_frames() -> None:
    group = failure()
    held: list[BaseException | None] = [group, group.__cause__, group.__context__, *group.exceptions]
    error = unexpected_error(group, "t", SETTINGS)
    assert error.__cause__ is group
    assert type(held[1]) is type(held[2]) is KeyError
    assert [each.__traceback__ for each in held if each is not None] == [None] * 5


def test_the_place_of_the_failure_is_kept_as_text_without_the_key_also_in_a_pickle() -> None:
    for each in (error := unexpected_error(failure(), "t", SETTINGS), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        [note] = each.__notes__
        assert "in fail" in note
        assert "OverflowError: with ***" in note
        assert KEY not in note + str(each)


def test_a_long_message_is_cut() -> None:
    error = unexpected_error(ValueError("x" * 1_000_000), "t", SETTINGS)
    assert len(str(error)) < 1_000
    assert len(error.__notes__[0]) <= 10_000
