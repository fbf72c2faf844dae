"""Wait for Mesh API's video tasks until they are over.

from meshapi_video import VideoClient

with VideoClient() as client:
    video = client.wait("task-id")
    print(video.url)
    client.download(video, "out.mp4")
"""

from importlib import import_module
from typing import TYPE_CHECKING

from meshapi_video._version import __version__

if TYPE_CHECKING:
    from meshapi_video._async import AsyncVideoClient
    from meshapi_video._async_waits import AsyncUpdates, AsyncWaitResults
    from meshapi_video._contract import parse_task
    from meshapi_video._errors import (
        APIError,
        AuthenticationError,
        ConnectionFailed,
        DownloadError,
        FieldError,
        InvalidResponse,
        MeshVideoError,
        NotFoundError,
        PaymentRequiredError,
        PermissionDeniedError,
        RateLimitedError,
        RequestRejectedError,
        TaskCancelled,
        TaskError,
        TaskExpired,
        TaskFailed,
        UpstreamError,
        WaitStopped,
        WaitTimeout,
    )
    from meshapi_video._polling import PollPolicy
    from meshapi_video._schedule import Waiting, WaitProgress, WaitResult
    from meshapi_video._sync import VideoClient
    from meshapi_video._sync_waits import Updates, WaitResults
    from meshapi_video._tasks import TERMINAL_STATUSES, Video, is_terminal
    from meshapi_video._tokens import WaitToken
    from meshapi_video_generated.models import (
        HTTPValidationError,
        ValidationError,
        ValidationErrorCtx,
        VideoTaskContent,
        VideoTaskError,
        VideoTaskResponse,
        VideoTaskUsage,
    )
    from meshapi_video_generated.types import UNSET, Unset

__all__ = [
    "TERMINAL_STATUSES",
    "UNSET",
    "APIError",
    "AsyncUpdates",
    "AsyncVideoClient",
    "AsyncWaitResults",
    "AuthenticationError",
    "ConnectionFailed",
    "DownloadError",
    "FieldError",
    "HTTPValidationError",
    "InvalidResponse",
    "MeshVideoError",
    "NotFoundError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "PollPolicy",
    "RateLimitedError",
    "RequestRejectedError",
    "TaskCancelled",
    "TaskError",
    "TaskExpired",
    "TaskFailed",
    "Unset",
    "Updates",
    "UpstreamError",
    "ValidationError",
    "ValidationErrorCtx",
    "Video",
    "VideoClient",
    "VideoTaskContent",
    "VideoTaskError",
    "VideoTaskResponse",
    "VideoTaskUsage",
    "WaitProgress",
    "WaitResult",
    "WaitResults",
    "WaitStopped",
    "WaitTimeout",
    "WaitToken",
    "Waiting",
    "__version__",
    "is_terminal",
    "parse_task",
]

# Imported when they are first asked for: `meshapi-video --version` needs no HTTP client. Type checkers
# read the imports above, and would take any name for one of these if they saw `__getattr__`.
if not TYPE_CHECKING:
    _NAMES_OF = {
        "meshapi_video._async": ("AsyncVideoClient",),
        "meshapi_video._async_waits": ("AsyncUpdates", "AsyncWaitResults"),
        "meshapi_video._contract": ("parse_task",),
        "meshapi_video._errors": (
            "APIError",
            "AuthenticationError",
            "ConnectionFailed",
            "DownloadError",
            "FieldError",
            "InvalidResponse",
            "MeshVideoError",
            "NotFoundError",
            "PaymentRequiredError",
            "PermissionDeniedError",
            "RateLimitedError",
            "RequestRejectedError",
            "TaskCancelled",
            "TaskError",
            "TaskExpired",
            "TaskFailed",
            "UpstreamError",
            "WaitStopped",
            "WaitTimeout",
        ),
        "meshapi_video._polling": ("PollPolicy",),
        "meshapi_video._schedule": ("Waiting", "WaitProgress", "WaitResult"),
        "meshapi_video._sync": ("VideoClient",),
        "meshapi_video._sync_waits": ("Updates", "WaitResults"),
        "meshapi_video._tasks": ("TERMINAL_STATUSES", "Video", "is_terminal"),
        "meshapi_video._tokens": ("WaitToken",),
        "meshapi_video_generated.models": (
            "HTTPValidationError",
            "ValidationError",
            "ValidationErrorCtx",
            "VideoTaskContent",
            "VideoTaskError",
            "VideoTaskResponse",
            "VideoTaskUsage",
        ),
        "meshapi_video_generated.types": ("UNSET", "Unset"),
    }
    _HOMES = {name: module for module, names in _NAMES_OF.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Kept, so that this is asked once for each.
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
