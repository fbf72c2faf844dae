"""A program whose waits are interrupted by signals at random moments.

`signalled.py URL CALL HANDLER ROUNDS SEED` forks a process for each round. In it, CALL runs until SIGTERM
arrives, up to three times within short time, and HANDLER handles it. Each round prints how the call ended.
A round that hangs is killed, and prints `hang`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

from meshapi_video import PollPolicy, VideoClient, WaitStopped

KEY = "rsk_test"
QUICK = PollPolicy(initial_delay=0.001, multiplier=1.0, max_delay=0.001)
TASK_IDS = [f"t{number}" for number in range(5)]
LONGEST_DELAY = {"first poll": 0.04, "wait": 0.01, "wait_many": 0.02}
"""Seconds until the first signal, at most, for each call."""
HANG = 15.0
"""Seconds that no round takes unless it hangs, even on a busy machine."""


def run(url: str, call: str, handler: str, rand: random.Random) -> str:
    """How the call ended."""
    client, stop = VideoClient(KEY, base_url=url), threading.Event()
    results = client.wait_many(TASK_IDS, poll=QUICK, stop=stop)

    def handle(_number: int, _frame: FrameType | None) -> None:
        if handler == "stop":
            # As on the page `wait-for-one.md`.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stop.set()
        elif handler == "close":
            client.close()
        elif handler == "close the iterator":
            results.close()
        else:
            # The timer must not interrupt what follows.
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    # Only a few signals: very many would end a deadlock with a RecursionError.
    delays = [rand.uniform(1e-5, LONGEST_DELAY[call]), *(rand.uniform(1e-5, 1e-3) for _ in range(rand.randrange(3)))]

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        if delays:
            signal.setitimer(signal.ITIMER_REAL, delays.pop(0))
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, delays.pop(0))
    try:
        if call == "wait_many":
            ended = f"{sum(isinstance(result.error, WaitStopped) for result in results)} results"
        else:
            client.wait("t0", poll=QUICK, stop=stop)
            ended = "a video"
    except BaseException as error:  # noqa: BLE001 - it is printed
        ended = type(error).__name__
    signal.setitimer(signal.ITIMER_REAL, 0)
    client.close()
    deadline = time.monotonic() + HANG / 2
    while running_threads() > 1 and time.monotonic() < deadline:
        time.sleep(0.001)
    return ended if running_threads() == 1 else "a thread is left"


def running_threads() -> int:
    """The number of threads, as Linux counts them.

    Not `threading.active_count`: after ctrl-C inside `Thread.start`, CPython may keep its lock locked for ever.
    """
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def main(url: str, call: str, handler: str, rounds: int, seed: int) -> None:
    """Runs all rounds, one after the other."""
    if call != "first poll":
        # From here on, everything that a poll imports is there.
        with VideoClient(KEY, base_url=url) as client:
            client.get("t0")
    for number in range(rounds):
        child = os.fork()
        if child == 0:
            ended = run(url, call, handler, random.Random(seed * 1_000_000 + number))  # noqa: S311 - no secret
            os.write(1, f"{ended}\n".encode())
            os._exit(0)
        deadline = time.monotonic() + HANG
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.write(1, b"hang\n")
                break
            time.sleep(0.001)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
