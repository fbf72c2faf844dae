"""The command line, `meshapi-video`: needs the extra `[cli]`, and `[sandbox]` for two commands."""

# Nothing else is imported here: `main` handles ctrl-C while it imports.
import sys


def main() -> None:
    """The entry point of the command: always exits with one of `ExitCode`."""
    try:
        from meshapi_video._cli.main import run_main  # noqa: PLC0415 - see above

        code = run_main()
    except KeyboardInterrupt:
        # While a command imports, or at a second ctrl-C: all that is to be said of tasks was said at the first.
        if sys.stderr is not None:
            sys.stderr.write("meshapi-video: interrupted\n")
        code = 130
    sys.exit(code)
