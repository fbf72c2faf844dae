"""Creates videos, waits for them and downloads them. Keep this file in Airflow's folder `dags`."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from video_waits import WaitForVideo

from meshapi_video import VideoClient, read_journal

SHARED = Path(os.environ["VIDEOS_FOLDER"])  # a folder on a disk that all workers share


@task(retries=2)
def create_video(prompt: str) -> str:
    """Creates a video task, and returns its id. The journal keeps a second run from paying twice."""
    ti = get_current_context()["ti"]
    journal, key = SHARED / f"{ti.run_id}.journal", f"{ti.dag_id} {ti.task_id} {ti.map_index}"
    for record in read_journal(journal) if journal.exists() else []:
        if record.key == key and record.event == "created" and record.task_id:
            return record.task_id
        if record.key == key and record.event in {"interrupted", "uncertain"}:
            raise AirflowFailException(f"a task may exist: run `meshapi-video journal {journal}`, then clear this task")
    with VideoClient() as client:
        return client.create("byteplus/dreamina-seedance-2-0", prompt, journal=journal, journal_key=key).id


@task(retries=2)
def download_video(video: dict[str, Any]) -> str:
    """Downloads a video, and returns its path. The task's id gets a URL that is valid."""
    with VideoClient() as client:
        return str(client.download(video["id"], SHARED / f"{video['id']}.mp4", overwrite=True))


@dag(schedule=None, params={"prompts": ["a lake at sunrise", "a boat on the lake"]})
def videos() -> None:
    @task
    def prompts() -> list[str]:
        return list(get_current_context()["params"]["prompts"])

    waits = WaitForVideo.partial(
        task_id="wait_for_video",
        retries=3,
        retry_delay=datetime.timedelta(minutes=1),
        execution_timeout=datetime.timedelta(hours=24),
    ).expand(video_task_id=create_video.expand(prompt=prompts()))
    download_video.expand(video=waits.output)


videos()
