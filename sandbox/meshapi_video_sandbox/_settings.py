"""The sandbox's settings, validated, and the command-line options that set them.

`meshapi-video --help` imports this module. It needs the standard library alone, so that the help is fast
and is shown without the extra `[sandbox]`, too.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEFAULT_KEY: Final = "rsk_sandbox"
UPSTREAM_KEY_VARIABLE: Final = "ARK_API_KEY"
_LAST_PORT: Final = 65535
_WILDCARD_HOSTS: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, never listened on by default

OptionKind = Literal["text", "port", "file"]
"""How an option's text is read: as it is, as a port number (0 to 65535), or as the path of a file."""


class SandboxError(Exception):
    """The sandbox cannot start; the message gives the reason."""


@dataclass(frozen=True)
class Upstream:
    """The address and the key of BytePlus ModelArk, real or simulated."""

    url: str
    key: str = field(repr=False)
    simulated: bool = False


@dataclass(frozen=True, kw_only=True)
class Option:
    """One command-line option, for any library that parses options."""

    name: str
    """The field of `Settings` that the option sets."""
    flag: str
    kind: OptionKind
    metavar: str
    help: str
    default: str | int | tuple[str, ...] | None
    multiple: bool
    """Whether the option may be repeated; the value is then a sequence."""

    @property
    def default_text(self) -> str:
        """The default as `--help` shows it; empty if there is none."""
        if isinstance(self.default, tuple):
            return ", ".join(self.default)
        return "" if self.default is None else str(self.default)


def _is_name(host: str) -> bool:
    return host != "" and not any(c in host for c in "/:@* ")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    # `::ffff:127.0.0.1` is an IPv4 address.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _usable(key: str) -> bool:
    return key != "" and key.isascii() and key.isprintable() and " " not in key


def _option(flag: str, kind: OptionKind, metavar: str, text: str, *, multiple: bool = False) -> dict[str, Any]:
    return {"flag": flag, "kind": kind, "metavar": metavar, "help": text, "multiple": multiple}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one sandbox; `SandboxError` for a key that cannot be used.

    Each field states the option that sets it.
    """

    host: str = field(
        default="127.0.0.1",
        metadata=_option("--host", "text", "ADDRESS", "Address to listen on."),
    )
    port: int = field(
        default=8787,
        metadata=_option("--port", "port", "PORT", "Port to listen on; 0 picks a free port."),
    )
    upstream_port: int | None = field(
        default=None,
        metadata=_option(
            "--upstream-port",
            "port",
            "PORT",
            "Port of the simulated BytePlus, which also serves the videos; 0 picks a free port. By default the number "
            "after --port, and a free port with --port 0.",
        ),
    )
    advertise: str | None = field(
        default=None,
        metadata=_option(
            "--advertise",
            "text",
            "NAME",
            "Host name or IP address by which the clients reach the sandbox; the links of the videos name it. By "
            "default --host, or 127.0.0.1 if that is every address of this machine.",
        ),
    )
    upstream: str | None = field(
        default=None,
        metadata=_option(
            "--upstream",
            "text",
            "URL",
            "URL of a real BytePlus to poll instead of the simulated one, up to /api/v3. Its key is read from the "
            f"environment variable {UPSTREAM_KEY_VARIABLE}.",
        ),
    )
    db: Path | None = field(
        default=None,
        metadata=_option(
            "--db", "file", "FILE", "SQLite file to keep the tasks in. Without it they are lost when the sandbox stops."
        ),
    )
    keys: Sequence[str] = field(
        default=(DEFAULT_KEY,),
        repr=False,
        metadata=_option("--key", "text", "KEY", "API key to accept; may be repeated.", multiple=True),
    )

    allowed_hosts: Sequence[str] = field(
        default=(),
        metadata=_option(
            "--allowed-host",
            "text",
            "NAME",
            "Host name by which clients may reach the sandbox, besides localhost, IP addresses and --host; may be "
            "repeated.",
            multiple=True,
        ),
    )

    def __post_init__(self) -> None:
        if isinstance(self.keys, str) or isinstance(self.allowed_hosts, str):
            raise SandboxError("keys and allowed_hosts should be sequences of texts, and not a single text")
        if not self.keys or not all(_usable(key) for key in self.keys):
            raise SandboxError("a key should be printable ASCII, not empty and without spaces")
        if self.advertise is not None and not (_is_address(self.advertise) or _is_name(self.advertise)):
            raise SandboxError(
                f"--advertise should be a host name or an IP address without scheme and port, not {self.advertise!r}"
            )
        for name in self.allowed_hosts:
            if not _is_name(name):
                raise SandboxError(f"an allowed host should be a name without scheme and port, not {name!r}")
        if self.upstream is not None and not is_loopback(self.host) and DEFAULT_KEY in self.keys:
            others = f"anyone who can reach {self.host or 'any address of this machine'}"
            raise SandboxError(
                f"{others} could use the upstream with your {UPSTREAM_KEY_VARIABLE}, because the key {DEFAULT_KEY} is "
                "public: give a key of your own with --key, or listen on 127.0.0.1"
            )

    @property
    def files_port(self) -> int:
        """The port of the simulated upstream, which also serves the videos; 0 for a free one."""
        if self.upstream_port is not None:
            return self.upstream_port
        return 0 if self.port in {0, _LAST_PORT} else self.port + 1

    @property
    def listens_everywhere(self) -> bool:
        """Whether `host` stands for every address of this machine."""
        return self.host in _WILDCARD_HOSTS

    @property
    def known_hosts(self) -> tuple[str, ...]:
        """The names by which clients may reach the sandbox."""
        return (self.host, *self.allowed_hosts, *([] if self.advertise is None else [self.advertise]))

    def real_upstream(self) -> Upstream | None:
        """The real upstream with its key from the environment; None if the upstream is to be simulated."""
        if self.upstream is None:
            return None
        url = self.upstream.rstrip("/")
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            raise SandboxError(f"the upstream should be a URL like https://host/api/v3, not {url!r}")
        key = os.environ.get(UPSTREAM_KEY_VARIABLE, "").strip()
        if not _usable(key):
            raise SandboxError(f"no key for the upstream: set the environment variable {UPSTREAM_KEY_VARIABLE}")
        return Upstream(url, key)


OPTIONS: Final = tuple(
    Option(name=one.name, default=getattr(Settings(), one.name), **one.metadata) for one in fields(Settings)
)
"""The options of `meshapi-video sandbox` and of `python -m meshapi_video_sandbox`."""
