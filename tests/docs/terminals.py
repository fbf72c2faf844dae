"""Pictures of terminals in which the command really ran, as SVG. Run by `nox -s pictures`; needs a POSIX system."""

from __future__ import annotations

import io
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
from fastapi.responses import StreamingResponse
from rich.console import Console
from rich.style import Style
from rich.text import Text

from meshapi_video_sandbox import Outcome, Sandbox, _videos, running_sandbox

ASSETS: Final = Path(__file__).parents[2] / "docs" / "assets"
COLUMNS: Final = 96
COLOURS: Final = {"brown": "yellow", "brightblack": "bright_black"}
"""Those that pyte has another word for."""


class SlowFile(StreamingResponse):
    """A file as a distant server sends it: the sandbox's own would be there before anybody sees a bar."""

    def __init__(self, path: Path, media_type: str) -> None:
        content = path.read_bytes()

        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(content), 1000):
                yield content[at : at + 1000]
                await anyio.sleep(0.1)

        super().__init__(pieces(), media_type=media_type, headers={"content-length": str(len(content))})


def main() -> None:
    """Draws both."""
    slowly = patch.object(_videos, "FileResponse", SlowFile)
    with slowly, running_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        Path(folder, "ids.txt").write_text("\n".join(twenty(sandbox)), encoding="utf-8")
        settings = {"MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key}
        command = "meshapi-video wait --from ids.txt --download videos"
        draw("wait", command, Path(folder), settings, lines=28, at_last=in_the_middle)
        draw("demo", "meshapi-video demo --output demo.mp4", Path(folder), {}, lines=14, at_last=lambda _screen: False)


def twenty(sandbox: Sandbox) -> list[str]:
    """Twenty tasks: most have a video in the end, at different times."""
    ends: tuple[Outcome, ...] = (
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
            ends[number % len(ends)] if number < len(ends) else "succeeded",
            id=f"cgt-20260711-{number:02}",
            queued_for=1 + number % 3 if number < 16 else 9,
            running_for=3 + 2 * number,
        )
        for number in range(20)
    ]


def in_the_middle(screen: pyte.Screen) -> bool:
    """Whether there is something of everything to be seen."""
    shown = "\n".join(screen.display)
    return all(shown.count(word) > 1 for word in (" fetching ", " left", "running", "\nmeshapi-video"))


def draw(
    name: str,
    command: str,
    folder: Path,
    settings: dict[str, str],
    *,
    lines: int,
    at_last: Callable[[pyte.Screen], bool],
) -> None:
    """Runs a command on a terminal of its own, and draws that as it is at last."""
    screen = pyte.Screen(COLUMNS, lines)
    stream = pyte.ByteStream(screen)
    stream.feed(f"$ {command}\r\n".encode())
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        program, *arguments = shlex.split(command)
        os.environ.update(settings, TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(lines))
        os.execv(Path(sys.executable).with_name(program), [program, *arguments])  # noqa: S606 - it is ours
    # Linux ends the reading with an error when the command has left.
    with suppress(OSError):
        while output := os.read(terminal, 65536):
            stream.feed(output)
            if at_last(screen):
                break
    ASSETS.joinpath(f"{name}.svg").write_text(svg(screen, name, command), encoding="utf-8")
    # Where nobody looks any more it is over.
    os.close(terminal)
    os.waitpid(process, 0)


def svg(screen: pyte.Screen, name: str, title: str) -> str:
    """The terminal as it is."""
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
    # Without the fonts, which would be fetched from another host.
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title=title, unique_id=name), flags=re.DOTALL)


if __name__ == "__main__":
    main()
