"""What a sandbox prints when it starts: how to use it. Each line can be copied as it is."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meshapi_video_sandbox._example import EXAMPLE
from meshapi_video_sandbox._settings import DEFAULT_KEY, is_loopback

if TYPE_CHECKING:
    from meshapi_video_sandbox._sandbox import Sandbox
    from meshapi_video_sandbox._settings import Settings


def warnings(settings: Settings) -> list[str]:
    """What is risky, or cannot work, when other machines can reach the sandbox."""
    if is_loopback(settings.host):
        return []
    public_key = (
        f", and knows the API key {DEFAULT_KEY}: give another with --key" if DEFAULT_KEY in settings.keys else ""
    )
    host = settings.host or "any address of this machine"
    lines = [f"WARNING: anyone who can reach {host} can use the control API{public_key}."]
    if settings.listens_everywhere and settings.advertise is None and settings.upstream is None:
        lines.append(
            "WARNING: the links of the videos lead to 127.0.0.1, which works on this machine only: give --advertise "
            "with the name by which other machines reach it."
        )
    return lines


def instructions(sandbox: Sandbox, settings: Settings) -> list[str]:
    """How to use the sandbox from a shell and from Python."""
    url, simulated = sandbox.base_url, settings.upstream is None
    host = urlsplit(url).hostname or ""
    # Clients download over plain HTTP only from their own machine, and from hosts that are named like this.
    allowed = None if is_loopback(host) else f"http://[{host}]" if ":" in host else f"http://{host}"
    variables = {"MESHAPI_BASE_URL": url, "MESHAPI_API_KEY": sandbox.api_key}
    arguments = f"{sandbox.api_key!r}, base_url={url!r}"
    if allowed is not None and simulated:
        variables["MESHAPI_PRIVATE_HOSTS"] = allowed
        arguments += f", private_hosts=[{allowed!r}]"
    call = f"download({EXAMPLE['id']!r}, 'sandbox.mp4')" if simulated else f"get({EXAMPLE['id']!r}).status"
    files = ", which also serves the videos," if simulated else ""
    lines = [
        f"A local Mesh API runs at {url} until ctrl-C. Its upstream{files} is {sandbox.upstream_url}.",
        "",
        "In another terminal; the command needs the extra [cli]:",
        f"  export {' '.join(f'{name}={shlex.quote(value)}' for name, value in variables.items())}",
        f"  meshapi-video {'download' if simulated else 'get'} {EXAMPLE['id']}",
        "In Python:",
        "  from meshapi_video import VideoClient",
        f"  client = VideoClient({arguments})",
        f"  print(client.{call}); client.close()",
    ]
    if simulated:
        lines += [
            "To make a task, and print its ID for meshapi-video wait:",
            f"  curl -X POST {url}/_sandbox/tasks",
            f"Programs create tasks with POST {url}/v1/video/generations.",
        ]
    return lines
