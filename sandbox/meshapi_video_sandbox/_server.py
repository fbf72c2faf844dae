"""Connects the gateway with its upstream, and serves both."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
from anyio import TASK_STATUS_IGNORED
from attrs import frozen

from meshapi_video_sandbox._browser import BrowserCheck
from meshapi_video_sandbox._callbacks import open_callback_sender
from meshapi_video_sandbox._clock import Clock
from meshapi_video_sandbox._connections import ConnectionMiddleware
from meshapi_video_sandbox._control import Control, add_control_routes
from meshapi_video_sandbox._create_faults import CreateFaultInjector
from meshapi_video_sandbox._creates import TaskCreator
from meshapi_video_sandbox._database import open_database
from meshapi_video_sandbox._example import example_task
from meshapi_video_sandbox._faults import Delays, FaultInjector
from meshapi_video_sandbox._gateway import Gateway
from meshapi_video_sandbox._list import TaskList
from meshapi_video_sandbox._request_ids import RequestIdMiddleware
from meshapi_video_sandbox._routes import create_app
from meshapi_video_sandbox._settings import SandboxError, Upstream
from meshapi_video_sandbox._store import TaskStore, key_digest
from meshapi_video_sandbox._upstream import UPSTREAM_KEY, PlanStore, create_upstream
from meshapi_video_sandbox._upstream_client import open_upstream_client

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from anyio.abc import TaskStatus
    from starlette.types import ASGIApp

    from meshapi_video_sandbox._settings import Settings

# Pydantic caches the validators of annotations, and two threads that build the same one disturb each other.
_build_lock: Final = threading.Lock()
_GRACE: Final = 1.0
"""Seconds that a sandbox that stops waits for the requests in flight."""


@frozen
class Listener:
    """A listening socket."""

    socket: socket.socket
    host: str
    """The address in its URL on this machine."""

    def url(self, host: str | None = None) -> str:
        """The URL for clients on this machine, or for those that reach it under the name or address `host`."""
        name = host or self.host
        address = f"[{name}]" if ":" in name else name
        return f"http://{address}:{self.socket.getsockname()[1]}"


@frozen
class Resources:
    """The open database and sockets of a sandbox."""

    connection: sqlite3.Connection
    gateway: Listener
    simulated: Listener | None
    """The socket of the simulated upstream; None if the upstream is real."""
    upstream: Upstream
    files_url: str | None
    """Where clients reach the files of the simulated upstream."""
    add_example: Callable[[], None]
    """Writes the example task anew."""


@contextmanager
def open_resources(settings: Settings) -> Generator[Resources]:
    """Opens the database and the ports until the block ends; `SandboxError` if one cannot be opened."""
    upstream = settings.real_upstream()
    with ExitStack() as stack:
        connection = stack.enter_context(closing(_open_task_database(settings)))
        gateway = stack.enter_context(_listen(settings, settings.port, "--port"))
        simulated, files_url = None, None
        if upstream is None:
            simulated = stack.enter_context(_listen(settings, settings.files_port, "--upstream-port"))
            upstream = Upstream(f"{simulated.url()}/api/v3", UPSTREAM_KEY, simulated=True)
            files_url = simulated.url(settings.advertise)
        example = partial(_add_example, TaskStore(connection), key_digest(settings.keys[0]), files_url)
        try:
            example()
        except sqlite3.Error as error:
            raise _unusable(settings.db, error) from error
        yield Resources(connection, gateway, simulated, upstream, files_url, example)


def _add_example(store: TaskStore, owner: str, files_url: str | None) -> None:
    example = example_task(files_url)
    # Not the row of an earlier run: the links to the files name the port.
    store.replace(example, owner, float(example.updated_at or 0))


def _open_task_database(settings: Settings) -> sqlite3.Connection:
    try:
        return open_database(settings.db)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise SandboxError(f"another sandbox uses the database file {settings.db}: stop it first") from error
        raise _unusable(settings.db, error) from error
    except (sqlite3.Error, OSError) as error:
        raise _unusable(settings.db, error) from error


def _unusable(db: Path | None, error: Exception) -> SandboxError:
    return SandboxError(f"the database file {db} cannot be used: {error}")


@contextmanager
def _listen(settings: Settings, port: int, option: str) -> Generator[Listener]:
    host = settings.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only on a socket that has one. Without TCP_NODELAY
    # each response waits 40 ms for the client's delayed acknowledgement.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(1024)
        except OSError as error:
            reason = f"cannot listen on {host}:{port}: {error.strerror or error} ({option} 0 picks a free port)"
            raise SandboxError(reason) from error
        yield Listener(listener, "127.0.0.1" if settings.listens_everywhere else host)


async def run_servers(
    settings: Settings, resources: Resources, *, task_status: TaskStatus[Callable[[], None]] = TASK_STATUS_IGNORED
) -> None:
    """Serves the gateway and the simulated upstream; the task's start value is the function that stops them."""
    clock, delays, stopping = Clock(), Delays(), asyncio.Event()
    store, plans = TaskStore(resources.connection), PlanStore(resources.connection)
    async with (
        open_upstream_client(resources.upstream) as upstream_client,
        open_callback_sender(store, clock, resources.files_url or "") as callbacks,
    ):
        creator = TaskCreator(resources.connection, store, plans if resources.simulated else None, clock, callbacks)
        creator.resume_callbacks()
        listing, create_faults = TaskList(resources.connection), CreateFaultInjector(delays)
        polls, upstream_polls = FaultInjector("gateway", delays), FaultInjector("upstream", delays)
        gateway = Gateway(store, plans, creator, listing, clock, polls, create_faults, upstream_client)
        control = Control(
            store,
            creator,
            create_faults,
            listing,
            callbacks,
            clock,
            settings.keys,
            delays,
            (polls, upstream_polls),
            resources.add_example,
        )
        with _build_lock:
            app = create_app(gateway, settings.keys)
            add_control_routes(app, control, clock)
            hosts = settings.known_hosts
            servers = [(_Server(BrowserCheck(app, hosts, pages=False), clock, stopping), resources.gateway)]
            if resources.simulated is not None and resources.files_url is not None:
                upstream = create_upstream(plans, clock, upstream_polls, resources.files_url)
                # A page that a developer works on may show the videos.
                checked = BrowserCheck(upstream, hosts, pages=True)
                servers.append((_Server(checked, clock, stopping), resources.simulated))
        async with asyncio.TaskGroup() as group:
            for server, listener in servers:
                group.create_task(server.serve([listener.socket]))

            def stop() -> None:
                stopping.set()
                # A sandbox that stops does not wait for delayed responses. A poll may still be on its way to its delay.
                delays.end_for_good()

            task_status.started(stop)


class _Server(uvicorn.Server):
    """Serves an app until `stopping` is set."""

    def __init__(self, app: ASGIApp, clock: Clock, stopping: asyncio.Event) -> None:
        connections = ConnectionMiddleware(RequestIdMiddleware(app), clock)
        super().__init__(
            uvicorn.Config(
                connections,
                http="h11",
                ws="none",
                lifespan="off",
                # The process may run a user's tests: their logging is not changed.
                log_config=None,
                access_log=False,
                date_header=False,
                # With proxy headers uvicorn changes the client's address, which identifies the connection.
                proxy_headers=False,
                # Longer than clients keep an idle connection: a client must not send on a connection that
                # the server is closing.
                timeout_keep_alive=75,
            )
        )
        connections.server = self.server_state
        self._stopping = stopping

    async def on_tick(self, counter: int) -> bool:
        # uvicorn calls this every 0.1 s until it returns True. Waiting here stops the server at once.
        await super().on_tick(counter)
        await self._stopping.wait()
        return True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # In place of uvicorn's own method, which always sleeps for 0.1 s.
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        connections, tasks = self.server_state.connections, self.server_state.tasks
        for connection in list(connections):
            connection.shutdown()
        # No response is delayed any longer: this waits only for clients that do not send or read on.
        if tasks:
            await asyncio.wait(set(tasks), timeout=_GRACE)
        for connection in list(connections):
            connection.transport.abort()
        # uvicorn logs an error if a request ends without a response while its connection is open.
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
