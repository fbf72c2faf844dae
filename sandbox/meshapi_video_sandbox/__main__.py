"""`python -m meshapi_video_sandbox`: the same as `meshapi-video sandbox`, without the packages of `[cli]`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meshapi_video_sandbox import OPTIONS, SandboxError, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from meshapi_video_sandbox import OptionKind


def port(text: str) -> int:
    """The number of a TCP port."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return number


_PARSERS: Final[dict[OptionKind, Callable[[str], object]]] = {"text": str, "port": port, "file": Path}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until ctrl-C and returns the exit code: 0, or 2 if the sandbox cannot start."""
    # An option that is not given stays absent, so that `Settings` supplies the default.
    parser = argparse.ArgumentParser(
        "meshapi_video_sandbox",
        description="Serve a local Mesh API until ctrl-C.",
        argument_default=argparse.SUPPRESS,
    )
    for option in OPTIONS:
        parser.add_argument(
            option.flag,
            dest=option.name,
            type=_PARSERS[option.kind],
            action="append" if option.multiple else "store",
            metavar=option.metavar,
            help=f"{option.help}  [default: {option.default_text}]" if option.default_text else option.help,
        )
    values = vars(parser.parse_args(arguments))
    try:
        # Imported after the options are read, so that --help is fast.
        from meshapi_video_sandbox import serve  # noqa: PLC0415

        serve(Settings(**values), print_line=partial(print, flush=True))
    except (SandboxError, ModuleNotFoundError) as error:
        sys.stderr.write(f"meshapi_video_sandbox: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
