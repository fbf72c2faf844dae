"""The commands `sandbox` and `demo`."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from meshapi_video import DownloadError
from meshapi_video._cli.commands import run
from meshapi_video._cli.demo import run_demo
from meshapi_video_sandbox import OPTIONS, Sandbox
from support.cli import COMMAND, Output


@pytest.mark.usefixtures("clock")
def test_the_demo_runs_the_complete_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run(["demo"]) == 0
    printed = capsys.readouterr().out
    (video,) = tmp_path.rglob("*.mp4")
    assert video.read_bytes()[4:8] == b"ftyp"
    assert f"Downloaded to {video}\n" in printed
    assert f"The file is an MP4 video (brand isom), {video.stat().st_size:,} bytes\n" in printed
    assert [line for line in printed.splitlines() if line.startswith("  ")] == ["  queued", "  running", "  succeeded"]
    assert printed.endswith("The local Mesh API has stopped.\n")
    base_url = printed.splitlines()[0].removeprefix("A local Mesh API runs at ")
    with pytest.raises(httpx.ConnectError):
        httpx.get(base_url)


@pytest.mark.usefixtures("clock")
def test_the_demo_writes_the_video_to_the_output_option(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert run(["demo", "--output", str(output)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("there.mp4", "already exists"),
        (".", "already exists"),
        ("no/folder/out.mp4", "no/folder does not exist, or is no folder"),
        ("link.mp4", "link.mp4 already exists: delete it, or choose another path"),
    ],
)
def test_the_demo_refuses_a_wrong_output_before_it_starts(
    output: str, message: str, tmp_path: Path, capsys: Output
) -> None:
    tmp_path.joinpath("there.mp4").write_text("mine")
    tmp_path.joinpath("link.mp4").symlink_to("nowhere")
    assert run(["demo", "--output", str(tmp_path / output)]) == 74
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
    assert tmp_path.joinpath("there.mp4").read_text() == "mine"


@pytest.mark.usefixtures("clock")
def test_a_demo_whose_folder_was_removed_meanwhile_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"there is no folder .*removed-meanwhile"):
        run_demo(tmp_path / "removed-meanwhile" / "out.mp4", print_line=print)


@pytest.mark.usefixtures("clock")
def test_a_downloaded_file_that_is_not_a_video_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr("meshapi_video_sandbox._videos._MEDIA", tmp_path)
    tmp_path.joinpath("video.mp4").write_text("no video at all")
    assert run(["demo", "--output", str(tmp_path / "out.mp4")]) == 3
    assert "is not an MP4 file" in capsys.readouterr().err


def test_the_sandbox_command_has_the_options_that_the_sandbox_defines(capsys: Output) -> None:
    assert run(["sandbox", "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for option in OPTIONS:
        default = f" [default: {option.default_text}" if option.default_text else ""
        assert f"{option.flag} {option.metavar} {option.help}{default}" in printed


def test_the_sandbox_command_serves_until_ctrl_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    command = [*COMMAND, "sandbox", "--port", "0", "--upstream-port", "0", "--db", str(tmp_path / "t.db")]
    with subprocess.Popen[str](
        [*command, "--key", "rsk_mine"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = ""
        while "  export" not in line:
            line = process.stdout.readline()
        settings = {name: value for name, _, value in (setting.partition("=") for setting in line.split()[1:])}
        assert settings["MESHAPI_API_KEY"] == "rsk_mine"
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        task_id = Sandbox(settings["MESHAPI_BASE_URL"]).create_task(queued_for=0, running_for=0)
        assert run(["get", "--json", task_id]) == 0
        assert json.loads(capsys.readouterr().out)["status"] == "succeeded"
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(timeout=20) == 0
        finally:
            # Otherwise `Popen` would wait for ever for a sandbox that did not stop.
            process.kill()
        assert process.stdout.read().endswith("stopped\n")
        assert process.stderr.read() == ""


def test_a_port_in_use_exits_with_2(sandbox: Sandbox, capsys: Output) -> None:
    assert run(["sandbox", "--port", sandbox.base_url.rpartition(":")[2]]) == 2
    assert "cannot listen on 127.0.0.1:" in capsys.readouterr().err


def test_a_database_that_cannot_be_opened_exits_with_74(tmp_path: Path, capsys: Output) -> None:
    assert run(["sandbox", "--port", "0", "--upstream-port", "0", "--db", str(tmp_path / "missing" / "t.db")]) == 74
    assert "cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["", " ", "rsk one", "rsk\n", "schlüssel"])
def test_a_key_that_no_client_can_send_exits_with_2(key: str, capsys: Output) -> None:
    assert run(["sandbox", "--port", "0", "--key", "rsk_good", "--key", key]) == 2
    assert "a key should be" in capsys.readouterr().err


def test_without_the_sandbox_extra_its_commands_name_the_packages_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def find_spec(name: str) -> object:
        return None if name == "fastapi" else object()

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    for command in ("demo", "sandbox"):
        assert run([command]) == 2
        assert "this command needs fastapi: pip install 'meshapi-video[cli,sandbox]'" in capsys.readouterr().err
