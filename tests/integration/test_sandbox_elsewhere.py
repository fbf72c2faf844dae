"""A sandbox on another machine: clients reach it under a name, and download from it only where that is allowed."""

from __future__ import annotations

import dataclasses
import os
import re
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import meshapi_video_sandbox
from meshapi_video import AsyncVideoClient, DownloadError, Video, VideoClient, parse_task
from meshapi_video._cli.commands import run
from meshapi_video_sandbox import Sandbox, SandboxError, Settings
from meshapi_video_sandbox.__main__ import main
from meshapi_video_sandbox._banner import instructions
from meshapi_video_sandbox._run import _running
from support.cli import Output
from support.clients import Caller, Kind
from support.clock import Clock
from support.files import download
from support.sandbox_client import get, poll

VIDEO = Path(meshapi_video_sandbox.__file__).with_name("video.mp4").read_bytes()
PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
ADDRESS = "127.0.0.2"


@pytest.fixture
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name `box` leads to another address than that of this machine's clients."""
    original = socket.getaddrinfo

    def getaddrinfo(host: str | bytes, *arguments: Any, **options: Any) -> list[Any]:  # noqa: ANN401
        return original(ADDRESS if host in {"box", b"box"} else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def elsewhere(_names: None) -> Generator[tuple[Sandbox, list[str]]]:
    """A sandbox as in a container of a compose file, and the lines that it prints."""
    settings = Settings(host=ADDRESS, port=0, advertise="box", keys=["rsk_box"])
    with _running(settings, settings.advertise) as sandbox:
        yield sandbox, instructions(sandbox, settings)


def make_caller(kind: Kind, sandbox: Sandbox, **settings: object) -> Caller:
    return Caller(kind, sandbox.base_url, Clock(), {"api_key": sandbox.api_key, **settings})


def test_the_links_of_the_videos_name_the_advertised_host(elsewhere: tuple[Sandbox, list[str]]) -> None:
    sandbox, _ = elsewhere
    assert sandbox.base_url.startswith("http://box:")
    task = poll(sandbox, sandbox.create_task(scenario="instant"), "rsk_box").json()
    assert task["content"]["video_url"].startswith("http://box:")
    assert get(task["content"]["video_url"]).content == VIDEO


def test_a_download_from_another_machine_over_plain_http_is_refused_by_default(
    kind: Kind, elsewhere: tuple[Sandbox, list[str]], tmp_path: Path
) -> None:
    sandbox, _ = elsewhere
    task = poll(sandbox, sandbox.create_task(scenario="instant"), "rsk_box").json()
    video = Video(url=task["content"]["video_url"], task=parse_task(task), last_frame_url=None)
    # A private host alone is not enough: a name inside the network may have a certificate.
    for allowed in ([], ["box"], ["http://other"]):
        caller = make_caller(kind, sandbox, private_hosts=allowed)
        with pytest.raises(ValueError, match=r"plain http.* allow it: private_hosts=\['http://box'\]"):
            caller.get()
        caller.base_url = "https://api.example"
        with pytest.raises(DownloadError, match=r"plain http.* allow it: private_hosts=\['http://box'\]"):
            download(caller, video, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_explicit_allowance_permits_it_for_that_host(
    kind: Kind, elsewhere: tuple[Sandbox, list[str]], tmp_path: Path
) -> None:
    sandbox, _ = elsewhere
    caller = make_caller(kind, sandbox, private_hosts=["http://box"])
    download(caller, sandbox.create_task(scenario="instant"), tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == VIDEO


def test_the_variable_permits_it_without_a_change_of_the_program(
    kind: Kind, elsewhere: tuple[Sandbox, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, _ = elsewhere
    monkeypatch.setenv("MESHAPI_PRIVATE_HOSTS", "files.internal, http://Box")
    download(make_caller(kind, sandbox), sandbox.create_task(scenario="instant"), tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == VIDEO


def test_the_lines_of_the_banner_allow_it_for_the_command_and_for_python(
    elsewhere: tuple[Sandbox, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    sandbox, lines = elsewhere
    monkeypatch.chdir(tmp_path)
    (export,) = (line for line in lines if line.startswith("  export "))
    assert export.endswith(" MESHAPI_PRIVATE_HOSTS=http://box")
    start = lines.index("In Python:")
    exec("\n".join(line.strip() for line in lines[start + 1 : start + 4]), {})  # noqa: S102 - as a user would
    assert (tmp_path / "sandbox.mp4").read_bytes() == VIDEO
    assert capsys.readouterr().out == "sandbox.mp4\n"
    for setting in export.split()[1:]:
        monkeypatch.setenv(*setting.split("="))
    task_id = sandbox.create_task(scenario="instant")
    assert run(["download", task_id, "by-variable.mp4"]) == 0
    monkeypatch.delenv("MESHAPI_PRIVATE_HOSTS")
    assert run(["download", task_id, "by-option.mp4", "--private-host", "http://box"]) == 0
    assert run(["download", task_id, "refused.mp4"]) != 0
    assert "set MESHAPI_PRIVATE_HOSTS=http://box" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["by-option.mp4", "by-variable.mp4", "sandbox.mp4"]


def test_the_allowance_of_a_host_is_no_allowance_for_a_redirect_from_it(
    kind: Kind, elsewhere: tuple[Sandbox, list[str]], tmp_path: Path
) -> None:
    sandbox, _ = elsewhere
    caller = make_caller(kind, sandbox, private_hosts=["http://box"])
    url = f"http://elsewhere.example{sandbox.base_url.removeprefix('http://box')}/"
    task = parse_task({"id": "task-1", "status": "succeeded", "content": {"video_url": url}})
    with pytest.raises(DownloadError, match=r"on elsewhere\.example is plain http"):
        download(caller, Video(url, None, task), tmp_path / "out.mp4")


@pytest.mark.parametrize("client_type", [VideoClient, AsyncVideoClient])
def test_a_wrong_name_in_the_variable_is_an_error_that_names_the_variable(
    client_type: type[VideoClient | AsyncVideoClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in ("http://box:8788", "https://box", "http://", "http://http://box"):
        monkeypatch.setenv("MESHAPI_PRIVATE_HOSTS", wrong)
        with pytest.raises(ValueError, match=r"MESHAPI_PRIVATE_HOSTS should contain names such as 'files\.example'"):
            client_type("rsk_1")


@pytest.mark.parametrize("wrong", ["", "http://box", "box:8787", "me@box", "box/v", "two names", "*"])
def test_what_is_advertised_is_a_name_or_an_address(wrong: str) -> None:
    with pytest.raises(SandboxError, match="--advertise should be a host name or an IP address without scheme and"):
        Settings(advertise=wrong)


@pytest.mark.parametrize(("advertise", "shown"), [("::1", "http://[::1]:"), ("192.0.2.7", "http://192.0.2.7:")])
def test_an_address_can_be_advertised(advertise: str, shown: str) -> None:
    settings = Settings(port=0, advertise=advertise)
    with _running(settings) as sandbox:
        task = poll(sandbox, sandbox.create_task(scenario="instant")).json()
        assert task["content"]["video_url"].startswith(shown)
        assert str(sandbox.upstream_url).startswith("http://127.0.0.1:")


@pytest.mark.usefixtures("_names")
def test_the_compose_file_of_the_page_connects_the_application_with_the_sandbox(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (compose,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    compose = compose.replace("sandbox:8787", "box:8787").replace("http://sandbox", "http://box")
    (arguments,) = re.findall(r"python -m meshapi_video_sandbox (.*)\"$", compose, re.MULTILINE)
    (check,) = re.findall(r'"-c", "(.*)"\]$', compose, re.MULTILINE)
    served = list[Settings]()

    def serve(settings: Settings, *, print_line: object) -> None:
        assert callable(print_line)
        served.append(settings)

    monkeypatch.setattr("meshapi_video_sandbox._run.serve", serve)
    assert main(arguments.replace("--advertise sandbox", "--advertise box").split()) == 0
    assert served == [Settings(host="0.0.0.0", advertise="box")]  # noqa: S104 - as in a container
    # The addresses of this machine, apart from 127.0.0.1, take the place of a container's.
    settings = dataclasses.replace(served[0], port=0)
    with _running(settings, settings.advertise) as sandbox:
        port = sandbox.base_url.rpartition(":")[2]
        exec(check.replace("8787", port), {})  # noqa: S102 - as the runtime would
        for name, value in re.findall(r"^ +(MESHAPI_\w+): (.*)$", compose, re.MULTILINE):
            monkeypatch.setenv(name, value.replace("8787", port))
        caller = Caller(kind, os.environ["MESHAPI_BASE_URL"], Clock(), {"api_key": None, "base_url": None})
        download(caller, sandbox.create_task(scenario="instant"), tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == VIDEO
