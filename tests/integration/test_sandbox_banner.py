"""The lines that a sandbox prints when it starts work as they are, in a shell and in Python, without the internet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

import meshapi_video_sandbox
from meshapi_video._cli.commands import run
from meshapi_video_sandbox import SandboxError, Settings, running_sandbox
from meshapi_video_sandbox._banner import instructions
from meshapi_video_sandbox._run import _running
from support.program import PROGRAM
from support.sandbox_client import poll

VIDEO = Path(meshapi_video_sandbox.__file__).with_name("video.mp4").read_bytes()
EXAMPLE_ID = "a1b2c3d4-e5f6-7890-ab12-cd34ef567890"


@pytest.fixture
def banner() -> Generator[list[str]]:
    """The lines to copy, of a running sandbox whose key has characters that a shell and Python read in other ways."""
    settings = Settings(port=0, keys=["rsk_a$b'c"])
    with _running(settings) as sandbox:
        yield [line.strip() for line in instructions(sandbox, settings) if line.startswith("  ")]


def test_the_lines_for_a_shell_download_the_example_and_make_a_task(banner: list[str], tmp_path: Path) -> None:
    export, download, *_, curl = banner
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MESHAPI")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    script = f"{export}\n{download}\n{curl}"
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / f"{EXAMPLE_ID}.mp4").read_bytes() == VIDEO
    assert '{"id":"' in done.stdout


def test_the_lines_for_python_download_the_example_without_a_variable(
    banner: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "\n".join(banner[2:5])
    assert lines.startswith("from meshapi_video import VideoClient\n")
    exec(lines, {})  # noqa: S102 - as a user would
    assert capsys.readouterr().out == "sandbox.mp4\n"
    assert (tmp_path / "sandbox.mp4").read_bytes() == VIDEO


def test_the_example_can_be_downloaded_at_any_time_and_from_a_file_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_number in range(2):
        with running_sandbox(db=tmp_path / "t.db") as sandbox:
            # The links of other tasks expire after a day.
            sandbox.advance(10 * 365 * 86_400)
            monkeypatch.setenv("MESHAPI_BASE_URL", sandbox.base_url)
            monkeypatch.setenv("MESHAPI_API_KEY", sandbox.api_key)
            for options in ([], ["--last-frame"]):
                folder = tmp_path / f"{run_number}{len(options)}"
                folder.mkdir()
                assert run(["download", EXAMPLE_ID, str(folder), *options]) == 0
                assert [path.stat().st_size > 0 for path in folder.iterdir()] == [True]


def test_in_front_of_a_real_upstream_the_lines_only_get_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARK_API_KEY", "ark_mine")
    settings = Settings(port=0, upstream="http://127.0.0.1:9/api/v3")
    with _running(settings) as sandbox:
        lines = "\n".join(instructions(sandbox, settings))
        assert poll(sandbox, EXAMPLE_ID).json()["content"]["video_url"].startswith("https://cdn.byteplus.com/")
    assert f"meshapi-video get {EXAMPLE_ID}" in lines
    assert "download" not in lines
    assert "curl" not in lines


@pytest.mark.parametrize(("port", "files_port"), [(0, 0), (8787, 8788), (9000, 9001), (65535, 0)])
def test_the_port_of_the_upstream_follows_the_port_of_the_api(port: int, files_port: int) -> None:
    assert Settings(port=port).files_port == files_port
    assert Settings(port=port, upstream_port=7).files_port == 7


def test_two_sandboxes_with_port_0_run_at_the_same_time_and_sigterm_stops_one_as_ctrl_c_does() -> None:
    command = [*PROGRAM[:-2]]
    assert command[-2:] == ["--port", "0"]
    with running_sandbox() as other:
        process = subprocess.Popen[str](command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            first = process.stdout.readline()
            while "Programs create tasks" not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
    assert str(other.upstream_url) not in first
    assert first.startswith("A local Mesh API runs at http://127.0.0.1:")
    assert ", which also serves the videos, is http://127.0.0.1:" in first
    assert (out, err, process.returncode) == ("stopped\n", "", 0)


def test_without_the_extra_the_program_says_what_to_install() -> None:
    script = """
import sys
sys.modules["uvicorn"] = None
from meshapi_video_sandbox.__main__ import main
sys.exit(main(["--port", "0"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    message = "meshapi_video_sandbox: the sandbox needs uvicorn: pip install 'meshapi-video[sandbox]'\n"
    assert (done.stderr, done.stdout, done.returncode) == (message, "", 2)


@pytest.mark.parametrize("settings", [{"keys": "rsk_one"}, {"allowed_hosts": "box"}])
def test_a_single_text_in_place_of_a_sequence_is_refused(settings: dict[str, str]) -> None:
    with pytest.raises(SandboxError, match="should be sequences of texts, and not a single text"):
        Settings(**settings)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - callers may be untyped
