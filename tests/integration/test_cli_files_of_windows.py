"""Files as editors and shells on Windows write them: a byte order mark, CRLF, UTF-16."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from meshapi_video import VideoClient, read_journal
from meshapi_video._cli.commands import run
from support.cli import Output, exit_code_of_main
from support.clients import KEY
from support.many_tasks import respond_by_id
from support.server import Server, finished, response

BOM = b"\xef\xbb\xbf"
CREATED = response(200, {"id": "t"})
BATCH = b'{"prompt": "a lake", "model": "m/1"}\r\n'


def set_stdin(content: bytes, monkeypatch: pytest.MonkeyPatch, encoding: str = "cp1252") -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding))


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_ids_with_a_mark_crlf_and_comments_are_read(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    polls = respond_by_id(env_server, lambda task_id, _poll: finished(task_id))
    # `copy a.txt+b.txt` leaves the mark of the second file in the middle.
    content = BOM + b"# of today\r\na\r\n\r\n  # none\r\nb  # the lake\r\n" + BOM + b"c\r\nd"
    file = tmp_path / "ids.txt"
    file.write_bytes(content)
    set_stdin(content, monkeypatch)
    assert run(["wait", "--from", "-" if source == "stdin" else str(file)]) == 0
    assert polls.keys() == {"a", "b", "c", "d"}


@pytest.mark.parametrize("source", ["file", "stdin", "first line of stdin", "variable"])
def test_a_key_with_a_mark_is_sent_without_it(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    env_server.script(finished("t"))
    content = BOM + KEY.encode() + b"\r\n"
    file = tmp_path / "key"
    file.write_bytes(content)
    set_stdin(content, monkeypatch)
    monkeypatch.setenv("MESHAPI_API_KEY", content.decode() if source == "variable" else "rsk_another")
    options = {
        "file": ["--api-key-file", str(file)],
        "stdin": ["--api-key-file", "-"],
        "first line of stdin": ["--api-key-stdin"],
        "variable": [],
    }
    assert run(["get", "t", *options[source]]) == 0
    assert env_server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


def test_settings_with_a_mark_are_read(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script(finished("t"))
    monkeypatch.setenv("MESHAPI_API_KEY", f"\ufeff{KEY}\r\n")
    monkeypatch.setenv("MESHAPI_BASE_URL", f"\ufeff{server.base_url}\r\n")
    with VideoClient() as client:
        assert client.get("t").id == "t"
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("source", ["file", "stdin"])
def test_a_batch_and_a_prompt_with_a_mark_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, source: str
) -> None:
    batch, prompt = tmp_path / "videos.jsonl", tmp_path / "prompt.txt"
    batch.write_bytes(BOM + BATCH)
    prompt.write_bytes(BOM + "ein Bär\r\n".encode())
    set_stdin(BOM + BATCH, monkeypatch)
    name = ["-", "--journal", str(tmp_path / "j")] if source == "stdin" else [str(batch)]
    assert run(["generate", "--batch", *name, "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["content"][0]["text"] == "a lake"
    set_stdin(BOM + "ein Bär\r\n".encode(), monkeypatch)
    assert (
        run(["create", "--model", "m/1", "--prompt-file", "-" if source == "stdin" else str(prompt), "--dry-run"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["content"][0]["text"] == "ein Bär"


def test_a_journal_that_an_editor_saved_with_a_mark_is_read(env_server: Server, tmp_path: Path) -> None:
    env_server.script(CREATED)
    journal = tmp_path / "journal"
    with VideoClient() as client:
        client.create("m/1", "a lake", journal=journal)
    journal.write_bytes(BOM + journal.read_bytes().replace(b"\n", b"\r\n"))
    assert [record.task_id for record in read_journal(journal)] == ["t"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    "option",
    [["wait", "--from"], ["wait", "t", "--api-key-file"], ["generate", "--batch"], ["create", "--prompt-file"]],
    ids=" ".join,
)
def test_a_file_in_utf_16_is_wrong_usage_that_names_the_file(
    env_server: Server, tmp_path: Path, capsys: Output, option: list[str], encoding: str
) -> None:
    file = tmp_path / "of-windows.txt"
    file.write_bytes("rsk_secret\r\n".encode(encoding))
    assert run([*option, str(file)]) == 2
    printed = capsys.readouterr().err
    assert f"{file} is a text file in UTF-16, or no text: save it as text in UTF-8" in printed
    assert "rsk_secret" not in printed
    assert env_server.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["wait", "--from", "-"],
        ["get", "t", "--api-key-file", "-"],
        ["get", "t", "--api-key-stdin"],
        ["generate", "--batch", "-", "--journal", "j"],
        ["create", "--prompt-file", "-"],
    ],
    ids=" ".join,
)
def test_a_closed_stdin_is_wrong_usage(
    env_server: Server, monkeypatch: pytest.MonkeyPatch, capsys: Output, arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(arguments) == 2
    assert "standard input is closed" in capsys.readouterr().err
    assert env_server.requests == []


def test_a_large_batch_with_stdin_closed_needs_yes(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    batch = tmp_path / "videos.jsonl"
    batch.write_bytes(BATCH * 4)
    monkeypatch.setattr(sys, "stdin", None)
    assert run(["generate", "--batch", str(batch)]) == 2
    assert "give --yes" in capsys.readouterr().err
    assert env_server.requests == []


def test_a_file_without_permission_ends_with_74_and_a_missing_one_with_2(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    for name in ("missing", "."):
        assert run(["wait", "--from", str(tmp_path / name)]) == 2
        assert "Invalid value for '--from'" in capsys.readouterr().err

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert exit_code_of_main("wait", "--from", str(tmp_path / "ids")) == 74
    assert "Permission denied" in capsys.readouterr().err
    assert env_server.requests == []
