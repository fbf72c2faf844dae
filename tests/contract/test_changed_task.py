"""With any generated code, verified or not, only the SDK's own error comes out of a check of a body."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import pytest

from codegen.document import ROOT, Json
from contract.generating import generate_from

TASK_ID: Final = "7f1c0d2e-3b5a-4c6d-8e9f-0a1b2c3d4e5f"
NEW: Final[dict[str, Json]] = {
    "expires_at": {"type": "string", "format": "date-time"},
    "day": {"type": "string", "format": "date"},
    "batch": {"type": "string", "format": "uuid"},
    "tier": {"type": "string", "enum": ["flex", "default"]},
    "code": {"type": "string", "pattern": "^[a-z]+$"},
}
VALID: Final = {
    "id": "t",
    "status": "running",
    "expires_at": "2026-01-02T03:04:05Z",
    "day": "2026-01-02",
    "batch": TASK_ID,
    "tier": "flex",
    "code": "abc",
}
WRONG: Final = {"expires_at": "soon", "day": "2026-13-01", "batch": "one", "tier": "slow", "code": "A1"}
# The child imports generated packages, so it needs a process of its own. It prints each error as JSON.
CHILD: Final = textwrap.dedent("""
    import json, sys

    import anyio, httpx

    from meshapi_video import AsyncVideoClient, InvalidResponse, VideoClient, parse_task

    bodies = json.load(sys.stdin)
    body = b""
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))


    def attempt(call):
        try:
            task = call()
        except InvalidResponse as error:
            return [error.path, str(error), error.__cause__ is None]
        return [task.to_dict(), "", True]


    def get():
        with VideoClient("key", http_client=httpx.Client(transport=transport)) as client:
            return client.get("t")


    async def get_async():
        async with AsyncVideoClient("key", http_client=httpx.AsyncClient(transport=transport)) as client:
            return await client.get("t")


    outcomes = []
    for value in bodies:
        body = json.dumps(value).encode()
        calls = [lambda: parse_task(body), lambda: parse_task(value), get]
        calls += [lambda backend=each: anyio.run(get_async, backend=backend) for each in ("asyncio", "trio")]
        outcomes.append([attempt(call) for call in calls])
    print(json.dumps(outcomes))
""")


def outcomes(generated: Path, *bodies: Json) -> list[list[list[Json]]]:
    """For each body, the result of each way to check it: the path and the message of an error, or the task."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(bodies),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": f"{generated}:{ROOT / 'overlays'}", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stderr
    found: list[list[list[Json]]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def changed(published: dict[str, Json], tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = copy.deepcopy(published)
    schema = document["components"]["schemas"]["VideoTaskResponse"]
    schema["properties"].update(NEW)
    schema["required"] += list(NEW)
    return generate_from(document, tmp_path_factory.mktemp("changed-task"))


def test_a_value_of_the_wrong_form_is_an_invalid_response(changed: Path) -> None:
    valid, *invalid = outcomes(changed, VALID, *({**VALID, name: value} for name, value in WRONG.items()))
    assert {task["code"] for task, *_ in valid} == {"abc"}
    for name, errors in zip(WRONG, invalid, strict=True):
        # The check has the path. The generated parser, which reads dates, has none.
        assert {path for path, _, _ in errors} <= ({f"$.{name}"} if name in {"tier", "code"} else {f"$.{name}", None})
        assert all(message and has_no_cause for _, message, has_no_cause in errors)
