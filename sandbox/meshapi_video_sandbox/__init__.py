"""A local Mesh API: the documented endpoint on this machine, with tasks that a test controls.

    from meshapi_video_sandbox import running_sandbox

    with running_sandbox() as sandbox:
        task_id = sandbox.create_task(running_for=7200)
        sandbox.advance(7200)

`serve` runs a sandbox until ctrl-C; the command `meshapi-video sandbox` calls it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from meshapi_video_sandbox._callbacks import CallbackAttempt
    from meshapi_video_sandbox._control import Inspection, StatusChange
    from meshapi_video_sandbox._creates import CreateRecord
    from meshapi_video_sandbox._run import running_sandbox, serve
    from meshapi_video_sandbox._sandbox import Sandbox
    from meshapi_video_sandbox._settings import OPTIONS, OptionKind, SandboxError, Settings
    from meshapi_video_sandbox._task_requests import Outcome

__all__ = [
    "OPTIONS",
    "CallbackAttempt",
    "CreateRecord",
    "Inspection",
    "OptionKind",
    "Outcome",
    "Sandbox",
    "SandboxError",
    "Settings",
    "StatusChange",
    "running_sandbox",
    "serve",
]

_MODULES: Final = {
    "OPTIONS": "_settings",
    "CallbackAttempt": "_callbacks",
    "CreateRecord": "_creates",
    "Inspection": "_control",
    "OptionKind": "_settings",
    "Outcome": "_task_requests",
    "Sandbox": "_sandbox",
    "SandboxError": "_settings",
    "Settings": "_settings",
    "StatusChange": "_control",
    "running_sandbox": "_run",
    "serve": "_run",
}
_EXTRA: Final = frozenset({"fastapi", "starlette", "uvicorn"})
"""The packages of the extra `[sandbox]`."""


def __getattr__(name: str) -> object:
    # Imported when used: pytest loads the plugin of this package in every test run of every project
    # that has the SDK, also where the packages of the extra are not installed.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        raise ModuleNotFoundError(
            f"the sandbox needs {package}: pip install 'meshapi-video[sandbox]'", name=package
        ) from None
    return getattr(module, name)
