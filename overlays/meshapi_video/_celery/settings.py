"""Refuses the settings of a Celery app that would lose waits, or hide them for long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from celery.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from celery.app.utils import Settings

REDIS: Final = frozenset({"redis", "rediss", "redis+socket", "sentinel"})
"""The brokers whose messages other workers see again after the visibility timeout."""
MARGIN: Final = 30.0
"""Seconds that a Redis broker has to leave beyond the longest run, for the last call of `on_end`."""


def check_settings(conf: Settings, budget: float, prefetch_multiplier: int) -> None:
    """Raises `ImproperlyConfigured`, with the line that mends the settings."""
    if not {"json", "application/json"}.intersection(conf.accept_content):
        raise ImproperlyConfigured(
            "Celery would drop the waits for videos, which are JSON: add 'json' to the setting accept_content"
        )
    if conf.task_protocol != 2:
        raise ImproperlyConfigured("waits for videos need the messages of Celery's protocol 2: set task_protocol = 2")
    if uses_redis(conf):
        _check_visibility_timeout(conf, budget, prefetch_multiplier)


def uses_redis(conf: Settings) -> bool:
    """Whether a broker of the app is Redis."""
    urls = conf.broker_read_url or ""
    is_text = isinstance(urls, str)  # pyright: ignore[reportUnnecessaryIsInstance] - it may be a list
    transports = {url.partition(":")[0] for url in (urls.split(";") if is_text else urls)}
    return not REDIS.isdisjoint({conf.broker_transport, *transports})


def _check_visibility_timeout(conf: Settings, budget: float, prefetch_multiplier: int) -> None:
    if not prefetch_multiplier:
        raise ImproperlyConfigured(
            "a Redis broker would deliver waits for videos again while they are in a worker's memory: set "
            "worker_prefetch_multiplier = 1"
        )
    if not conf.broker_transport_options.get("ack_emulation", True):
        raise ImproperlyConfigured(
            'Redis would forget the waits of a killed worker: remove "ack_emulation" from broker_transport_options'
        )
    least = 2 * budget * prefetch_multiplier + MARGIN
    timeout = conf.broker_transport_options.get("visibility_timeout")
    if timeout is not None and float(timeout) >= least:
        return
    problem = (
        "Redis would hide the waits of a killed worker for an hour, its default visibility_timeout"
        if timeout is None
        else f"the visibility_timeout of {timeout} s is too short: Redis would deliver waits again while they run"
    )
    raise ImproperlyConfigured(
        f'{problem}. Set broker_transport_options = {{"visibility_timeout": {least:g}}} (twice the budget of '
        f"{budget:g} s, times worker_prefetch_multiplier, {prefetch_multiplier}, and {MARGIN:g} s) or more"
    )
