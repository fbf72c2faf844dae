"""The commands and tests in docs/sandbox.md run as shown, and the pytest fixtures need no setup."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import meshapi_video_sandbox
from meshapi_video_sandbox import OPTIONS, running_sandbox
from meshapi_video_sandbox._create_faults import CREATE_FAULTS
from support.downstream import run_tests

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


ALL_FIXTURES = """
import asyncio, os, threading

BEFORE = threading.active_count()

def test_the_clients(meshapi_sandbox, meshapi_client, meshapi_async_client, make_video_task):
    task_id = make_video_task(scenario="instant")
    assert meshapi_client.wait(task_id).url.startswith("http://127.0.0.1:")

    async def main():
        async with meshapi_async_client as client:
            return await client.get(task_id)

    assert asyncio.run(main()).status == "succeeded"
    assert os.environ["MESHAPI_BASE_URL"] == meshapi_sandbox.base_url

def test_nothing_is_left():
    assert threading.active_count() == BEFORE
    assert "MESHAPI_BASE_URL" not in os.environ
"""

# Each test finds the sandbox as if it was the first one.
SHARED = """
import os
import pytest

@pytest.mark.parametrize("number", range(3))
def test_it(meshapi_sandbox, make_video_task, meshapi_client, number, capsys):
    assert meshapi_sandbox.base_url == os.environ["MESHAPI_BASE_URL"]
    assert len(list(meshapi_client.list())) == 1
    assert meshapi_client.wait(make_video_task(scenario="instant", id="the-task")).id == "the-task"
    with capsys.disabled():
        print("\\nurl", os.getpid(), meshapi_sandbox.base_url)
"""


def blocks(language: str, heading: str) -> list[str]:
    """The code blocks in a language, in one section of the page."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("heading", ["A session with curl", "Creating, listing and callbacks"])
def test_a_session_with_curl_prints_what_the_page_says(heading: str) -> None:
    (script,), (printed,) = blocks("sh", heading), blocks("text", heading)
    with running_sandbox() as sandbox:
        settings = {"MESHAPI_BASE_URL": sandbox.base_url, "MESHAPI_API_KEY": sandbox.api_key}
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", script],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.stderr, done.stdout, done.returncode) == ("", printed, 0)


def test_the_tests_on_the_page_pass_without_any_setup_and_leave_nothing_behind(tmp_path: Path) -> None:
    code, conftest = blocks("python", "Testing an application with it")
    (tmp_path / "test_app.py").write_text(code)
    (tmp_path / "test_it.py").write_text(ALL_FIXTURES)
    # The same tests with the sandbox of the test run.
    (tmp_path / "with_conftest").mkdir()
    (tmp_path / "with_conftest" / "conftest.py").write_text(conftest)
    (tmp_path / "with_conftest" / "test_shared.py").write_text(f"{code}\n{SHARED}")
    done = run_tests(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    assert len(set(re.findall("^url.*", done.stdout, re.MULTILINE))) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"test_app.py", "test_it.py", "with_conftest", "__pycache__"}


def test_without_the_extra_the_fixture_names_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(meshapi_client): ...\n\ndef test_other(): ...\n")
    done = run_tests(tmp_path, "sys.modules['fastapi'] = None")
    assert "the sandbox needs fastapi: pip install 'meshapi-video[sandbox]'" in done.stdout
    assert "1 passed, 1 error" in done.stdout


def test_loading_the_plugin_or_the_options_imports_no_package_of_the_extra() -> None:
    script = """
import sys
import meshapi_video_sandbox.pytest_plugin
from meshapi_video_sandbox import OPTIONS
packages = {"meshapi_video", "fastapi", "uvicorn", "httpx", "msgspec", "anyio", "attrs", "click"}
print(sorted(packages & sys.modules.keys()))
"""
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout == "[]\n"


def test_the_page_has_every_option_with_its_default() -> None:
    defaults = {f"{option.flag} {option.default_text or option.metavar}" for option in OPTIONS}
    assert set(re.findall(r"^\| `(--.*?)` \|", PAGE, re.MULTILINE)) == defaults


def test_the_page_has_every_fault_of_creates() -> None:
    (table,) = re.findall(r"^\| fault \| what the client gets.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    named = [name for row in table.strip().splitlines()[2:] for name in re.findall(r"`(.*?)`", row.split("|")[1])]
    assert named == list(CREATE_FAULTS)


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'meshapi_video_sandbox' has no attribute 'nothing'"):
        _ = meshapi_video_sandbox.nothing
