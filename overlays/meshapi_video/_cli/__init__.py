"""The command line, `meshapi-video`: needs the extra `[cli]`, and `[sandbox]` for two commands."""

from __future__ import annotations

import sys
import traceback

from meshapi_video._cli._exit import ExitCode, complain, let_go_of_output


def main() -> None:
    """The command's entry point: whatever happens, it leaves with one of `ExitCode`."""
    code = _run()
    let_go_of_output()
    sys.exit(code)


def _run() -> int:
    # Python's own answer to anything unforeseen is 1, which here means a task without a video.
    try:
        # None where the process was started with stdout closed: printing would do nothing.
        if sys.stdout is None:
            complain("stdout is closed; to see nothing, send it to /dev/null")
            return ExitCode.OUTPUT
        from meshapi_video._cli._commands import run  # noqa: PLC0415 - only here can its absence be explained

        return run()
    except BrokenPipeError:
        return ExitCode.PIPE
    except OSError as error:
        complain(f"reading or writing failed: {error}")
        return ExitCode.OUTPUT
    except Exception as error:  # noqa: BLE001 - the last resort
        if isinstance(error, ModuleNotFoundError) and error.name in {"click", "rich"}:
            complain("the command line needs click and rich: pip install 'meshapi-video[cli]'")
            return ExitCode.USAGE
        if "--debug" in sys.argv:
            traceback.print_exc()
        what = traceback.format_exception_only(error)[-1].strip()
        complain(f"a crash, which says nothing of the task: {what}. Run it again with --debug to see where")
        return ExitCode.CRASH
