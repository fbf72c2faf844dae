"""The command line, `meshapi-video`: needs the extra `[cli]`, and `[sandbox]` for two commands."""

# Nothing else is imported here: `main` handles ctrl-C while it imports.
import sys


def main() -> None:
    """The entry point of the command: always exits with one of `ExitCode`."""
    try:
        from meshapi_video._cli.process import run_process  # noqa: PLC0415 - see above

        code = run_process()
    except KeyboardInterrupt:
        # While this program is imported; or at a second ctrl-C, while it prints what the first one ended.
        if sys.stderr is not None:
            sys.stderr.write("meshapi-video: interrupted\n")
        code = 130
    sys.exit(code)
