"""Signal handlers may set the event and close at any moment: some hundred signals at random moments, and forks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from support import signalled
from support.clients import KEY
from support.many_tasks import LONG, finished_after, never_finished, respond_by_id
from support.server import Server

ROUNDS = int(os.environ.get("ROUNDS", "20"))
SEED = int(os.environ.get("SEED", "13"))

# For each call and handler, how the call may end.
ENDS = {
    ("first poll", "close"): {"RuntimeError"},
    ("wait", "stop"): {"WaitStopped"},
    ("wait", "close"): {"RuntimeError"},
    ("wait_many", "stop"): {"5 results"},
    ("wait_many", "close"): {"RuntimeError"},
    ("wait_many", "close the iterator"): {"0 results"},
    ("wait_many", "raise"): {"KeyboardInterrupt"},
}


def output_of(*command: str) -> str:
    # A process with threads may fork: this is what these tests are about.
    command = (sys.executable, "-W", "ignore::DeprecationWarning", *command)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=(ROUNDS + 1) * LONG)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(("call", "handler"), ENDS)
def test_a_signal_at_any_moment_ends_the_call_as_documented(server: Server, call: str, handler: str) -> None:
    respond_by_id(server, never_finished)
    program = signalled.__file__
    ended = Counter(output_of(program, server.base_url, call, handler, str(ROUNDS), str(SEED)).splitlines())
    assert ended.keys() <= ENDS[call, handler], ended
    assert ended.total() == ROUNDS


FORKED = f"""
import os, signal, sys
from meshapi_video import PollPolicy, VideoClient
TASK_IDS = [f"t{{n}}" for n in range(20)]
QUICK = PollPolicy(initial_delay=0.01, multiplier=1.0, max_delay=0.01)

def in_child(run):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        try:
            print("the child:", run())
        except RuntimeError as error:
            print("the child:", error)
        client.close()
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

client = VideoClient({KEY!r}, base_url=sys.argv[1])
"""


def test_a_forked_process_cannot_use_the_iterator_of_its_parent_which_goes_on(server: Server) -> None:
    respond_by_id(server, finished_after(3))
    code = """
found = []
results = client.wait_many(TASK_IDS, poll=QUICK)
for result in results:
    if not found:
        in_child(lambda: next(results))
    found.append(result.task_id)
print("the parent:", sorted(found) == sorted(TASK_IDS))
"""
    lines = output_of("-c", FORKED + code, server.base_url).splitlines()
    assert lines[0].startswith("the child: this iterator belongs to the process that created it")
    assert lines[1] == "the parent: True"


def test_a_forked_process_can_go_on_with_the_updates_of_one_task(server: Server) -> None:
    # It has no threads, and the forked process opens its own connection.
    respond_by_id(server, finished_after(3))
    code = """
updates = client.updates("t0", poll=QUICK)
print("the parent:", next(updates).status)
in_child(lambda: [task.status for task in updates])
print("the parent:", [task.status for task in updates])
"""
    assert output_of("-c", FORKED + code, server.base_url).splitlines() == [
        "the parent: running",
        "the child: ['succeeded']",
        "the parent: ['succeeded']",
    ]
