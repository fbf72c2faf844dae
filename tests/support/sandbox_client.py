"""Sends requests to a sandbox with httpx, not with the SDK."""

from __future__ import annotations

import functools
import json
import ssl
from urllib.parse import quote

import httpx

from meshapi_video_sandbox import Sandbox

# Loading certificates, which plain HTTP does not need, would take most of the time of a request.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
get = functools.partial(httpx.get, trust_env=False, verify=_NO_CERTIFICATES)
head = functools.partial(httpx.head, trust_env=False, verify=_NO_CERTIFICATES)
post = functools.partial(httpx.post, trust_env=False, verify=_NO_CERTIFICATES)
request = functools.partial(httpx.request, trust_env=False, verify=_NO_CERTIFICATES)

MODEL = "byteplus/dreamina-seedance-2-0"
TEXT = {"type": "text", "text": "a lake at sunrise"}


def get_raw_path(sandbox: Sandbox, path: str, key: str = "rsk_sandbox") -> httpx.Response:
    """The response for a path that is sent as it is: httpx otherwise normalizes it."""
    with httpx.Client(trust_env=False, verify=_NO_CERTIFICATES) as client:
        headers = {"Authorization": f"Bearer {key}"}
        target = {"target": path.encode()}
        return client.send(client.build_request("GET", sandbox.base_url, headers=headers, extensions=target))


def poll(sandbox: Sandbox, task_id: str, key: str = "rsk_sandbox") -> httpx.Response:
    """The response to one documented request about a task."""
    url = f"{sandbox.base_url}/v1/video/generations/{quote(task_id, safe='')}"
    return get(url, headers={"Authorization": f"Bearer {key}"})


def create(sandbox: Sandbox, key: str = "rsk_sandbox", timeout: float = 20, /, **fields: object) -> httpx.Response:
    """The response to a create with a model and a text, unless the fields say otherwise."""
    return send_create(sandbox, {"model": MODEL, "content": [TEXT], **fields}, key, timeout=timeout)


def send_create(
    sandbox: Sandbox, body: object, key: str = "rsk_sandbox", *, timeout: float = 20, **headers: str
) -> httpx.Response:
    """The response to a create with this body and these headers."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{sandbox.base_url}/v1/video/generations"
    return post(url, content=content, headers={"Authorization": f"Bearer {key}", **named}, timeout=timeout)
