"""Contains all the data models used in inputs/outputs"""

from .http_validation_error import HTTPValidationError
from .validation_error import ValidationError
from .validation_error_ctx import ValidationErrorCtx
from .video_task_content import VideoTaskContent
from .video_task_error import VideoTaskError
from .video_task_response import VideoTaskResponse
from .video_task_usage import VideoTaskUsage

__all__ = (
    "HTTPValidationError",
    "ValidationError",
    "ValidationErrorCtx",
    "VideoTaskContent",
    "VideoTaskError",
    "VideoTaskResponse",
    "VideoTaskUsage",
)
