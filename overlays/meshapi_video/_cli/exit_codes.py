"""The exit codes, their meaning, and the exit code for each error."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshapi_video import MeshVideoError


class ExitCode(enum.IntEnum):
    """The exit codes of the command. `--help` shows each `meaning`."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """A member of this value and this meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    SUCCESS = 0, "success: a video for every task; for get, also an unfinished task"
    NO_VIDEO = 1, "a task ended without a video"
    USAGE_ERROR = 2, "wrong usage, such as an unknown option or a missing API key"
    API_ERROR = 3, "the API refused a request or could not be reached, or a download failed"
    TIMEOUT = 4, "the wait timed out; the task may still finish"
    UNCERTAIN = 5, "a create has no clear response: a task may exist, and be paid for; look before you run it again"
    # Far from 1, because a script may pay for a new task after a 1.
    INTERNAL_ERROR = 70, "internal error; the task is not affected"
    IO_ERROR = 74, "reading or writing failed: a full disk, an existing file, a missing folder, no permission"
    INTERRUPTED = 130, "interrupted"
    BROKEN_PIPE = 141, "broken pipe: the program that read the output has ended"


def exit_code_for(error: MeshVideoError | None) -> ExitCode:
    """The exit code after `error`, or after success."""
    # `--help` needs this module, but not the SDK.
    from meshapi_video import CreateUncertain, DownloadError, TaskError, WaitTimeout  # noqa: PLC0415

    match error:
        case None:
            return ExitCode.SUCCESS
        case TaskError():
            return ExitCode.NO_VIDEO
        case WaitTimeout():
            return ExitCode.TIMEOUT
        case CreateUncertain():
            return ExitCode.UNCERTAIN
        case DownloadError(__cause__=OSError()):
            # The disk or the path is at fault. A fault of the network has no such cause.
            return ExitCode.IO_ERROR
        case _:
            return ExitCode.API_ERROR


WORST_FIRST: Final = (
    ExitCode.UNCERTAIN,
    ExitCode.API_ERROR,
    ExitCode.IO_ERROR,
    ExitCode.TIMEOUT,
    ExitCode.NO_VIDEO,
)
"""The exit codes of one task, from the worst on: an error that a second run may fix comes before a final one."""


def worst_of(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code for several tasks."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), ExitCode.SUCCESS)
