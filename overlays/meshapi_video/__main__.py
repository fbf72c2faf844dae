"""`python -m meshapi_video` and `meshapi-video`: the command line in a process of its own."""

import os
import signal
import sys


def _press_ctrl_c(_number: int, _frame: object) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.raise_signal(signal.SIGINT)


def _end_at_once(_number: int, _frame: object) -> None:
    os._exit(130)


def program() -> None:
    """Runs the command line. Ctrl-C and SIGTERM end it with 130 at any moment, also at its end, without a traceback."""
    # A shell lets a program that it starts with `&` ignore ctrl-C. At SIGTERM, that program says what it leaves, too.
    signal.signal(signal.SIGTERM, _press_ctrl_c)
    code: object = 130
    try:
        from meshapi_video._cli import main  # noqa: PLC0415 - ctrl-C may come while it is imported

        main()
    except SystemExit as exit_:
        code = exit_.code
    except KeyboardInterrupt:
        pass
    # All is said and written. Python still waits for threads, such as the lookup of a name: not after ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end_at_once)
    if code == 130:
        os._exit(130)
    sys.exit(code)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the code of `SystemExit`


if __name__ == "__main__":
    program()
