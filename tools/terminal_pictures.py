"""Draws docs/assets/wait.svg, generate.svg and demo.svg: terminals in which the command really ran.

Run by `nox -s pictures`. Needs a POSIX system.
"""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from unittest.mock import patch

import anyio
import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text
from starlette.responses import FileResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from meshapi_video_sandbox import Outcome, Sandbox, running_sandbox

ASSETS: Final = Path(__file__).parents[1] / "docs" / "assets"
COLUMNS: Final = 96
COLOURS: Final = {"brown": "yellow", "brightblack": "bright_black"}
"""rich's names of the colours that have another name in pyte."""
WAIT: Final = "meshapi-video wait --from ids.txt --download videos"
GENERATE: Final = "meshapi-video generate --batch videos.jsonl -o videos --yes"
MODEL: Final = "byteplus/dreamina-seedance-2-0"
VIDEOS: Final = (
    "a lake at sunrise",
    "the boat leaves",
    "rain on the lake",
    "a storm",
    "calm water",
    "the lake at night",
)
DEMO: Final = "meshapi-video demo --output demo.mp4"


def main() -> None:
    """Draws all pictures."""
    slow_downloads = patch.object(FileResponse, "__call__", send_slowly)
    with slow_downloads, running_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        Path(folder, "ids.txt").write_text("\n".join(create_tasks(sandbox)), encoding="utf-8")
        settings = {"MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key}
        draw("wait", WAIT, Path(folder), settings, lines=28, stop_when=shows_everything)
        batch = "\n".join(json.dumps({"model": MODEL, "prompt": prompt}) for prompt in VIDEOS)
        Path(folder, "videos.jsonl").write_text(batch, encoding="utf-8")
        draw("generate", GENERATE, Path(folder), settings, lines=20, stop_when=shows_videos_and_downloads)
        draw("demo", DEMO, Path(folder), {}, lines=14, stop_when=lambda _screen: False)


async def send_slowly(response: FileResponse, scope: Scope, receive: Receive, send: Send) -> None:
    """Sends a file like a distant server: the sandbox alone is so fast that no progress bar would appear."""
    content = await anyio.Path(response.path).read_bytes()

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]
            await anyio.sleep(0.1)

    headers = {"content-length": str(len(content))}
    await StreamingResponse(parts(), media_type=response.media_type, headers=headers)(scope, receive, send)


def create_tasks(sandbox: Sandbox) -> list[str]:
    """The ids of twenty new tasks. Most of them succeed, at different times."""
    outcomes: tuple[Outcome, ...] = (
        "succeeded",
        "succeeded",
        "failed",
        "succeeded",
        "succeeded",
        "expired",
        "succeeded",
        "cancelled",
    )
    return [
        sandbox.create_task(
            outcomes[number] if number < len(outcomes) else "succeeded",
            id=f"cgt-20260711-{number:02}",
            queued_for=1 + number % 3 if number < 16 else 9,
            running_for=3 + 2 * number,
        )
        for number in range(20)
    ]


def shows_everything(screen: pyte.Screen) -> bool:
    """Whether the screen shows a failed task, and at least two downloads, running tasks and errors."""
    text = "\n".join(screen.display)
    # The speed of a download's first part is not typical: it says that no time is left.
    is_typical = ": failed: " in text and "0:00 left" not in text
    return is_typical and all(text.count(word) > 1 for word in (" downloading ", " left", "running", "\nmeshapi-video"))


def shows_videos_and_downloads(screen: pyte.Screen) -> bool:
    """Whether the screen shows at least one downloaded video and two downloads."""
    text = "\n".join(screen.display)
    return ".mp4" in text and text.count(" downloading ") > 1 and text.count(" left") > 1 and "0:00 left" not in text


def draw(
    name: str,
    command: str,
    folder: Path,
    settings: dict[str, str],
    *,
    lines: int,
    stop_when: Callable[[pyte.Screen], bool],
) -> None:
    """Runs a command on a new terminal until it ends or the screen is as wanted, and draws the screen."""
    screen = pyte.Screen(COLUMNS, lines)
    stream = pyte.ByteStream(screen)
    stream.feed(f"$ {command}\r\n".encode())
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        program, *arguments = shlex.split(command)
        os.environ.update(settings, TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(lines))
        os.execv(Path(sys.executable).with_name(program), [program, *arguments])  # noqa: S606 - it is our own command
    # On Linux, reading raises an error after the command has ended.
    with suppress(OSError):
        while output := os.read(terminal, 65536):
            stream.feed(output)
            if stop_when(screen):
                break
    ASSETS.joinpath(f"{name}.svg").write_text(svg(screen, name, command), encoding="utf-8")
    # This ends a command that still runs.
    os.close(terminal)
    os.waitpid(process, 0)


def svg(screen: pyte.Screen, name: str, title: str) -> str:
    """The terminal as an SVG."""
    console = Console(record=True, file=io.StringIO(), width=COLUMNS, color_system="truecolor", force_terminal=True)
    for row in range(max(number for number, line in enumerate(screen.display) if line.strip()) + 1):
        line = Text(no_wrap=True)
        for column in range(COLUMNS):
            cell = screen.buffer[row][column]
            colour = COLOURS.get(cell.fg, cell.fg)
            if re.fullmatch("[0-9a-f]{6}", colour):
                colour = f"#{colour}"
            line.append(cell.data, Style(color=colour, bold=cell.bold))
        line.rstrip()
        console.print(line)
    # The fonts are removed: the browser would load them from another host.
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=title, unique_id=name), flags=re.DOTALL)


if __name__ == "__main__":
    main()
