"""A whole Airflow on 127.0.0.1: its folder, its metadata database, its API server, its scheduler and triggerers."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from meshapi_video._http_libraries import httpx
from tools.fleet.engine import Worker
from tools.fleet.servers import MissingServer
from tools.fleet.servers.server import LOCALHOST, free_port

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "docs" / "examples"
START_TIMEOUT: Final = 120.0
"""Seconds in which the API server has to start. It takes 10 s on an idle machine."""
CHECK_INTERVAL: Final = 0.1


class AirflowHome:
    """Runs Airflow with the operator and the DAG of the guide.

    Args:
        folder: Airflow's folder.
        environment: Environment variables of all its processes, such as the address of a sandbox.
        database_url: The metadata database, as SQLAlchemy writes it. By default, a file of SQLite.
        settings: Settings of Airflow besides those that keep it on this machine: `{"TRIGGERER__CAPACITY": "10"}`.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        database_url: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        program = Path(sys.executable).with_name("airflow")
        if not program.exists():
            raise MissingServer("Airflow is not installed. To install it: uv pip install --group airflow")
        self._program = str(program)
        self._workers: list[Worker] = []
        port = free_port()
        self.url: Final = f"http://{LOCALHOST}:{port}"
        chosen = {
            "API__BASE_URL": self.url,
            "API__HOST": LOCALHOST,
            "API__PORT": str(port),
            "API__WORKERS": "1",
            "API_AUTH__JWT_SECRET": "a secret of the tests, which has more than 64 bytes, as the algorithm needs it",
            "CORE__DAGS_FOLDER": str(folder / "dags"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__PARALLELISM": "2",
            "CORE__MAX_MAP_LENGTH": "100000",
            "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "DATABASE__SQL_ALCHEMY_CONN": database_url or f"sqlite:///{folder / 'airflow.db'}",
            "LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # So long after the last heartbeat, another triggerer takes the triggers of one that was killed.
            "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "5",
            "TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            # On a busy machine, the API server is slow, and a task that gets no response fails.
            "WORKERS__EXECUTION_API_TIMEOUT": "60",
            **(settings or {}),
        }
        self.environment = {
            "AIRFLOW_HOME": str(folder),
            **{f"AIRFLOW__{name}": value for name, value in chosen.items()},
            **environment,
        }
        self._http = httpx.Client(base_url=self.url, timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        try:
            self.prepare()
            self.start_servers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def prepare(self) -> None:
        """Makes the folder, the metadata database and the DAGs in it."""
        for name, kind in (("video_waits.py", "plugins"), ("videos_dag.py", "dags")):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(EXAMPLES / name, self.folder / kind / name)
        for words in (("db", "migrate"), ("dags", "reserialize")):
            done = Worker.start(self._program, *words, log=self.log(words[0]), environment=self.environment)
            if done.process.wait() != 0:
                raise RuntimeError(self.log(words[0]).read_text("utf-8")[-3000:])

    def log(self, name: str) -> Path:
        """The file with the output of the processes that run this command."""
        return self.folder / f"{name}.log"

    def start(self, *words: str) -> Worker:
        """Starts a process of Airflow, and returns at once."""
        worker = Worker.start(self._program, *words, log=self.log(words[0]), environment=self.environment)
        self._workers.append(worker)
        return worker

    def start_triggerer(self) -> Worker:
        """Starts one more triggerer."""
        return self.start("triggerer", "--skip-serve-logs")

    def start_servers(self) -> None:
        """Starts the API server and the scheduler, and returns when the API server responds."""
        server = self.start("api-server")
        self.start("scheduler", "--skip-serve-logs")
        until(lambda: server.process.poll() is not None or self._responds(), START_TIMEOUT)
        if server.process.poll() is not None:
            raise RuntimeError(self.log("api-server").read_text("utf-8")[-3000:])
        token = self._http.get("/auth/token").raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _responds(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._http.get("/api/v2/version").is_success
        return False

    def send(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The response of Airflow's REST API, as JSON. Raises `AssertionError` with the reason of a refusal."""
        response = self._http.request(method, f"/api/v2/{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def run_dag(self, dag_id: str, **conf: object) -> DagRun:
        """Starts a run of a DAG. `conf` are its parameters."""
        self.send("PATCH", f"dags/{dag_id}", {"is_paused": False})
        made = self.send("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})
        return DagRun(self, f"dags/{dag_id}/dagRuns/{made['dag_run_id']}", made["dag_run_id"])

    def close(self) -> None:
        """Kills all processes."""
        for worker in self._workers:
            worker.kill()
        self._http.close()


class DagRun:
    """One run of a DAG."""

    def __init__(self, home: AirflowHome, path: str, run_id: str) -> None:
        self._home, self._path, self.run_id = home, path, run_id

    @property
    def state(self) -> str:
        """Such as `running`, `success` or `failed`."""
        return str(self._home.send("GET", self._path)["state"])

    def tasks(self, task_id: str) -> list[dict[str, Any]]:
        """The instances of a task, as the REST API returns them."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._home.send("GET", f"{self._path}/taskInstances?task_id={task_id}&limit=100&offset={len(found)}")
            found += [each for each in page["task_instances"] if each["task_id"] == task_id]
            if len(found) >= page["total_entries"] or not page["task_instances"]:
                return found

    def states(self, task_id: str) -> list[str]:
        """The states of the instances of a task."""
        return [str(each["state"]) for each in self.tasks(task_id)]

    def attempts(self, task_id: str) -> list[tuple[str, int]]:
        """The states of the instances of a task, and how often each was tried."""
        return [(str(each["state"]), each["try_number"]) for each in self.tasks(task_id)]

    def returned(self, task_id: str, map_index: int = -1) -> Any:  # noqa: ANN401 - JSON
        """The XCom that an instance of a task returned."""
        path = f"{self._path}/taskInstances/{task_id}/xcomEntries/return_value?map_index={map_index}&stringify=false"
        return self._home.send("GET", path)["value"]

    def set_state(self, task_id: str, map_index: int, state: str) -> None:
        """Does what a click on `Mark as ...` does."""
        self._home.send("PATCH", f"{self._path}/taskInstances/{task_id}/{map_index}", {"new_state": state})

    def clear(self, task_id: str) -> None:
        """Lets the instances of a task run again."""
        dag = self._path.split("/dagRuns/")[0]
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": [task_id], "only_failed": False}
        self._home.send("POST", f"{dag}/clearTaskInstances", body)


def until(is_true: Callable[[], bool], seconds: float = 240.0) -> None:
    """Waits until a condition is true. Raises `TimeoutError`."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {seconds:g} s")
        time.sleep(CHECK_INTERVAL)
