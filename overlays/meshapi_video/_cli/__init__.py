"""The command line, `meshapi-video`: needs the extra `[cli]`, and `[sandbox]` for two commands."""

from __future__ import annotations

import io
import sys
import traceback

from meshapi_video._cli.exit_codes import ExitCode
from meshapi_video._cli.output import flush_output, print_error, print_traceback
from meshapi_video._text import one_line


def main() -> None:
    """The entry point of the command: always exits with one of `ExitCode`."""
    code = _run()
    flush_output()
    sys.exit(code)


def _run() -> int:
    # Python exits with 1 after any exception, but here 1 means that a task ended without a video.
    try:
        # stdout is None in a process that was started with stdout closed. Printing would do nothing.
        if sys.stdout is None:
            print_error("stdout is closed; to discard the output, redirect it to /dev/null")
            return ExitCode.IO_ERROR
        if sys.stdout.errors == "strict" and isinstance(sys.stdout, io.TextIOWrapper):
            # A server's text may have characters that the encoding of the terminal does not have.
            sys.stdout.reconfigure(errors="backslashreplace")  # pyright: ignore[reportUnknownMemberType] - generic only for type checkers
        from meshapi_video._cli.commands import run  # noqa: PLC0415 - a missing click is reported below

        return run()
    except BrokenPipeError:
        return ExitCode.BROKEN_PIPE
    except OSError as error:
        print_error(f"reading or writing failed: {error}")
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
