"""Runs the command line, and gives each end of it an exit code."""

from __future__ import annotations

import sys
import traceback

from meshapi_video._cli.exit_codes import ExitCode
from meshapi_video._cli.output import flush_output, print_error, print_traceback
from meshapi_video._cli.streams import prepare_streams
from meshapi_video._cli.words import in_terminal_words
from meshapi_video._text import one_line


def run_process() -> int:
    """Runs the command line with the arguments of the process, and returns the exit code."""
    code = _run()
    flush_output()
    return code


def _run() -> int:
    # Python exits with 1 after any exception, but here 1 means that a task ended without a video.
    try:
        prepare_streams()
        # stdout is None in a process that was started with stdout closed. Printing would do nothing.
        if sys.stdout is None:
            print_error("stdout is closed; to discard the output, redirect it to /dev/null")
            return ExitCode.IO_ERROR
        from meshapi_video._cli.commands import run  # noqa: PLC0415 - a missing click is reported below

        return run()
    except BrokenPipeError:
        return ExitCode.BROKEN_PIPE
    except OSError as error:
        if "--debug" in sys.argv:
            print_traceback(error)
        print_error(f"reading or writing failed: {in_terminal_words(str(error))}")
        return ExitCode.IO_ERROR
    except Exception as error:  # noqa: BLE001 - the last resort
        if isinstance(error, ModuleNotFoundError) and error.name in {"click", "rich"}:
            print_error("the command line needs click and rich: pip install 'meshapi-video[cli]'")
            return ExitCode.USAGE_ERROR
        if "--debug" in sys.argv:
            print_traceback(error)
        message = one_line(traceback.format_exception_only(error)[-1].strip())
        print_error(
            f"internal error (the task is not affected): {message}. Run the command again with --debug for a traceback"
        )
        return ExitCode.INTERNAL_ERROR
