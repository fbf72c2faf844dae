"""RabbitMQ: one node without plugins, apart from the service of this machine."""

from __future__ import annotations

from pathlib import Path

from tools.fleet.servers.server import LOCALHOST, Server, free_port, replies


class RabbitMQ(Server):
    """A RabbitMQ node with the user `guest`. It keeps durable queues and persistent messages."""

    name = "RabbitMQ"
    install = "apt-get install rabbitmq-server"
    # Debian's /usr/sbin/rabbitmq-server changes the user and the folder. The program that it starts is here.
    folders = (Path("/usr/lib/rabbitmq/bin"),)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._epmd_port = free_port()

    @property
    def url(self) -> str:
        """An AMQP URL, with the password."""
        return f"amqp://guest:guest@{LOCALHOST}:{self.port}//"

    def run(self) -> None:
        """Starts the node, and Erlang's name server for it alone."""
        environment = self._environment()
        # Erlang starts its name server as a daemon that outlives the node. This one stops with the node.
        self.serve(self.program("epmd"), environment=environment)
        self.serve(self.program("rabbitmq-server"), environment=environment)

    def _environment(self) -> dict[str, str]:
        (self.folder / "enabled_plugins").write_text("[].\n", "ascii")
        return {
            "HOME": str(self.folder),  # the file with the Erlang cookie
            "ERL_EPMD_ADDRESS": LOCALHOST,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"fleet{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOCALHOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            # Schedulers that do not spin: the tests need the cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
            ),
            # The start script then replaces itself with Erlang, which stops cleanly at SIGTERM.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def accepts(self) -> bool:
        """Whether it speaks AMQP. It listens when its queues are recovered."""
        # The header of AMQP 0-9-1, and the beginning of the method frame that follows.
        return replies(self.port, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00")
