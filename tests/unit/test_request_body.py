"""A body in parts has the bytes that the encoder writes, and its long texts are not copied."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import anyio.lowlevel
import msgspec
import pytest

from meshapi_video._async.aiohttp import with_pauses
from meshapi_video._transport.body import Body, json_body

LONG_TEXT = "data:video/mp4;base64," + "AbC0+/" * 100_000 + "=="


def as_httpx(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


VALUES: list[object] = [
    {"prompt": "a l\u00e4ke", "duration": 5, "seed": None, "content": []},
    {"content": [{"url": LONG_TEXT}, {"text": "b"}, {"url": LONG_TEXT + "A"}], "model": "m"},
    {"content": [{"text": 'a "long" text\n\\' * 100_000}, {"url": LONG_TEXT}]},
    {"content": ["\u00e4" * 400_000]},
    {"text": LONG_TEXT.replace("A", "/", 1), "tuple": (LONG_TEXT, 1), LONG_TEXT: 0},
    [LONG_TEXT],
    LONG_TEXT,
    5,
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("encode", [as_httpx, msgspec.json.encode])
def test_a_body_in_parts_has_the_bytes_of_the_encoder(value: object, encode: Callable[[object], bytes]) -> None:
    body = json_body(value, encode)
    assert bytes(body) == encode(value)
    assert len(body) == len(bytes(body))


def test_json_is_encoded_as_httpx_encodes_it_unless_another_encoder_is_named() -> None:
    assert bytes(json_body(VALUES[0])) == as_httpx(VALUES[0])


def test_a_body_can_be_sent_again_by_a_blocking_and_by_an_asynchronous_connection() -> None:
    body = Body(b"{", LONG_TEXT, b"}")

    async def collect() -> bytes:
        return b"".join([chunk async for chunk in body])

    whole = f"{{{LONG_TEXT}}}".encode()
    assert [b"".join(body), b"".join(body), anyio.run(collect)] == [whole] * 3
    assert max(map(len, body)) == 256 * 1024


def test_a_body_without_parts_is_false_and_has_no_chunks() -> None:
    assert not Body()
    assert [*Body(), *Body(b"")] == []


def test_other_tasks_run_between_the_chunks_that_aiohttp_sends() -> None:
    async def main() -> None:
        async def count_turns() -> None:
            while True:
                turns.append(None)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(count_turns)
            seen.extend([len(turns) async for _ in with_pauses(Body(LONG_TEXT))])
            group.cancel_scope.cancel()

    turns, seen = list[None](), list[int]()
    anyio.run(main)
    assert len(seen) == 3
    assert seen == sorted(set(seen))
