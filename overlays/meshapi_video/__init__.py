"""Creates Mesh API's video tasks, waits for them, and downloads the videos.

from meshapi_video import VideoClient

with VideoClient() as client:
    video = client.generate("byteplus/dreamina-seedance-2-0", "a lake at sunrise", to="lake.mp4")
    print(video.url)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from meshapi_video._version import __version__

if TYPE_CHECKING:
    from meshapi_video._async.client import AsyncVideoClient
    from meshapi_video._async.list import AsyncTaskList
    from meshapi_video._async.wait_many import AsyncUpdates, AsyncWaitResults
    from meshapi_video._create.candidates import RequestFacts
    from meshapi_video._create.content import (
        Media,
        first_frame,
        last_frame,
        reference_audio,
        reference_image,
        reference_video,
    )
    from meshapi_video._create.journal import JournalNotWritten, JournalRecord, read_journal
    from meshapi_video._create.models import CreateWarning
    from meshapi_video._create.request import CreateOptions
    from meshapi_video._errors import (
        APIError,
        AuthenticationError,
        Candidates,
        CertificateError,
        ConnectionFailed,
        ConnectionTimeout,
        CreateUncertain,
        DownloadError,
        FieldError,
        InvalidResponse,
        MeshVideoError,
        NotFoundError,
        PaymentRequiredError,
        PermissionDeniedError,
        RateLimitedError,
        RequestRejectedError,
        ServerError,
        TaskCancelled,
        TaskError,
        TaskExpired,
        TaskFailed,
        WaitStopped,
        WaitTimeout,
        WaitUnfinished,
    )
    from meshapi_video._http_libraries import AsyncHTTPClient, HTTPClient
    from meshapi_video._polling.adaptive import AdaptivePolicy
    from meshapi_video._polling.policy import PollPolicy
    from meshapi_video._polling.results import PendingTask, WaitProgress, WaitResult, WaitStep
    from meshapi_video._sync.client import VideoClient
    from meshapi_video._sync.list import TaskList
    from meshapi_video._sync.wait_many import Updates, WaitResults
    from meshapi_video._tasks import TERMINAL_STATUSES, CreatedTask, KnownStatus, Video, is_terminal, known_status
    from meshapi_video._telemetry.settings import MeterProvider, Telemetry, TracerProvider
    from meshapi_video._token import WaitToken
    from meshapi_video._transport.contract import parse_task
    from meshapi_video_generated.models import (
        CreateVideoGenerationResponse,
        HTTPValidationError,
        ValidationError,
        ValidationErrorCtx,
        VideoContentItem,
        VideoContentItemAudioUrl,
        VideoContentItemDraftTask,
        VideoContentItemImageUrl,
        VideoContentItemVideoUrl,
        VideoGenerationRequest,
        VideoTaskContent,
        VideoTaskError,
        VideoTaskListResponse,
        VideoTaskResponse,
        VideoTaskUsage,
    )
    from meshapi_video_generated.types import UNSET, Unset

__all__ = [
    "TERMINAL_STATUSES",
    "UNSET",
    "APIError",
    "AdaptivePolicy",
    "AsyncHTTPClient",
    "AsyncTaskList",
    "AsyncUpdates",
    "AsyncVideoClient",
    "AsyncWaitResults",
    "AuthenticationError",
    "Candidates",
    "CertificateError",
    "ConnectionFailed",
    "ConnectionTimeout",
    "CreateOptions",
    "CreateUncertain",
    "CreateVideoGenerationResponse",
    "CreateWarning",
    "CreatedTask",
    "DownloadError",
    "FieldError",
    "HTTPClient",
    "HTTPValidationError",
    "InvalidResponse",
    "JournalNotWritten",
    "JournalRecord",
    "KnownStatus",
    "Media",
    "MeshVideoError",
    "MeterProvider",
    "NotFoundError",
    "PaymentRequiredError",
    "PendingTask",
    "PermissionDeniedError",
    "PollPolicy",
    "RateLimitedError",
    "RequestFacts",
    "RequestRejectedError",
    "ServerError",
    "TaskCancelled",
    "TaskError",
    "TaskExpired",
    "TaskFailed",
    "TaskList",
    "Telemetry",
    "TracerProvider",
    "Unset",
    "Updates",
    "ValidationError",
    "ValidationErrorCtx",
    "Video",
    "VideoClient",
    "VideoContentItem",
    "VideoContentItemAudioUrl",
    "VideoContentItemDraftTask",
    "VideoContentItemImageUrl",
    "VideoContentItemVideoUrl",
    "VideoGenerationRequest",
    "VideoTaskContent",
    "VideoTaskError",
    "VideoTaskListResponse",
    "VideoTaskResponse",
    "VideoTaskUsage",
    "WaitProgress",
    "WaitResult",
    "WaitResults",
    "WaitStep",
    "WaitStopped",
    "WaitTimeout",
    "WaitToken",
    "WaitUnfinished",
    "__version__",
    "first_frame",
    "is_terminal",
    "known_status",
    "last_frame",
    "parse_task",
    "read_journal",
    "reference_audio",
    "reference_image",
    "reference_video",
]

# Each name is imported at its first use: `meshapi-video --version` needs no HTTP client. Type checkers read
# the imports above. If they saw `__getattr__`, they would accept any name.
if not TYPE_CHECKING:
    _NAMES_BY_MODULE = {
        "meshapi_video._polling.adaptive": ("AdaptivePolicy",),
        "meshapi_video._async.client": ("AsyncVideoClient",),
        "meshapi_video._async.list": ("AsyncTaskList",),
        "meshapi_video._async.wait_many": ("AsyncUpdates", "AsyncWaitResults"),
        "meshapi_video._transport.contract": ("parse_task",),
        "meshapi_video._http_libraries": ("AsyncHTTPClient", "HTTPClient"),
        "meshapi_video._create.candidates": ("RequestFacts",),
        "meshapi_video._create.content": (
            "Media",
            "first_frame",
            "last_frame",
            "reference_audio",
            "reference_image",
            "reference_video",
        ),
        "meshapi_video._create.journal": ("JournalNotWritten", "JournalRecord", "read_journal"),
        "meshapi_video._create.models": ("CreateWarning",),
        "meshapi_video._create.request": ("CreateOptions",),
        "meshapi_video._errors": (
            "APIError",
            "AuthenticationError",
            "Candidates",
            "CertificateError",
            "ConnectionFailed",
            "ConnectionTimeout",
            "CreateUncertain",
            "DownloadError",
            "FieldError",
            "InvalidResponse",
            "MeshVideoError",
            "NotFoundError",
            "PaymentRequiredError",
            "PermissionDeniedError",
            "RateLimitedError",
            "RequestRejectedError",
            "ServerError",
            "TaskCancelled",
            "TaskError",
            "TaskExpired",
            "TaskFailed",
            "WaitStopped",
            "WaitTimeout",
            "WaitUnfinished",
        ),
        "meshapi_video._polling.policy": ("PollPolicy",),
        "meshapi_video._polling.results": ("PendingTask", "WaitProgress", "WaitResult", "WaitStep"),
        "meshapi_video._sync.client": ("VideoClient",),
        "meshapi_video._sync.list": ("TaskList",),
        "meshapi_video._sync.wait_many": ("Updates", "WaitResults"),
        "meshapi_video._tasks": (
            "TERMINAL_STATUSES",
            "CreatedTask",
            "KnownStatus",
            "Video",
            "is_terminal",
            "known_status",
        ),
        "meshapi_video._telemetry.settings": ("MeterProvider", "Telemetry", "TracerProvider"),
        "meshapi_video._token": ("WaitToken",),
        "meshapi_video_generated.models": (
            "CreateVideoGenerationResponse",
            "HTTPValidationError",
            "ValidationError",
            "ValidationErrorCtx",
            "VideoContentItem",
            "VideoContentItemAudioUrl",
            "VideoContentItemDraftTask",
            "VideoContentItemImageUrl",
            "VideoContentItemVideoUrl",
            "VideoGenerationRequest",
            "VideoTaskContent",
            "VideoTaskError",
            "VideoTaskListResponse",
            "VideoTaskResponse",
            "VideoTaskUsage",
        ),
        "meshapi_video_generated.types": ("UNSET", "Unset"),
    }
    _MODULES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Stored, so that this function runs once for each name.
        value = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
