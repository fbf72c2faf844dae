"""Airflow with the guide's operator: a worker of the harness is a triggerer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.fleet.airflow_home import ROOT, AirflowHome
from tools.fleet.engine import Worker
from tools.fleet.servers import PostgreSQL, Server

RECORD: Final = "FLEET_RECORD"
"""The environment variable with the path of the record."""
# As text, because Airflow is not installed where the types of this folder are checked.
DAG: Final = """import os
from pathlib import Path
from airflow.sdk import dag, get_current_context, task
from tools.fleet.engine import record_end
from video_waits import WaitForVideo

class RecordedWait(WaitForVideo):
    def execute_complete(self, context, event):
        result = super().execute_complete(context, event)
        record_end(Path(os.environ["FLEET_RECORD"]), result["id"])
        return result

@dag(schedule=None, params={"task_ids": []})
def fleet():
    @task
    def task_ids():
        return list(get_current_context()["params"]["task_ids"])

    RecordedWait.partial(task_id="wait_for_video").expand(video_task_id=task_ids())

fleet()
"""


class AirflowEngine:
    """Two triggerers, a scheduler and an API server, with PostgreSQL.

    Every wait also needs two processes of the executor, for `execute` and `execute_complete`. The harness does not
    count their CPU, because they are no children of a triggerer.
    """

    name = "Airflow on PostgreSQL"

    def __init__(self, folder: Path) -> None:
        self.server: Server = PostgreSQL(folder)
        self._home: AirflowHome | None = None

    @property
    def home(self) -> AirflowHome:
        """Airflow. There is one after `prepare`."""
        assert self._home is not None
        return self._home

    def prepare(self, folder: Path, sandbox_url: str) -> None:
        """Starts all of Airflow except the triggerers."""
        environment = {
            "MESHAPI_BASE_URL": sandbox_url,
            "MESHAPI_API_KEY": "rsk_sandbox",
            "VIDEOS_FOLDER": str(folder),
            "PYTHONPATH": str(ROOT),
            RECORD: str(folder / "record"),
        }
        url = self.server.url.replace("postgresql:", "postgresql+psycopg2:")
        self._home = AirflowHome(folder / "airflow", environment, database_url=url)
        (folder / "airflow" / "dags").mkdir(parents=True)
        (folder / "airflow" / "dags" / "fleet_dag.py").write_text(DAG, "utf-8")
        self._home.prepare()
        self._home.start_servers()

    def start_worker(self, record: Path) -> Worker:
        """Starts a triggerer. `execute_complete` writes the record, in a process of the executor."""
        assert record == Path(self.home.environment[RECORD])
        return self.home.start_triggerer()

    def add(self, task_ids: Sequence[str]) -> None:
        """Starts a run of a DAG that has a wait for each task."""
        self.home.run_dag("fleet", task_ids=list(task_ids))

    def close(self) -> None:
        """Ends the scheduler and the API server, too."""
        if self._home is not None:
            self._home.close()
