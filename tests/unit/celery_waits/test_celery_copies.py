"""Copies of the messages on Redis: a message that a killed worker has lost is sent again, and no other message.

The server is fakeredis, over a real socket. tests/engines/test_celery.py loses a message of a real Redis.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator

import pytest
from celery import Celery
from fakeredis import TcpFakeServer
from kombu import Message
from kombu.exceptions import OperationalError
from kombu.transport.redis import Channel
from redis import Redis

from meshapi_video.celery import VideoWaits
from support.celery_waits import Ends, Mesh, ids_of, queued, run_one, shut_down, start

QUEUE = "meshapi_video"
PREFIX = "videos:"


@pytest.fixture(scope="module")
def server() -> Generator[TcpFakeServer]:
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def redis(server: TcpFakeServer) -> Generator[Redis]:
    host, port = server.server_address[:2]
    with Redis(str(host), int(port)) as client:
        client.flushdb()  # pyright: ignore[reportUnknownMemberType] - redis-py types it in part
        yield client


@pytest.fixture
def app(app: Celery, redis: Redis) -> Celery:
    address = redis.connection_pool.connection_kwargs
    app.conf.update(
        broker_url=f"redis://{address['host']}:{address['port']}",
        broker_transport_options={"visibility_timeout": 270, "global_keyprefix": PREFIX},
    )
    return app


def lose(redis: Redis, queue: str) -> None:
    """A worker takes a message, and is killed before it notes that the message is not acknowledged."""
    assert redis.rpop(queue)


def raise_error(*_arguments: object, **_options: object) -> None:
    raise OperationalError("Redis is out of memory")


def visibility_timeout_passes(redis: Redis) -> None:
    index = f"{PREFIX}{QUEUE}.copies_index"
    for message_id in redis.hkeys(f"{PREFIX}{QUEUE}.copies"):
        assert isinstance(message_id, bytes)
        redis.zadd(index, {message_id: 1.0})


def search(waits: VideoWaits, redis: Redis, times: int = 2) -> None:
    for _ in range(times):
        waits._messages.send_lost()
        # The interval passes.
        redis.delete(f"{PREFIX}{QUEUE}.copies_lock")


def copies(redis: Redis) -> int:
    number = redis.hlen(f"{PREFIX}{QUEUE}.copies")
    assert redis.zcard(f"{PREFIX}{QUEUE}.copies_index") == number
    return int(number)


@pytest.mark.parametrize("priority", [0, 5])
def test_a_message_that_was_lost_when_a_worker_was_killed_is_sent_again(
    app: Celery,
    waits: VideoWaits,
    redis: Redis,
    priority: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.conf.task_default_priority = priority
    waits.add(["task-1", "task-2"])
    lose(redis, PREFIX + QUEUE + ("\x06\x163" if priority else ""))
    visibility_timeout_passes(redis)
    search(waits, redis)
    assert copies(redis) == 1
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "2 waits are sent again" in record.getMessage()
    assert ids_of(queued(app)) == [["task-1", "task-2"]]


@pytest.mark.parametrize("priority", [0, 5])
def test_a_message_that_waits_for_a_worker_is_not_sent_again(
    app: Celery, waits: VideoWaits, redis: Redis, priority: int
) -> None:
    app.conf.task_default_priority = priority
    waits.add(["task-1"])
    visibility_timeout_passes(redis)
    search(waits, redis)
    assert ids_of(queued(app)) == [["task-1"]]


def test_a_message_that_a_worker_has_is_not_sent_again(app: Celery, waits: VideoWaits, redis: Redis) -> None:
    waits.add(["task-1"])
    with app.producer_or_acquire() as producer:
        producer.publish("a message of another program", routing_key=QUEUE)
    visibility_timeout_passes(redis)
    with app.connection_for_read() as connection, connection.channel() as channel:
        queue = app.amqp.queues[QUEUE].bind(channel)
        taken: list[Message | None] = [queue.get(), queue.get()]
        search(waits, redis)
        assert None not in taken
        assert queue.get() is None


def test_a_message_that_a_worker_takes_at_this_moment_is_not_sent_again(
    app: Celery, waits: VideoWaits, redis: Redis
) -> None:
    waits.add(["task-1"])
    message = redis.rpop(PREFIX + QUEUE)
    assert isinstance(message, bytes)
    visibility_timeout_passes(redis)
    search(waits, redis, times=1)
    # The worker notes that it has the message, and gives it back.
    redis.lpush(PREFIX + QUEUE, message)
    search(waits, redis)
    assert ids_of(queued(app)) == [["task-1"]]


def test_a_lost_message_is_not_sent_again_before_the_visibility_timeout(
    app: Celery, waits: VideoWaits, redis: Redis
) -> None:
    waits.add(["task-1"])
    lose(redis, PREFIX + QUEUE)
    search(waits, redis)
    assert queued(app) == []


def test_two_workers_send_a_lost_message_again_once(app: Celery, waits: VideoWaits, redis: Redis) -> None:
    other = Celery("videos", set_as_current=False)
    other.conf.update(app.conf)
    others = VideoWaits(other, Ends())
    waits.add(["task-1"])
    lose(redis, PREFIX + QUEUE)
    visibility_timeout_passes(redis)
    for each in (waits, others, waits, others):
        # Within one interval, only the first one searches.
        each._messages.send_lost()
    assert redis.llen(PREFIX + QUEUE) == 0
    redis.delete(f"{PREFIX}{QUEUE}.copies_lock")
    for each in (others, waits):
        each._messages.send_lost()
    search(others, redis)
    assert ids_of(queued(app)) == [["task-1"]]


def test_a_message_that_could_not_be_sent_has_no_copy(
    app: Celery, waits: VideoWaits, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits.add(["task-1"])
    lose(redis, PREFIX + QUEUE)
    visibility_timeout_passes(redis)
    search(waits, redis, times=1)
    with monkeypatch.context() as patch:
        patch.setattr(Channel, "_put", raise_error)
        with pytest.raises(OperationalError):
            waits.add(["task-2"])
        with pytest.raises(OperationalError):
            waits._messages.send_lost()
    assert copies(redis) == 1
    redis.delete(f"{PREFIX}{QUEUE}.copies_lock")
    search(waits, redis)
    assert redis.llen(PREFIX + QUEUE) == 0  # a worker may be sending it
    visibility_timeout_passes(redis)
    search(waits, redis)
    assert ids_of(queued(app)) == [["task-1"]]


def test_a_lost_message_whose_copy_was_removed_in_the_meantime_is_not_sent_again(
    app: Celery, waits: VideoWaits, redis: Redis
) -> None:
    waits.add(["task-1"])
    lose(redis, PREFIX + QUEUE)
    visibility_timeout_passes(redis)
    redis.delete(f"{PREFIX}{QUEUE}.copies")
    search(waits, redis)
    assert queued(app) == []
    assert copies(redis) == 0


def test_when_all_tasks_have_ended_no_copy_is_left(app: Celery, waits: VideoWaits, redis: Redis, ends: Ends) -> None:
    # Two messages, which are merged.
    waits.add(["task-1"])
    waits.add(["task-2"])
    assert copies(redis) == 2
    run_one(app)
    assert ends.ids == ["task-1", "task-2"]
    assert copies(redis) == 0


def test_waits_that_are_sent_on_have_a_copy_of_their_new_message_alone(
    app: Celery, waits: VideoWaits, redis: Redis, mesh: Mesh
) -> None:
    start(app)
    mesh.statuses["task-1"] = "running"
    mesh.when_polled = shut_down
    waits.add(["task-1"])
    run_one(app)
    assert copies(redis) == 1
    lose(redis, PREFIX + QUEUE)
    visibility_timeout_passes(redis)
    search(waits, redis)
    assert ids_of(queued(app)) == [["task-1"]]


def test_a_search_for_lost_messages_does_nothing_on_another_broker(app: Celery, waits: VideoWaits) -> None:
    app.conf.update(broker_url="memory://")
    waits._messages.send_lost()
    assert queued(app) == []
