"""The command line, `meshapi-video`: needs the extra `[cli]`, and `[sandbox]` for two commands."""

from __future__ import annotations

import sys


def main() -> None:
    """The command's entry point."""
    try:
        from meshapi_video._cli._commands import run  # noqa: PLC0415 - only here can its absence be explained
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("meshapi-video: the command line needs click and rich: pip install 'meshapi-video[cli]'")
    sys.exit(run())
