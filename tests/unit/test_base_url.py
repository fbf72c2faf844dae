"""A base URL that other programs could read in another way is refused."""

from __future__ import annotations

import pytest

from meshapi_video._settings import ApiKey, Settings


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://@x.example", "it contains a user name or a password"),
        ("https://me@x.example/mesh", "it contains a user name or a password"),
        ("https://x.example/\u200bmesh", "a control character"),
        ("https://x.example/\x85mesh", "a control character"),
    ],
)
def test_an_empty_user_name_and_a_character_that_nobody_sees_are_refused(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Settings.resolve(ApiKey("rsk_1"), url, 30.0, 0)
