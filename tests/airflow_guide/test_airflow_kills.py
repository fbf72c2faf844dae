"""The guide's DAG in a real Airflow: no wait is lost and nothing is paid twice while its processes are killed."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from support import sandbox_client
from tools.fleet.airflow_home import AirflowHome, DagRun, until
from tools.fleet.sandbox import SandboxServer

# Airflow takes 3 minutes for both tests on an idle machine with two cores.
pytestmark = pytest.mark.timeout(1200)

PROMPTS: Final = ["a lake", "a boat", "a forest", "a river"]
LONG: Final = 3600
"""Seconds that a task runs, if the test does not end it."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Generator[SandboxServer]:
    with SandboxServer(tmp_path_factory.mktemp("sandbox")) as server:
        yield server


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module")
def airflow(sandbox: SandboxServer, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[AirflowHome]:
    environment = {
        "MESHAPI_BASE_URL": sandbox.url,
        "MESHAPI_API_KEY": "rsk_sandbox",
        "MESHAPI_PRIVATE_HOSTS": "http://127.0.0.1",
        "VIDEOS_FOLDER": str(videos),
    }
    with AirflowHome(tmp_path_factory.mktemp("airflow"), environment) as home:
        yield home


def control(sandbox: SandboxServer, path: str, **body: object) -> None:
    sandbox_client.post(f"{sandbox.url}/_sandbox/{path}", json=body).raise_for_status()


def read(sandbox: SandboxServer, path: str) -> Any:
    return sandbox_client.get(f"{sandbox.url}/_sandbox/{path}").raise_for_status().json()


def created(sandbox: SandboxServer) -> list[str]:
    return [record["id"] for record in read(sandbox, "creates")["data"]]


def polls(sandbox: SandboxServer, task_ids: list[str]) -> list[int]:
    return [read(sandbox, f"tasks/{task_id}")["upstream_polls"] for task_id in task_ids]


def all_polled(sandbox: SandboxServer, task_ids: list[str]) -> None:
    """Waits until each task has been polled again."""
    before = polls(sandbox, task_ids)
    until(lambda: all(new > old for new, old in zip(polls(sandbox, task_ids), before, strict=True)))


def start_waits(airflow: AirflowHome, sandbox: SandboxServer, prompts: list[str], **plan: object) -> DagRun:
    """A run of the guide's DAG whose tasks are created, and which waits for their videos."""
    control(sandbox, "creates", tasks={"queued_for": 0, "running_for": LONG, **plan})
    run = airflow.run_dag("videos", prompts=prompts)
    until(lambda: run.states("wait_for_video") == ["deferred"] * len(prompts))
    return run


def test_kills_and_restarts_lose_no_wait_and_pay_nothing_twice(
    airflow: AirflowHome, sandbox: SandboxServer, videos: Path
) -> None:
    triggerer = airflow.start_triggerer()
    run = start_waits(airflow, sandbox, PROMPTS)
    task_ids = created(sandbox)
    all_polled(sandbox, task_ids)

    triggerer.kill()
    triggerer = airflow.start_triggerer()
    all_polled(sandbox, task_ids)

    print(f"SIGTERM ended the triggerer in {triggerer.stop():.1f} s")
    triggerer = airflow.start_triggerer()
    all_polled(sandbox, task_ids)

    sandbox.restart()
    all_polled(sandbox, task_ids)

    control(sandbox, "clock", advance=2 * LONG)
    ended = time.monotonic()
    until(lambda: run.states("wait_for_video") == ["success"] * len(PROMPTS))
    print(f"from the ends to the last record: {time.monotonic() - ended:.1f} s")
    until(lambda: run.state == "success")
    triggerer.kill()

    results = [run.returned("wait_for_video", index) for index in range(len(PROMPTS))]
    assert sorted(result["id"] for result in results) == sorted(task_ids)
    assert all(set(result) == {"id", "url", "last_frame_url"} for result in results)
    assert sorted(path.name for path in videos.glob("*.mp4")) == sorted(f"{task_id}.mp4" for task_id in task_ids)
    assert "was blocked for" not in airflow.log("triggerer").read_text("utf-8")

    # Another run of the same tasks, by a click: the journal has their ids.
    run.clear("create_video")
    until(lambda: run.attempts("create_video") == [("success", 2)] * len(PROMPTS))
    assert created(sandbox) == task_ids
    assert sorted(run.returned("create_video", index) for index in range(len(PROMPTS))) == sorted(task_ids)


def test_a_task_that_the_user_ends_is_polled_no_more_and_an_end_without_a_video_is_not_retried(
    airflow: AirflowHome, sandbox: SandboxServer
) -> None:
    triggerer = airflow.start_triggerer()
    known = created(sandbox)
    run = start_waits(airflow, sandbox, PROMPTS[:2], outcome="failed")
    all_polled(sandbox, [task_id for task_id in created(sandbox) if task_id not in known])
    stopped, waited_for = (run.returned("create_video", index) for index in range(2))

    run.set_state("wait_for_video", 0, "failed")

    def is_polled_no_more() -> bool:
        before = polls(sandbox, [stopped])
        all_polled(sandbox, [waited_for])
        all_polled(sandbox, [waited_for])
        return polls(sandbox, [stopped]) == before

    until(is_polled_no_more)

    control(sandbox, "clock", advance=2 * LONG)
    until(lambda: run.state == "failed")
    triggerer.kill()
    assert run.attempts("wait_for_video") == [("failed", 1), ("failed", 1)]
