"""Fixtures for the tests of an application that uses the SDK; pytest finds them by itself.

def test_the_video_is_published(meshapi_sandbox, make_video_task):
    task_id = make_video_task(queued_for=0, running_for=7200)
    meshapi_sandbox.advance(7200)
    assert publish(task_id) == "published"
"""

from __future__ import annotations

import importlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

# Each fixture imports its packages itself: pytest loads this module in every test run of every project that
# has the SDK.
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from meshapi_video import AsyncVideoClient, VideoClient
    from meshapi_video_sandbox import Sandbox


def pytest_collection_finish(session: pytest.Session) -> None:
    """Imports the sandbox if a test needs it. Pydantic cannot be imported while freezegun freezes the time."""
    used = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if any(name.startswith("meshapi_") for name in used):
        # The fixture reports a package that is missing.
        with suppress(ImportError):
            importlib.import_module("meshapi_video_sandbox._run")


@contextmanager
def _running() -> Generator[Sandbox]:
    """A running sandbox, to which the environment variables point."""
    try:
        from meshapi_video_sandbox import running_sandbox  # noqa: PLC0415
    except ModuleNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    with running_sandbox() as sandbox, pytest.MonkeyPatch.context() as environment:
        environment.setenv("MESHAPI_BASE_URL", sandbox.base_url)
        environment.setenv("MESHAPI_API_KEY", sandbox.api_key)
        yield sandbox


@pytest.fixture
def meshapi_sandbox() -> Generator[Sandbox]:
    """A running sandbox for one test. The environment variables point to it, so that `VideoClient()` uses it."""
    with _running() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def meshapi_session_sandbox() -> Generator[Sandbox]:
    """One running sandbox for the rest of the test run, to which the environment variables point.

    With pytest-xdist, each worker process has its own.
    """
    with _running() as sandbox:
        yield sandbox


@pytest.fixture
def meshapi_shared_sandbox(meshapi_session_sandbox: Sandbox) -> Sandbox:
    """The sandbox of the test run, reset for this test."""
    meshapi_session_sandbox.reset()
    return meshapi_session_sandbox


@pytest.fixture
def make_video_task(meshapi_sandbox: Sandbox) -> Callable[..., str]:
    """`create_task` of the test's sandbox: creates a task and returns its id."""
    return meshapi_sandbox.create_task


@pytest.fixture
def meshapi_client(meshapi_sandbox: Sandbox) -> Generator[VideoClient]:
    """A client for the test's sandbox."""
    from meshapi_video import VideoClient  # noqa: PLC0415

    with VideoClient(meshapi_sandbox.api_key, base_url=meshapi_sandbox.base_url) as client:
        yield client


@pytest.fixture
def meshapi_async_client(meshapi_sandbox: Sandbox) -> AsyncVideoClient:
    """An asynchronous client for the test's sandbox. The test enters it: `async with meshapi_async_client`."""
    from meshapi_video import AsyncVideoClient  # noqa: PLC0415

    # Not entered here: its connections belong to the event loop of the test.
    return AsyncVideoClient(meshapi_sandbox.api_key, base_url=meshapi_sandbox.base_url)
