"""The guide's trigger and operator, without the processes of Airflow: they never block the triggerer's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib
import json
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import attrs
import pytest
import trustme

from meshapi_video import PaymentRequiredError, WaitToken
from meshapi_video_sandbox import Sandbox
from support.clients import KEY
from support.clock import Clock
from support.many_tasks import eventually_async
from support.server import Server, finished, response, serving, task

pytestmark = pytest.mark.filterwarnings("ignore")  # Airflow's own imports warn

URL: Final = "https://cdn.example/v.mp4"


@pytest.fixture
def guide(server: Server, monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    """The guide's module, as it is after the start of a triggerer."""
    monkeypatch.setenv("MESHAPI_API_KEY", KEY)
    monkeypatch.setenv("MESHAPI_BASE_URL", server.base_url)
    module = importlib.import_module("video_waits")
    module.shared_client.cache_clear()
    yield module
    module.shared_client.cache_clear()


@pytest.fixture
def clock(guide: Any) -> Clock:
    """Virtual time of the guide's client."""
    clock, client = Clock(), guide.shared_client()
    client._clock, client._sleep = clock, clock.sleep_async
    return clock


def token_of(task_id: str = "task-1", **fields: Any) -> str:
    return attrs.evolve(WaitToken(task_id=task_id, started=time.time(), polls=0, not_before=0), **fields).to_json()


async def events_of(trigger: Any) -> list[Any]:
    """What the trigger yields, as it is after Airflow has stored it."""
    events: AsyncIterator[Any] = trigger.run()
    return [json.loads(json.dumps(event.payload)) async for event in events]


def event_of(trigger: Any) -> Any:
    (event,) = asyncio.run(asyncio.wait_for(events_of(trigger), 60))
    return event


def test_another_triggerer_makes_the_same_trigger_from_its_stored_arguments(guide: Any) -> None:
    airflow = importlib.import_module("airflow.models.trigger")
    token = token_of(polls=7)
    path, arguments = guide.VideoTrigger(token).serialize()
    stored = airflow.Trigger.encrypt_kwargs(arguments)
    module, name = path.rsplit(".", 1)
    again = getattr(importlib.import_module(module), name)(**airflow.Trigger._decrypt_kwargs(stored))
    assert again.serialize() == (path, {"token": token})
    assert WaitToken.from_json(again.token).polls == 7


@pytest.mark.usefixtures("clock")
def test_the_event_of_a_video_has_its_id_and_its_urls(guide: Any, server: Server) -> None:
    server.script(task("queued"), task("running"), finished())
    assert event_of(guide.VideoTrigger(token_of())) == {"id": "task-1", "url": URL, "last_frame_url": None}


@pytest.mark.parametrize(
    ("status", "name"), [("failed", "TaskFailed"), ("expired", "TaskExpired"), ("cancelled", "TaskCancelled")]
)
def test_an_end_without_a_video_is_an_event_that_is_final(guide: Any, server: Server, status: str, name: str) -> None:
    server.script(task(status))
    event = event_of(guide.VideoTrigger(token_of()))
    assert (event["error"], event["is_final"]) == (name, True)
    assert "task-1" in event["message"]


def test_a_refusal_is_an_event_that_is_not_final(guide: Any, server: Server) -> None:
    server.script(response(401, {"error": {"message": "no such key"}}))
    event = event_of(guide.VideoTrigger(token_of()))
    assert (event["error"], event["is_final"]) == ("AuthenticationError", False)


def test_a_missing_key_is_an_event_and_no_crash(guide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MESHAPI_API_KEY")
    event = event_of(guide.VideoTrigger(token_of()))
    assert (event["error"], event["is_final"]) == ("MeshVideoError", False)
    assert "MESHAPI_API_KEY" in event["message"]


@pytest.mark.usefixtures("clock")
def test_a_wait_goes_on_after_failed_polls(guide: Any, server: Server) -> None:
    server.script(response(503), response(502), finished())
    assert event_of(guide.VideoTrigger(token_of()))["url"] == URL


def test_the_triggers_of_a_triggerer_share_one_client(guide: Any, server: Server) -> None:
    server.script(finished())

    async def many() -> None:
        waits = [events_of(guide.VideoTrigger(token_of())) for _ in range(50)]
        await asyncio.wait_for(asyncio.gather(*waits), 60)

    client = guide.shared_client()
    asyncio.run(many())
    assert len(server.requests) == 50
    assert guide.shared_client() is client
    assert guide.shared_client.cache_info().currsize == 1


def test_a_trigger_whose_token_is_not_due_waits_until_it_is(guide: Any, server: Server, clock: Clock) -> None:
    server.script(finished())
    event_of(guide.VideoTrigger(token_of(polls=3, next_poll_at=time.time() + 40)))
    assert len(server.requests) == 1
    assert sum(clock.sleeps) == pytest.approx(40, abs=5)


def test_a_cancelled_trigger_sends_no_further_poll(guide: Any, server: Server) -> None:
    server.script(task("running"))

    async def cancel() -> int:
        wait = asyncio.create_task(events_of(guide.VideoTrigger(token_of())))
        await eventually_async(lambda: len(server.requests) == 1)
        wait.cancel("the user cleared the task")
        with contextlib.suppress(asyncio.CancelledError):
            await wait
        polls = len(server.requests)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return polls

    assert asyncio.run(cancel()) == len(server.requests)


@pytest.fixture
def tls_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Server]:
    """A server over TLS, with a certificate authority that the client has to read from a file."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # trustme does not state the type of a context of the standard library.
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with serving(context) as started:
        monkeypatch.setenv("MESHAPI_BASE_URL", started.base_url)
        yield started


def test_a_new_client_and_its_certificates_do_not_block_the_other_triggers(
    guide: Any, tls_server: Server, blocking_calls: list[str]
) -> None:
    tls_server.script(finished())

    async def many() -> None:
        waits = [events_of(guide.VideoTrigger(token_of())) for _ in range(10)]
        await asyncio.wait_for(asyncio.gather(*waits), 60)

    asyncio.run(many())
    assert len(tls_server.requests) == 10
    assert blocking_calls == []


def test_the_polls_of_a_trigger_do_not_block_the_other_triggers(
    guide: Any, server: Server, clock: Clock, blocking_calls: list[str]
) -> None:
    server.script(task("queued"), response(503), task("running"), finished())
    event_of(guide.VideoTrigger(token_of()))
    assert len(clock.sleeps) == 3
    assert blocking_calls == []


_AUDITED: Final = {"open", "os.listdir", "os.scandir", "subprocess.Popen", "socket.getaddrinfo"}
_audited: list[Callable[[str], object]] = []


def _audit(event: str, _arguments: tuple[object, ...]) -> None:
    if event in _AUDITED:
        for record in _audited:
            record(event)


sys.addaudithook(_audit)


@pytest.fixture
def blocking_calls(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """The calls in this thread, in which the event loop runs, that wait for a disk, the network or a clock."""
    calls: list[str] = []
    thread = threading.get_ident()

    def record(event: str) -> None:
        if threading.get_ident() == thread:
            calls.append(event)

    for owner, name in ((time, "sleep"), (ssl.SSLContext, "load_verify_locations")):
        replaced = getattr(owner, name)

        def recording(*arguments: Any, _name: str = name, _replaced: Any = replaced, **named: Any) -> Any:
            record(_name)
            return _replaced(*arguments, **named)

        monkeypatch.setattr(owner, name, recording)
    _audited.append(record)
    yield calls
    _audited.remove(record)


def test_the_check_for_blocking_calls_finds_them(blocking_calls: list[str]) -> None:
    async def main() -> None:
        time.sleep(0)  # noqa: ASYNC251
        Path(__file__).read_bytes()  # noqa: ASYNC240
        await asyncio.to_thread(time.sleep, 0)

    asyncio.run(main())
    assert blocking_calls == ["sleep", "open"]


def operator(guide: Any, **arguments: Any) -> Any:
    return guide.WaitForVideo(task_id="wait", video_task_id="task-1", **arguments)


def test_the_operator_defers_with_a_token_and_its_time_limit(guide: Any) -> None:
    hour = datetime.timedelta(hours=1)
    deferred = importlib.import_module("airflow.sdk.exceptions").TaskDeferred
    with pytest.raises(deferred) as raised:
        operator(guide, execution_timeout=hour).execute({})
    assert WaitToken.from_json(raised.value.trigger.token).task_id == "task-1"
    assert (raised.value.method_name, raised.value.timeout) == ("execute_complete", hour)


def test_the_operator_returns_the_plain_data_of_the_event(guide: Any) -> None:
    event = {"id": "task-1", "url": URL, "last_frame_url": None}
    assert operator(guide).execute_complete({}, event) == event


@pytest.mark.parametrize(("is_final", "name"), [(True, "AirflowFailException"), (False, "AirflowException")])
def test_the_operator_is_retried_unless_the_end_is_final(guide: Any, is_final: bool, name: str) -> None:  # noqa: FBT001
    event = {"error": "TaskFailed", "message": "no video", "is_final": is_final}
    with pytest.raises(Exception, match="TaskFailed: no video") as raised:
        operator(guide).execute_complete({}, event)
    assert type(raised.value).__name__ == name


def create(monkeypatch: pytest.MonkeyPatch, folder: Path, prompt: str = "a lake", run_id: str = "run-1") -> Any:
    """What the DAG's task `create_video` returns in a run of the DAG."""
    monkeypatch.setenv("VIDEOS_FOLDER", str(folder))
    dag = importlib.reload(importlib.import_module("videos_dag"))
    instance = SimpleNamespace(dag_id="videos", task_id="create_video", run_id=run_id, map_index=0)
    monkeypatch.setattr(dag, "get_current_context", lambda: {"ti": instance})
    return dag.create_video.function(prompt)


@pytest.fixture
def folder(meshapi_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MESHAPI_BASE_URL", meshapi_sandbox.base_url)
    monkeypatch.setenv("MESHAPI_API_KEY", meshapi_sandbox.api_key)
    return tmp_path


def test_the_create_of_a_run_is_paid_for_once_however_often_it_runs(
    meshapi_sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create(monkeypatch, folder) == create(monkeypatch, folder)
    assert len(meshapi_sandbox.creates()) == 1
    create(monkeypatch, folder, run_id="run-2")
    assert len(meshapi_sandbox.creates()) == 2


def test_a_create_that_was_killed_is_not_sent_again_and_the_error_names_the_command(
    meshapi_sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(monkeypatch, folder)
    journal = folder / "run-1.journal"
    # The worker was killed before it wrote how the create ended.
    journal.write_text(journal.read_text("utf-8").splitlines(keepends=True)[0], "utf-8")
    with pytest.raises(Exception, match="meshapi-video journal") as raised:
        create(monkeypatch, folder)
    assert type(raised.value).__name__ == "AirflowFailException"
    assert len(meshapi_sandbox.creates()) == 1


def test_a_create_that_the_server_refused_is_sent_again(
    meshapi_sandbox: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meshapi_sandbox.plan_creates(create_faults=[{"creates": [1], "status": 402}])
    with pytest.raises(PaymentRequiredError):
        create(monkeypatch, folder)
    assert create(monkeypatch, folder) == meshapi_sandbox.creates()[0].id
    assert len(meshapi_sandbox.creates()) == 1
