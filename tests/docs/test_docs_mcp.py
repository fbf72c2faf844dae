"""The page about AI clients: its configurations start the command, and its session is a recorded one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from click.testing import CliRunner

from meshapi_video._cli.commands import cli
from meshapi_video._mcp.server import VideoServer
from meshapi_video._mcp.state import State
from tools import mcp_transcript

PAGE: Final = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
CONFIGURATIONS: Final = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", CONFIGURATIONS, ids=["Claude Desktop", "VS Code", "Cursor"])
def test_a_configuration_starts_a_command_that_exists(text: str) -> None:
    configuration: dict[str, Any] = json.loads(text)
    (servers,) = (configuration[name] for name in ("mcpServers", "servers") if name in configuration)
    server = servers["meshapi-video"]
    assert server["command"] == "meshapi-video"
    assert list(server["env"]) == ["MESHAPI_API_KEY"]
    # The command is not run: an option after its own ones is unknown.
    done = CliRunner().invoke(cli, [*server["args"], "--nonsense"])
    assert "No such option '--nonsense'" in done.output


def test_the_table_has_every_tool_with_its_arguments(tmp_path: Path) -> None:
    server = VideoServer(State(client=None, no_client="", folder=tmp_path, allow_paid=False, rephrase=str))
    tools = {tool.name: list(tool.input_schema["properties"]) for tool in anyio.run(server.list_tools)}
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", PAGE, re.MULTILINE)
    assert {name: arguments.split(", ") for name, arguments in rows} == tools


def test_the_session_on_the_page_is_what_the_client_and_the_server_send() -> None:
    # After a change: `nox -s mcp_transcript`.
    assert mcp_transcript.replace(PAGE, mcp_transcript.transcript()) == PAGE
