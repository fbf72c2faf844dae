"""Creates hundreds of videos while creates fail and the client is killed, and counts what was paid for.

The sandbox loses, cuts, delays and refuses the responses to half of the creates, before or after the task is made. The
command `generate --batch` is killed by SIGKILL again and again, and run again from its journal, until it exits with 0.
The sandbox then says which request made which task: each video must have one task, and the journal must name it.

Beside it runs the loop that Mesh's documentation publishes (three retries after 429, 502, 503 and 504, and a run again
for each video without an id), and Mesh's own SDK if it is installed. `nox -s paid_twice` installs it. Neither is
killed, and each has time for the slow responses.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meshapi_video import read_journal
from meshapi_video._http_libraries import httpx
from meshapi_video_sandbox import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshapi_video_sandbox import Sandbox

MODEL: Final = "byteplus/dreamina-seedance-2-0"
SETTLED_AFTER: Final = 2.0
"""Seconds after which a task that is not in the list was not made: longer than the slowest response."""
WEIGHTS: Final = {
    "none": 50.0,
    "lost_response": 6,
    "reset_before": 5,
    "reset_after": 6,
    "bad_gateway_before": 4,
    "bad_gateway_after": 6,
    "unavailable_before": 3,
    "unavailable_after": 4,
    "rate_limited": 2,
    "slow_before": 4,
    "slow_after": 4,
    "html_after": 2,
    "truncated": 2,
    "half": 1,
    "no_id": 1,
}
_RETRIED: Final = frozenset({429, 502, 503, 504})
_MOST_RUNS: Final = 60
"""More runs of the command, or tries of one video, mean that it never ends."""


@dataclass
class Outcome:
    """What one client did."""

    asked: int
    tasks: Counter[str | None] = field(default_factory=Counter[str | None])
    """The number of tasks that the sandbox made for each video, each of them paid for; None for an unknown video."""
    lost: int = 0
    """Tasks whose id the client does not know."""
    kills: int = 0
    seconds: float = 0

    @property
    def paid_twice(self) -> int:
        """The number of videos that were paid for more than once."""
        return sum(number > 1 for number in self.tasks.values())

    @property
    def is_exact(self) -> bool:
        """Whether each video was paid for once, and no task is lost."""
        is_complete = len(self.tasks) == self.tasks.total() == self.asked
        return is_complete and None not in self.tasks and not self.lost

    def row(self, name: str) -> str:
        """One row of the table."""
        numbers = (self.asked, self.tasks.total(), self.paid_twice, self.lost, self.kills, round(self.seconds))
        return f"| {name} | {' | '.join(map(str, numbers))} |"


def fail_at_random(sandbox: Sandbox, seed: int, delay: float) -> None:
    """Lets later creates fail, and their tasks end at once."""
    sandbox.plan_creates(queued_for=0, running_for=0, random_faults={"weights": WEIGHTS, "seed": seed, "delay": delay})


def run_batch(sandbox: Sandbox, folder: Path, videos: int, seed: int) -> Outcome:
    """Kills the command again and again until nothing is missing, and then lets it finish."""
    batch, outcome, began = folder / "videos.jsonl", Outcome(videos), time.monotonic()
    batch.write_text("".join(json.dumps({"prompt": f"video {number}"}) + "\n" for number in range(videos)))
    fail_at_random(sandbox, seed, delay=0.5)
    moments = random.Random(seed)  # noqa: S311 - the same moments each time
    before = len(sandbox.creates())
    command = [sys.executable, "-m", "meshapi_video", "generate", "--batch", str(batch), "--model", MODEL, "--yes"]
    command += ["--settled-after", str(SETTLED_AFTER), "--json"]
    environment = {**os.environ, "MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key}
    errors = b""
    for _ in range(_MOST_RUNS):
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            try:
                # Later and later, so that the last runs finish.
                timeout = 0.4 + moments.expovariate(1) * (1 + outcome.kills / 10)
                _, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                _, errors = process.communicate()
                outcome.kills += 1
        if process.returncode == 0:
            break
    else:
        raise RuntimeError(f"the batch has not ended after {_MOST_RUNS} runs: {errors.decode()[-2000:]}")
    journal = {record.request_id: record for record in read_journal(f"{batch}.journal")}
    for made in sandbox.creates()[before:]:
        record = journal.get(made.request_id)
        outcome.tasks[None if record is None else record.key] += 1
        outcome.lost += record is None or record.task_id != made.id
    outcome.seconds = time.monotonic() - began
    return outcome


def run_again(sandbox: Sandbox, videos: int, seed: int, create: Callable[[str], str]) -> Outcome:
    """Creates each video by `create`, which returns the task's id, and again from the start after each error."""
    outcome, began = Outcome(videos), time.monotonic()
    fail_at_random(sandbox, seed, delay=0.5)
    for number in range(videos):
        video, before = f"video {number}", len(sandbox.creates())
        task_id, failures = None, 0
        while task_id is None:
            try:
                task_id = create(video)
            except Exception as error:  # the SDK has errors of many types
                failures += 1
                if failures == _MOST_RUNS:
                    raise RuntimeError(f"{video} has no id after {_MOST_RUNS} tries") from error
        made = [record.id for record in sandbox.creates()[before:]]
        outcome.tasks[video] = len(made)
        outcome.lost += sum(made_id != task_id for made_id in made)
    outcome.seconds = time.monotonic() - began
    return outcome


def run_loop(sandbox: Sandbox, videos: int, seed: int) -> Outcome:
    """The published loop: three retries after 429, 502, 503 and 504, and each failed video once more from the start."""
    url = f"{sandbox.base_url}/v1/video/generations"
    with httpx.Client(headers={"Authorization": f"Bearer {sandbox.api_key}"}, timeout=3, trust_env=False) as client:

        def create(video: str) -> str:
            body = {"model": MODEL, "content": [{"type": "text", "text": video}]}
            response = client.post(url, json=body)
            for _ in range(3):
                if response.status_code in _RETRIED:
                    response = client.post(url, json=body)
            return str(response.raise_for_status().json()["id"])

        return run_again(sandbox, videos, seed, create)


def run_sdk(sandbox: Sandbox, videos: int, seed: int) -> Outcome:
    """Mesh's own SDK, and each video whose `generate` raises once more from the start."""
    # Not by an import statement: the type checkers of this project do not have the SDK.
    sdk: Any = importlib.import_module("meshapi")
    client = sdk.MeshAPI(base_url=sandbox.base_url, token=sandbox.api_key)

    def create(video: str) -> str:
        content = [sdk.VideoContentItem(type="text", text=video)]
        return str(client.videos.generate(sdk.VideoGenerationParams(model=MODEL, content=content)).id)

    return run_again(sandbox, videos, seed, create)


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 if the batch paid once for each video and lost none."""
    parser = argparse.ArgumentParser(prog="nox -s paid_twice --", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=300, help="how many videos (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the faults and kills (default: %(default)s)")
    parser.add_argument("--alone", action="store_true", help="without the published loop and Mesh's SDK")
    options = parser.parse_args(arguments)
    with running_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        batch = run_batch(sandbox, Path(folder), options.videos, options.seed)
        rows = [batch.row("meshapi-video generate --batch")]
        if not options.alone:
            rows.append(run_loop(sandbox, options.videos, options.seed).row("the published loop, run again"))
            with contextlib.suppress(ModuleNotFoundError):
                rows.append(run_sdk(sandbox, options.videos, options.seed).row("Mesh's SDK, run again"))
    print(
        "| client | videos asked for | tasks paid for | videos paid for twice or more | lost tasks | kills | seconds |"
    )
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))
    return 0 if batch.is_exact else 1


if __name__ == "__main__":
    sys.exit(main())
