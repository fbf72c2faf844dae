"""Copies of the messages on Redis: a worker that is killed while it takes a message loses the message.

Celery's transport takes a message out of its list with one command, and notes with the next command that the message is
not acknowledged. Between the two, only the worker has it. So each message has a copy until its run is over. A copy
whose message is nowhere else is sent again.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

SEARCH_INTERVAL = 30.0
"""Seconds between two searches for lost messages, of all workers together."""


def copies_on(channel: Any, queue: str) -> Copies | None:  # noqa: ANN401 - kombu has no types for its channels
    """The copies of the messages of a queue. None if the broker is not Redis: other brokers lose no message."""
    is_redis = channel.connection.client.transport.driver_type == "redis"
    return Copies(channel, queue) if is_redis else None


class Copies:
    """The copies of the messages of one queue: two keys of Redis, as Celery's transport has two for its messages.

    Two more keys are for the search, and expire by themselves.
    """

    def __init__(self, channel: Any, queue: str) -> None:  # noqa: ANN401 - kombu has no types for its channels
        # redis is there if a channel is.
        from redis import Redis  # noqa: PLC0415

        # Not the client of the channel: it adds the prefix to some of the commands only. `Any`, because the types of
        # redis-py are in part unknown.
        self._redis: Any = Redis(connection_pool=channel.client.connection_pool)
        prefix = channel.global_keyprefix
        self._copies = f"{prefix}{queue}.copies"
        self._index = f"{prefix}{queue}.copies_index"
        self._lock = f"{prefix}{queue}.copies_lock"
        self._missing = f"{prefix}{queue}.copies_missing"
        self._unacked = f"{prefix}{channel.unacked_key}"
        steps = (f"{channel.sep}{step}" if step else "" for step in channel.priority_steps)
        self._lists = [f"{prefix}{queue}{step}" for step in steps]
        self._visibility_timeout = channel.visibility_timeout

    @contextmanager
    def kept(self, message_id: str, texts: Sequence[str]) -> Generator[None]:
        """Stores the copy of a message that the block sends. Removes the copy if the message is not sent."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hset(self._copies, message_id, json.dumps(texts))
            pipeline.zadd(self._index, {message_id: self._now()})
            pipeline.execute()
        try:
            yield
        except BaseException:
            # Redis may have failed.
            with suppress(Exception):
                self.forget(message_id)
            raise

    def forget(self, message_id: str) -> None:
        """Removes the copy of a message whose run is over."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.hdel(self._copies, message_id)
            pipeline.zrem(self._index, message_id)
            pipeline.execute()

    def texts(self, message_id: str) -> list[str]:
        """The tokens of a message. Empty if it has no copy any more."""
        texts: list[str] = json.loads(self._redis.hget(self._copies, message_id) or "[]")
        return texts

    def lost(self) -> set[str]:
        """The ids of the messages that two searches in a row did not find: on no list, and with no worker.

        One search does not suffice: a worker may take the message at this moment. Only one worker searches at a time.
        """
        oldest = self._now() - self._visibility_timeout
        # A message waits for so long only if the workers have too few slots, or if a worker was killed. Only then, all
        # messages are read.
        if not self._redis.zcount(self._index, 0, oldest):
            return set()
        # A little shorter than the interval, so that the next search of the same worker is not refused.
        if not self._redis.set(self._lock, "", nx=True, px=int(SEARCH_INTERVAL * 900)):
            return set()
        missing = self._search(oldest)
        lost = missing & {message_id.decode() for message_id in self._redis.smembers(self._missing)}
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(self._missing)
            for message_id in missing - lost:
                pipeline.sadd(self._missing, message_id)
            pipeline.pexpire(self._missing, int(SEARCH_INTERVAL * 3000))
            for message_id in lost:
                # No other worker finds it before another visibility timeout, in which this one may be killed, too.
                pipeline.zadd(self._index, {message_id: self._now()}, xx=True)
            pipeline.execute()
        return lost

    def _search(self, oldest: float) -> set[str]:
        """The ids of the messages that were sent before `oldest` and that are nowhere."""
        with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.zrangebyscore(self._index, 0, oldest)
            pipeline.hvals(self._unacked)
            for key in self._lists:
                pipeline.lrange(key, 0, -1)
            ids, unacked, *queued = pipeline.execute()
        messages = [json.loads(text)[0] for text in unacked] + [json.loads(text) for texts in queued for text in texts]
        # A message of another program may have no id.
        return {message_id.decode() for message_id in ids} - {each.get("headers", {}).get("id") for each in messages}

    def _now(self) -> float:
        # The clock of Redis: the clocks of the workers may differ.
        seconds, microseconds = self._redis.time()
        now: float = seconds + microseconds / 1e6
        return now
