"""The engines that the harness can run, by their names on the command line."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tools.fleet.engine import Engine

ENGINES: Final = {
    "celery-rabbitmq": "tools.fleet.celery_engine:CeleryOnRabbitMQ",
    "celery-redis": "tools.fleet.celery_engine:CeleryOnRedis",
    "temporal": "tools.fleet.temporal_engine:TemporalWaits",
    "temporal-polls": "tools.fleet.temporal_engine:TemporalPolls",
    "procrastinate": "tools.fleet.procrastinate_engine:ProcrastinateEngine",
    "airflow": "tools.fleet.airflow_engine:AirflowEngine",
}
"""Where the class of each engine is. Its module is imported only for a run of this engine."""
TOGETHER: Final = [name for name in ENGINES if name != "airflow"]
"""The engines of one environment. Airflow needs its own. It starts two processes for each wait, so that a run with ten
thousand tasks would take days."""
WITHOUT_CHILDREN: Final = {"temporal", "temporal-polls", "procrastinate"}
"""The engines whose workers have no child processes that could be killed."""


def load_engine(name: str) -> Callable[[Path], Engine]:
    """The class of an engine, by its name or as `module:Class`. Its argument is the folder of its server."""
    module, _, attribute = ENGINES.get(name, name).partition(":")
    factory: Callable[[Path], Engine] = getattr(importlib.import_module(module), attribute)
    return factory
