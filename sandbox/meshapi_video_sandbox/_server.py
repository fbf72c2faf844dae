"""Puts gateway and upstream together, and serves both."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Final

import msgspec
import uvicorn
from anyio import TASK_STATUS_IGNORED
from attrs import frozen

from meshapi_video_sandbox._asking import asking
from meshapi_video_sandbox._clock import Clock
from meshapi_video_sandbox._connections import Connections
from meshapi_video_sandbox._control import Control, add_control
from meshapi_video_sandbox._database import open_database
from meshapi_video_sandbox._example import EXAMPLE
from meshapi_video_sandbox._faults import Faults
from meshapi_video_sandbox._gateway import Gateway, create_app
from meshapi_video_sandbox._settings import SandboxError, Upstream
from meshapi_video_sandbox._store import Store, digest
from meshapi_video_sandbox._upstream import UPSTREAM_KEY, Plans, create_upstream
from meshapi_video_wire import VideoTaskResponse as WireTask

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from anyio.abc import TaskStatus
    from fastapi import FastAPI

    from meshapi_video_sandbox._settings import Settings

# Pydantic shares what it makes of an annotation, and two threads that make it at once disturb each other.
_building: Final = threading.Lock()
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - recognised here, never chosen


@frozen
class Place:
    """Where something listens."""

    listener: socket.socket
    host: str

    @property
    def url(self) -> str:
        """How it is reached from this machine."""
        reached = "127.0.0.1" if self.host in _EVERYWHERE else self.host
        address = f"[{reached}]" if ":" in reached else reached
        return f"http://{address}:{self.listener.getsockname()[1]}"


@frozen
class Resources:
    """What a sandbox holds open."""

    connection: sqlite3.Connection
    gateway: Place
    simulated: Place | None
    upstream: Upstream


@contextmanager
def resources(settings: Settings) -> Generator[Resources]:
    """The database and the ports, until the block ends; `SandboxError` for what cannot be had."""
    upstream = settings.real_upstream()
    with ExitStack() as opened:
        connection = opened.enter_context(closing(_opened(settings)))
        gateway = opened.enter_context(_listening(settings.host, settings.port, "--port"))
        simulated = None
        if upstream is None:
            simulated = opened.enter_context(_listening(settings.host, settings.upstream_port, "--upstream-port"))
            upstream = Upstream(f"{simulated.url}/api/v3", UPSTREAM_KEY, simulated=True)
        yield Resources(connection, gateway, simulated, upstream)


def _opened(settings: Settings) -> sqlite3.Connection:
    try:
        connection = open_database(settings.db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise SandboxError(f"another sandbox uses the tasks' file {settings.db}: end it first") from error
        raise _unusable(settings.db, error) from error
    except sqlite3.Error as error:
        raise _unusable(settings.db, error) from error
    try:
        store, owner = Store(connection), digest(settings.keys[0])
        example = msgspec.convert(EXAMPLE, WireTask)
        store.learn(example, owner, float(example.updated_at or 0), asked=0)
        store.hand_over(example.id, owner)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(settings.db, error) from error
    return connection


def _unusable(db: Path | None, error: sqlite3.Error) -> SandboxError:
    return SandboxError(f"the tasks' file {db} cannot be used: {error}")


@contextmanager
def _listening(host: str, port: int, option: str) -> Generator[Place]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without it each answer
    # waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(1024)
        except OSError as error:
            reason = f"cannot listen on {host}:{port}: {error.strerror or error} ({option} 0 picks a free port)"
            raise SandboxError(reason) from error
        yield Place(listener, host)


async def serve_both(
    settings: Settings, held: Resources, *, task_status: TaskStatus[Callable[[], None]] = TASK_STATUS_IGNORED
) -> None:
    """Answers requests; starts with a function that ends it."""
    clock, stopping = Clock(), asyncio.Event()
    store, plans = Store(held.connection), Plans(held.connection)
    async with asking(held.upstream) as asker:
        gateway = Gateway(store, plans, clock, Faults("gateway", stopping), asker)
        control = Control(held.connection, store, plans if held.simulated else None, clock, settings.keys)
        with _building:
            app = create_app(gateway, settings.keys)
            add_control(app, control, clock)
            servers = [(_server(app, clock), held.gateway)]
            if held.simulated is not None:
                upstream = create_upstream(plans, clock, Faults("upstream", stopping), held.simulated.url)
                servers.append((_server(upstream, clock), held.simulated))
        async with asyncio.TaskGroup() as group:
            for server, place in servers:
                group.create_task(server.serve([place.listener]))
            task_status.started(stopping.set)
            await stopping.wait()
            for server, _ in servers:
                server.should_exit = True


def _server(app: FastAPI, clock: Clock) -> uvicorn.Server:
    connections = Connections(app, clock)
    server = uvicorn.Server(
        uvicorn.Config(
            connections,
            http="h11",
            ws="none",
            lifespan="off",
            # The process may be somebody's tests, whose logging is theirs to set up.
            log_config=None,
            access_log=False,
            date_header=False,
            # It would make another address of a client's, by which its connection is not found.
            proxy_headers=False,
            # Longer than clients keep theirs, so that none sends on a connection that is just being closed.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )
    connections.server = server.server_state
    return server
