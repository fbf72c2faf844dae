"""A local Mesh API: the documented endpoint, on this machine, with tasks that end as told.

    from meshapi_video_sandbox import running_sandbox

    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(running_for=7200)
        sandbox.advance(7200)

`serve` runs it until ctrl-C, and is what `meshapi-video sandbox` calls.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meshapi_video_sandbox._control import Change, Inspection
    from meshapi_video_sandbox._handle import Sandbox
    from meshapi_video_sandbox._orders import Outcome
    from meshapi_video_sandbox._run import running_sandbox, serve
    from meshapi_video_sandbox._settings import SandboxError

__all__ = ["Change", "Inspection", "Outcome", "Sandbox", "SandboxError", "running_sandbox", "serve"]

_HOMES: Final = {
    "Change": "_control",
    "Inspection": "_control",
    "Outcome": "_orders",
    "Sandbox": "_handle",
    "SandboxError": "_settings",
    "running_sandbox": "_run",
    "serve": "_run",
}


def __getattr__(name: str) -> object:
    # Not imported above: pytest loads the plugin beside this module in every run of every project
    # that has the SDK, with the extra's packages or without them.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
