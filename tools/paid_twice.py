"""Creates hundreds of videos while creates fail and the client is killed, and counts what was paid for.

The sandbox loses, cuts, delays and refuses responses at random moments, before or after the task is made. The command
`generate --batch` is killed by SIGKILL again and again, and run again from its journal, until it exits with 0. Then
the sandbox's own count of tasks must be the number of videos asked for, and the journal must name each of them once.

Beside it runs the loop that Mesh's documentation publishes (three retries after 429, 502, 503 and 504, and a run again
for each video without an id), and Mesh's own SDK if it is installed. `nox -s paid_twice` installs it.
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from meshapi_video import read_journal
from meshapi_video_sandbox import running_sandbox

if TYPE_CHECKING:
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


@dataclass
class Outcome:
    """What one client did."""

    asked: int
    made: int
    """Tasks that the sandbox made, each of them paid for."""
    known: int
    """Tasks whose id the client knows."""
    kills: int = 0
    seconds: float = 0

    @property
    def is_exact(self) -> bool:
        """Whether each video was paid for once, and no task is lost."""
        return self.asked == self.made == self.known

    def row(self, name: str) -> str:
        """One row of the table."""
        return f"| {name} | {self.asked} | {self.made} | {self.made - self.known} | {self.kills} | {self.seconds:.0f} |"


def fail_at_random(sandbox: Sandbox, seed: int, delay: float) -> None:
    """Lets later creates fail, and their tasks end at once."""
    sandbox.plan_creates(queued_for=0, running_for=0, random_faults={"weights": WEIGHTS, "seed": seed, "delay": delay})


def run_batch(sandbox: Sandbox, folder: Path, videos: int, seed: int) -> Outcome:
    """Kills the command again and again until nothing is missing, and then lets it finish."""
    batch, began, kills = folder / "videos.jsonl", time.monotonic(), 0
    batch.write_text("".join(json.dumps({"prompt": f"video {number}"}) + "\n" for number in range(videos)))
    fail_at_random(sandbox, seed, delay=0.5)
    moments = random.Random(seed)  # noqa: S311 - the same moments each time
    before = len(sandbox.creates())
    command = [sys.executable, "-m", "meshapi_video", "generate", "--batch", str(batch), "--model", MODEL, "--yes"]
    command += ["--settled-after", str(SETTLED_AFTER), "--json"]
    environment = {**os.environ, "MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key}
    while True:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            # Later and later, so that the last runs finish.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=0.4 + moments.expovariate(1) * (1 + kills / 10))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
                continue
        if process.returncode == 0:
            break
    known = {record.task_id for record in read_journal(f"{batch}.journal") if record.event == "created"}
    made = {record.id for record in sandbox.creates()[before:]}
    return Outcome(videos, len(made), len(made & known), kills, time.monotonic() - began)


def run_loop(sandbox: Sandbox, videos: int, seed: int) -> Outcome:
    """The published loop: three retries after 429, 502, 503 and 504, and each failed video once more from the start."""
    began, before, known = time.monotonic(), len(sandbox.creates()), set[str]()
    fail_at_random(sandbox, seed, delay=0.5)
    body: dict[str, object] = {"model": MODEL, "content": [{"type": "text", "text": "a video"}]}
    with httpx.Client(headers={"Authorization": f"Bearer {sandbox.api_key}"}, timeout=0.4, trust_env=False) as client:
        for _ in range(videos):
            task_id = None
            while task_id is None:
                task_id = _published(client, f"{sandbox.base_url}/v1/video/generations", body)
            known.add(task_id)
    return Outcome(videos, len(sandbox.creates()) - before, len(known), 0, time.monotonic() - began)


def _published(client: httpx.Client, url: str, body: dict[str, object]) -> str | None:
    for _ in range(4):
        try:
            response = client.post(url, json=body)
            if response.status_code in _RETRIED:
                continue
            return str(response.raise_for_status().json()["id"])
        except (httpx.HTTPError, ValueError, KeyError):
            return None
    return None


def run_sdk(sandbox: Sandbox, videos: int, seed: int) -> Outcome:
    """Mesh's own SDK, and each video whose `generate` raises once more from the start."""
    # Not by an import statement: the type checkers of this project do not have the SDK.
    sdk: Any = importlib.import_module("meshapi")
    began, before, known = time.monotonic(), len(sandbox.creates()), set[str]()
    fail_at_random(sandbox, seed, delay=0.5)
    client = sdk.MeshAPI(base_url=sandbox.base_url, token=sandbox.api_key)
    request = sdk.VideoGenerationParams(model=MODEL, content=[sdk.VideoContentItem(type="text", text="a video")])
    for _ in range(videos):
        created = None
        while created is None:
            with contextlib.suppress(Exception):
                created = client.videos.generate(request).id
        known.add(str(created))
    return Outcome(videos, len(sandbox.creates()) - before, len(known), 0, time.monotonic() - began)


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
    print("| client | videos asked for | tasks paid for | of these lost | kills | seconds |")
    print("|---|---|---|---|---|---|")
    print("\n".join(rows))
    return 0 if batch.is_exact else 1


if __name__ == "__main__":
    sys.exit(main())
