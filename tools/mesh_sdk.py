"""Runs Mesh's own SDK, unchanged, through generate, list and retrieve against a sandbox, and prints what it saw.

`nox -s mesh_sdk` installs the SDK in an environment of its own: it is no dependency of this project.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from meshapi_video_sandbox import running_sandbox

if TYPE_CHECKING:
    from meshapi_video_sandbox import Sandbox

MODEL = "byteplus/dreamina-seedance-2-0"


def main() -> int:
    """The exit code: 0 if every call gave what the sandbox knows."""
    # Not by an import statement: the type checkers of this project do not have the SDK.
    meshapi: Any = importlib.import_module("meshapi")

    print(f"meshapi {version('meshapi')}")
    with running_sandbox() as sandbox:
        results = [*_blocking(meshapi, sandbox), *asyncio.run(_asynchronous(meshapi, sandbox))]
        results += _retries(meshapi, sandbox)
    for text, is_right in results:
        print(f"{'ok   ' if is_right else 'WRONG'} {text}")
    return 0 if all(is_right for _, is_right in results) else 1


def _request(sdk: Any, seed: int) -> Any:  # noqa: ANN401 - the SDK's module
    content = [
        sdk.VideoContentItem(type="text", text="a lake at sunrise"),
        sdk.VideoContentItem(type="image_url", image_url={"url": "https://host/i.png"}, role="first_frame"),
    ]
    return sdk.VideoGenerationParams(model=MODEL, content=content, seed=seed, resolution="480p", duration=8)


def _blocking(sdk: Any, sandbox: Sandbox) -> list[tuple[str, bool]]:  # noqa: ANN401 - the SDK's module
    client = sdk.MeshAPI(base_url=sandbox.base_url, token=sandbox.api_key)
    created = client.videos.generate(_request(sdk, 7))
    queued = client.videos.retrieve(created.id)
    page = client.videos.list(sdk.ListVideoGenerationsParams(status="queued", model=MODEL, limit=1))
    sandbox.advance(10)
    done = client.videos.retrieve(created.id)
    try:
        client.videos.generate(sdk.VideoGenerationParams(model="byteplus/none", content=[]))
        refused = "nothing"
    except sdk.MeshAPIError as error:
        refused = f"{error.status} {error.error_code}"
    return [
        (f"generate: {created.id}", [record.id for record in sandbox.creates()] == [created.id]),
        (f"retrieve: {queued.status}, seed {queued.seed}", (queued.status, queued.seed) == ("queued", 7)),
        (f"list: {page.total} of status queued", [task.id for task in page.data] == [created.id]),
        (f"retrieve: {done.status}, {done.content.video_url}", done.status == "succeeded"),
        (f"generate without content: {refused}", refused == "422 validation_error"),
    ]


async def _asynchronous(sdk: Any, sandbox: Sandbox) -> list[tuple[str, bool]]:  # noqa: ANN401 - the SDK's module
    client = sdk.AsyncMeshAPI(base_url=sandbox.base_url, token=sandbox.api_key)
    created = await client.videos.generate(_request(sdk, 8))
    task = await client.videos.retrieve(created.id)
    page = await client.videos.list()
    return [
        (f"async generate and retrieve: {task.status}, seed {task.seed}", task.seed == 8),
        (f"async list: {page.total} tasks", page.data[0].id == created.id),
    ]


def _retries(sdk: Any, sandbox: Sandbox) -> list[tuple[str, bool]]:  # noqa: ANN401 - the SDK's module
    """One call whose first two responses are a 502 after the task was made: the SDK repeats a paid request."""
    before = len(sandbox.creates())
    sandbox.plan_creates(create_faults=[{"fault": "bad_gateway_after", "creates": [1, 2]}])
    client = sdk.MeshAPI(base_url=sandbox.base_url, token=sandbox.api_key)
    client.videos.generate(_request(sdk, 9))
    made = len(sandbox.creates()) - before
    return [(f"generate whose first two responses are a 502 after the task was made: {made} tasks made", made == 3)]


if __name__ == "__main__":
    sys.exit(main())
