"""The arguments of `VideoWaits` and the settings of the app: which ones are refused."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import ImproperlyConfigured
from kombu import Queue

from meshapi_video import (
    WaitResult,
)
from meshapi_video.celery import VideoWaits
from support.celery_waits import (
    NAME,
    Consumer,
    Ends,
    Mesh,
    ids_of,
    queued,
    run_one,
    start,
)


@pytest.mark.parametrize("settings", [{"chunk": 0}, {"budget": 0.5}, {"budget": 601}, {"budget": True}])
def test_a_chunk_or_a_budget_out_of_its_range_is_refused(app: Celery, ends: Ends, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        VideoWaits(app, ends, **settings)


def test_a_coroutine_function_is_refused_as_on_end(app: Celery) -> None:
    async def on_end(_result: WaitResult) -> None: ...

    with pytest.raises(TypeError, match="on_end"):
        VideoWaits(app, on_end)


def test_a_second_object_for_the_same_queue_is_refused_and_one_for_another_queue_works(
    app: Celery, waits: VideoWaits, ends: Ends, mesh: Mesh
) -> None:
    with pytest.raises(ValueError, match="queue="):
        VideoWaits(app, ends)
    other = Ends()
    others = VideoWaits(app, other, queue="others", client=mesh.client)
    waits.add(["task-1"])
    others.add(["task-2"])
    assert ids_of(queued(app, "others")) == [["task-2"]]
    run_one(app)
    assert (ends.ids, other.ids) == (["task-1"], [])


def test_the_task_is_no_task_of_other_apps(waits: VideoWaits) -> None:  # noqa: ARG001 - it registers the task
    assert NAME not in Celery("another", set_as_current=False).tasks


def test_a_worker_consumes_the_waits_unless_its_queues_are_named(app: Celery, waits: VideoWaits) -> None:  # noqa: ARG001
    assert start(app) == ["celery", "meshapi_video"]


@pytest.mark.parametrize("name", ["celery", "meshapi_video"])
def test_with_named_queues_a_worker_consumes_only_these(app: Celery, waits: VideoWaits, name: str) -> None:  # noqa: ARG001
    assert start(app, name) == [name]


def test_a_queue_that_the_settings_declare_is_used_as_it_is(app: Celery, ends: Ends, mesh: Mesh) -> None:
    app.conf.task_queues = {"meshapi_video": {"exchange": "mine", "routing_key": "waits"}}
    VideoWaits(app, ends, client=mesh.client)
    assert start(app) == ["meshapi_video"]
    assert app.amqp.queues["meshapi_video"].exchange.name == "mine"


@pytest.mark.parametrize(("named", "consumed"), [([], ["celery", "meshapi_video"]), (["celery"], ["celery"])])
def test_a_worker_consumes_the_waits_also_if_the_program_has_added_their_queue_itself(
    app: Celery, waits: VideoWaits, named: list[str], consumed: list[str]
) -> None:
    queue = Queue("meshapi_video", routing_key="waits", queue_arguments={"x-queue-type": "quorum"})
    app.amqp.queues.add(queue)
    waits.add(["task-1"])
    assert start(app, *named) == consumed
    assert app.amqp.queues["meshapi_video"] is queue


REDIS = [
    "redis://localhost/0",
    "rediss://localhost/0",
    "redis+socket:///run/redis.sock",
    "sentinel://localhost:1;sentinel://localhost:2",
    "amqp://localhost;redis://localhost",
    ["amqp://localhost", "redis://localhost"],
]


def on_redis(
    ends: Ends, broker: str | list[str] = "redis://localhost/0", *, budget: float = 30, **settings: object
) -> VideoWaits:
    app = Celery("videos", set_as_current=False)
    waits = VideoWaits(app, ends, budget=budget)
    # After `VideoWaits` was made, as a program may do it.
    app.conf.update(broker_url=broker, **settings)
    return waits


@pytest.mark.parametrize("broker", REDIS)
def test_a_redis_broker_with_the_default_visibility_timeout_is_refused_with_the_line_that_mends_it(
    ends: Ends, broker: str | list[str]
) -> None:
    with pytest.raises(ImproperlyConfigured, match="an hour") as refused:
        on_redis(ends, broker).add(["task-1"])
    assert 'broker_transport_options = {"visibility_timeout": 270}' in str(refused.value)


@pytest.mark.parametrize(("timeout", "multiplier"), [(269, 4), (89, 1), ("60", 1)])
def test_a_visibility_timeout_within_which_a_wait_may_still_run_is_refused(
    ends: Ends, timeout: float | str, multiplier: int
) -> None:
    waits = on_redis(
        ends, broker_transport_options={"visibility_timeout": timeout}, worker_prefetch_multiplier=multiplier
    )
    with pytest.raises(ImproperlyConfigured, match=f"{timeout} s is too short"):
        waits.add(["task-1"])


@pytest.mark.parametrize(
    ("timeout", "multiplier", "budget"), [(270, 4, 30), (90, 1, 30), ("90", 1, 30), (32, 1, 1), (43200, 4, 30)]
)
def test_a_visibility_timeout_that_is_long_enough_is_accepted(
    ends: Ends, timeout: float | str, multiplier: int, budget: float
) -> None:
    on_redis(ends, budget=budget, broker_transport_options={"visibility_timeout": timeout})._check_settings(multiplier)


def test_a_redis_broker_is_recognized_by_the_setting_of_the_transport_too(ends: Ends) -> None:
    with pytest.raises(ImproperlyConfigured, match="an hour"):
        on_redis(ends, "localhost", broker_transport="redis").add(["task-1"])


def test_a_redis_broker_with_an_endless_prefetch_is_refused(ends: Ends) -> None:
    waits = on_redis(ends, worker_prefetch_multiplier=0, broker_transport_options={"visibility_timeout": 43200})
    with pytest.raises(ImproperlyConfigured, match="worker_prefetch_multiplier = 1"):
        waits.add(["task-1"])


def test_a_redis_broker_that_forgets_what_a_worker_takes_is_refused(ends: Ends) -> None:
    waits = on_redis(ends, broker_transport_options={"visibility_timeout": 270, "ack_emulation": False})
    with pytest.raises(ImproperlyConfigured, match="ack_emulation"):
        waits.add(["task-1"])


def test_messages_of_an_older_protocol_are_refused(app: Celery, waits: VideoWaits) -> None:
    app.conf.task_protocol = 1
    with pytest.raises(ImproperlyConfigured, match="task_protocol = 2"):
        waits.add(["task-1"])


def test_an_app_that_would_drop_json_is_refused(app: Celery, waits: VideoWaits) -> None:
    app.conf.accept_content = ["pickle"]
    with pytest.raises(ImproperlyConfigured, match="accept_content"):
        waits.add(["task-1"])


def test_a_worker_with_such_settings_does_not_start(ends: Ends) -> None:
    waits = on_redis(ends, broker_transport_options={"visibility_timeout": 100})
    [step] = waits._app.steps["consumer"]
    step(None).start(Consumer(waits._app))
    with pytest.raises(ImproperlyConfigured, match="too short"):
        # From the command line: the settings do not have it.
        step(None).start(Consumer(waits._app, prefetch_multiplier=2))


def test_only_a_worker_of_a_redis_broker_looks_for_lost_messages_and_a_new_connection_adds_no_second_timer(
    app: Celery,
    waits: VideoWaits,  # noqa: ARG001 - it adds the step
    ends: Ends,
) -> None:
    on_memory, redis = (
        Consumer(app),
        Consumer(on_redis(ends, broker_transport_options={"visibility_timeout": 270})._app),
    )
    for consumer in (on_memory, redis):
        [make_step] = consumer.app.steps["consumer"]
        step = make_step(None)
        step.start(consumer)
        step.start(consumer)
    assert on_memory.timer.queue == []
    assert [entry.entry.canceled for entry in redis.timer.queue] == [True, False]


def test_without_celery_the_import_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "celery", None)
    monkeypatch.delitem(sys.modules, "meshapi_video.celery")
    with pytest.raises(ImportError, match=r"pip install 'meshapi-video\[celery\]'"):
        importlib.import_module("meshapi_video.celery")


def test_the_sdk_imports_celery_only_for_its_users() -> None:
    program = "import sys, meshapi_video as m; m.VideoClient; print([n for n in sys.modules if n.startswith('celery')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"
