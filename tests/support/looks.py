"""Looks at a sandbox's tasks by a client that is not ours."""

from __future__ import annotations

import functools
import ssl
from urllib.parse import quote

import httpx

from meshapi_video_sandbox import Sandbox

# Loading the authorities, which nothing here needs, would be most of what a request takes.
_NONE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
get = functools.partial(httpx.get, trust_env=False, verify=_NONE)
head = functools.partial(httpx.head, trust_env=False, verify=_NONE)
post = functools.partial(httpx.post, trust_env=False, verify=_NONE)
request = functools.partial(httpx.request, trust_env=False, verify=_NONE)


def look(sandbox: Sandbox, task_id: str, key: str = "rsk_sandbox") -> httpx.Response:
    """One documented request."""
    address = f"{sandbox.base_url}/v1/video/generations/{quote(task_id, safe='')}"
    return get(address, headers={"Authorization": f"Bearer {key}"})
