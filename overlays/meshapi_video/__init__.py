"""Wait for Mesh API's video tasks until they are over.

from meshapi_video import VideoClient

with VideoClient() as client:
    video = client.wait("task-id")
    print(video.url)
    client.download(video, "out.mp4")
"""

from meshapi_video._adaptive import AdaptivePolicy
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
from meshapi_video._policy import PollPolicy
from meshapi_video._schedule import Waiting, WaitProgress, WaitResult
from meshapi_video._sync import VideoClient
from meshapi_video._sync_waits import Updates, WaitResults
from meshapi_video._tasks import TERMINAL_STATUSES, Video, is_terminal
from meshapi_video._tokens import WaitToken
from meshapi_video._version import __version__
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
    "AdaptivePolicy",
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
