"""Real servers for tests: on free ports of 127.0.0.1, with their data in a folder, and ended with this process."""

from tools.fleet.servers.postgresql import PostgreSQL
from tools.fleet.servers.rabbitmq import RabbitMQ
from tools.fleet.servers.redis import Redis
from tools.fleet.servers.server import MissingServer, Server, ServerError
from tools.fleet.servers.temporal import TemporalServer

__all__ = ["MissingServer", "PostgreSQL", "RabbitMQ", "Redis", "Server", "ServerError", "TemporalServer"]
