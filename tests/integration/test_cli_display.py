"""The progress on stderr: the live display on a terminal, log lines elsewhere."""

from __future__ import annotations

import functools
import io
import logging
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from meshapi_video import PendingTask, WaitProgress
from meshapi_video._cli.commands import run
from meshapi_video._cli.display import Display, DownloadProgress, format_duration, render
from meshapi_video._cli.rows import shorten_middle
from meshapi_video._logging import POLLS, TASKS
from support.cli import Output, video_tasks
from support.many_tasks import respond_by_id
from support.server import Server, finished, task


def rendered(
    progress: WaitProgress, pending: list[PendingTask], downloads: dict[str, DownloadProgress], width: int = 100
) -> list[str]:
    """The lines of the display of all tasks that were begun."""
    console = Console(file=io.StringIO(), width=width, height=24)
    with console.capture() as capture:
        console.print(render(progress, pending, downloads, progress.begun))
    return [line.rstrip() for line in capture.get().splitlines()]


def running_tasks(count: int) -> list[PendingTask]:
    return [PendingTask(f"task-{number}", "running", 3723.0, 4.4) for number in range(count)]


def test_one_task_is_one_line() -> None:
    progress = WaitProgress(1, 0, 3, {"running": 1})
    assert rendered(progress, running_tasks(1), {}) == ["task-0  running  1:02:03  next poll in 5 s"]
    assert rendered(progress, [PendingTask("t", None, 0.0, 0.0)], {}) == ["t  no status  0:00  polling"]


def test_several_tasks_have_a_summary_above_them() -> None:
    pending = [*running_tasks(1), PendingTask("u", "queued", 1.0, 0.0)]
    summary, *lines = rendered(WaitProgress(5, 3, 9, {"running": 1, "queued": 1}), pending, {})
    assert summary == "3 of 5 ended, 1 queued, 1 running; 9 polls"
    assert [line.split()[0] for line in lines] == ["task-0", "u"]
    summary, *_lines = rendered(WaitProgress(2, 0, 1, {}), [], {})
    assert summary == "0 of 2 ended; 1 poll"


def test_control_characters_in_a_status_are_escaped() -> None:
    lines = rendered(WaitProgress(2, 0, 2, {"\x1b[2J": 2}), [PendingTask("t", "\x1b[2J", 1.0, 1.0)], {})
    assert "\x1b" not in "".join(lines)
    assert lines[1].split()[:2] == ["t", r"\x1b[2J"]


def test_tasks_without_a_line_are_counted() -> None:
    lines = rendered(WaitProgress(1000, 0, 1000, {"running": 1000}), running_tasks(15), {})
    assert lines[-1] == "and 985 more"
    assert len(lines) == 17


def test_a_line_never_wraps() -> None:
    pending = [PendingTask("a-very-long-id-indeed" * 3, "running", 3723.0, 4.4)] * 2
    assert len(rendered(WaitProgress(2, 0, 2, {"running": 2}), pending, {}, width=40)) == 3


def test_a_narrow_terminal_shortens_the_id_and_not_the_status() -> None:
    pending = [PendingTask("47ffbf5e-2789-4095-8238-7f2d6cc97a61", "running", 33.0, 4.4)]
    line = "47ffbf5e-27…f2d6cc97a61  running  0:33  next poll in 5 s"
    assert rendered(WaitProgress(1, 0, 2, {"running": 1}), pending, {}, width=len(line)) == [line]


def test_a_download_has_a_bar_a_speed_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr("meshapi_video._cli.display.time", SimpleNamespace(monotonic=lambda: now))
    known, unknown = DownloadProgress(started_at=now), DownloadProgress(started_at=now)
    # An earlier download received the first half, which is not part of the speed.
    known.update(5_000_000, 10_000_000)
    unknown.update(0, None)
    now = 52.0
    known.update(6_000_000, 10_000_000)
    unknown.update(3_000, None)
    _summary, first, second = rendered(WaitProgress(2, 2, 9, {}), [], {"a": known, "b": unknown})
    assert first.startswith("a  downloading  ━━")
    assert first.endswith("6.0 MB, 500.0 kB/s, 0:08 left")
    assert second.endswith("3.0 kB, 1.5 kB/s")


def test_a_duration_has_hours_only_from_one_hour_on() -> None:
    durations = [format_duration(seconds) for seconds in (0, 59.9, 60, 3599, 3600)]
    assert durations == ["0:00", "0:59", "1:00", "59:59", "1:00:00"]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:  # noqa: ARG001 - it replaces stderr
    """A stderr that is a terminal of 20 lines."""
    console = functools.partial(Console, force_terminal=True, width=100, height=20, legacy_windows=False)
    monkeypatch.setattr("meshapi_video._cli.display.Console", console)

    # pytest makes new streams before the test is called.
    def is_stderr(stream: object) -> bool:
        return stream is sys.stderr

    monkeypatch.setattr(sys.stderr.__class__, "isatty", is_stderr)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_the_display_is_live_and_stdout_stays_plain(
    env_server: Server, tmp_path: Path, capsys: Output
) -> None:
    respond_by_id(env_server, video_tasks(env_server, b=task("failed", "b")))
    assert run(["wait", "--download", str(tmp_path), "a", "b"]) == 1
    captured = capsys.readouterr()
    assert "\x1b[" in captured.err
    assert "0 of 2 ended" in captured.err
    assert "meshapi-video: task b: failed" in captured.err
    assert captured.out == f"a\t{tmp_path}/a.mp4\n"


@pytest.mark.usefixtures("terminal")
def test_json_and_debug_turn_the_live_display_off(env_server: Server, capsys: Output) -> None:
    env_server.script(finished("t"))
    for option in ("--json", "--debug"):
        assert run(["wait", "t", option]) == 0
        assert "\x1b[" not in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_the_display_of_a_thousand_tasks_fits_on_the_terminal(env_server: Server, capsys: Output) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    assert run(["wait", *(f"t{number}" for number in range(1000))]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1000
    assert "and 9" in captured.err
    # Each refresh begins with moves to the top of the previous one. On a busy machine a poll may fail; its
    # log line stands above the display.
    refreshes = [
        "\n".join(line for line in part.split("\n") if not line.startswith(("meshapi-video: ", "poll ")))
        for part in captured.err.split("\x1b[1A")
    ]
    highest = max(refreshes, key=lambda lines: lines.count("\n"))
    assert highest.count("\n") < 20, highest


@pytest.mark.usefixtures("terminal")
def test_one_download_shows_its_progress_on_a_terminal(env_server: Server, tmp_path: Path, capsys: Output) -> None:
    respond_by_id(env_server, video_tasks(env_server))
    assert run(["download", "t", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "\x1b[" in captured.err
    assert "0 bytes, 0 bytes/s" in captured.err
    assert captured.out == f"{tmp_path}/t.mp4\n"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("name", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("TTY_INTERACTIVE", "0"), ("TERM", "xterm")]
)
def test_a_terminal_that_cannot_move_the_cursor_gets_plain_lines(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    respond_by_id(env_server, video_tasks(env_server))
    assert run(["wait", "a", "b"]) == 0
    printed = capsys.readouterr().err
    assert ("\x1b[" in printed) is (value == "xterm")
    assert ("task a has the status succeeded" in printed) is (value != "xterm")
    assert run(["download", "a", str(tmp_path)]) == 0
    assert ("\x1b[" in capsys.readouterr().err) is (value == "xterm")


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "CLICOLOR_FORCE", "PY_COLORS"])
def test_a_variable_that_forces_colors_moves_nothing_in_a_pipe(
    env_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, name: str
) -> None:
    for variable in (name, "TTY_COMPATIBLE"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    respond_by_id(env_server, video_tasks(env_server, b=task("failed", "b")))
    assert run(["wait", "a", "b", "--download", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out
    assert not re.search(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\r", captured.err)
    assert "task a has the status succeeded\n" in captured.err
    assert run(["download", "a", str(tmp_path), "--overwrite"]) == 0
    assert capsys.readouterr().err == ""


IDS = ["47ffbf5e-2789-4095-8238-7f2d6cc97a61", "cgt-20261126091500-abcde", "t"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("count", [1, 3])
def test_each_width_shows_the_whole_state_the_time_and_the_countdown(width: int, count: int) -> None:
    states, ages = ["running", "queued", "running"], [33.0, 3723.0, 0.0]
    pending = [PendingTask(*each, 4.4) for each in zip(IDS[:count], states, ages, strict=False)]
    lines = rendered(WaitProgress(count, 0, 2, {"running": count}), pending, {}, width)[-count:]
    assert all(len(line) <= width for line in lines)
    for line, state, age in zip(lines, states, ["0:33", "1:02:03", "0:00"], strict=False):
        assert re.search(rf"  {state} +{age} +(?:next poll )?in 5 s$", line), line
    shown_id = lines[0].split()[0]
    assert shown_id == IDS[0] if width >= 80 else re.fullmatch(r"47f.*….*a61", shown_id)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_each_width_shows_the_size_and_the_time_of_a_download(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshapi_video._cli.display.time", SimpleNamespace(monotonic=lambda: 52.0))
    download = DownloadProgress(50.0, 0, 8_300_000, 10_000_000)
    _summary, line = rendered(WaitProgress(2, 1, 9, {}), [], {IDS[0]: download}, width)[:2]
    assert len(line) <= width
    assert "downloading" in line
    assert line.endswith("0:00 left")
    assert "8.3 MB" in line
    assert ("━" in line) is (width >= 80)


def test_a_long_status_is_shortened_and_hides_the_time_of_no_task() -> None:
    unknown = "waiting_for_the_moderation_of_it2"
    pending = [PendingTask(IDS[0], "running", 33.0, 4.4), PendingTask(IDS[1], unknown, 3723.0, 4.4)]
    _summary, first, second = rendered(WaitProgress(2, 0, 2, {}), pending, {}, 40)
    assert first == "47f…a61  running                 0:33"
    assert second == "cgt…cde  waiting_for…ion_of_it2  1:02:03"
    for width in range(30, 80):
        _summary, first, second = rendered(WaitProgress(2, 0, 2, {}), pending, {}, width)
        assert max(len(first), len(second)) <= width
        assert " 0:33" in first
        assert "  1:02:03" in second


def test_a_terminal_of_a_few_columns_crops_the_end_of_a_line() -> None:
    pending = [PendingTask(IDS[0], "a status of the server", 33.0, 4.4)]
    assert rendered(WaitProgress(1, 0, 2, {}), pending, {}, 20) == ["47f…a61  a …er  0:33"]
    assert rendered(WaitProgress(1, 0, 2, {}), pending, {}, 14) == ["47f…a61  …  0:"]
    assert rendered(WaitProgress(20, 12, 91, {"running": 8}), [], {}, 30)[0] == "12 of 20 ended, 8 running"
    assert rendered(WaitProgress(20, 12, 91, {"a status of the server": 8}), [], {}, 20)[0] == "12 of 20 ended"
    assert rendered(WaitProgress(20, 12, 91, {}), [], {}, 6)[0] == "12 of"


def test_an_id_of_wide_characters_is_shortened_by_its_columns() -> None:
    assert shorten_middle("видео", 5) == "видео"
    assert shorten_middle("長い名前の動画", 9) == "長い…動画"
    assert shorten_middle("ab", 1) == "…"


def test_a_code_page_changes_the_width_of_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshapi_video._cli.display.time", SimpleNamespace(monotonic=lambda: 52.0))
    download = DownloadProgress(50.0, 0, 8_300_000, 10_000_000)
    pending = [PendingTask("видео" * 9, "готово", 33.0, 4.4)]
    written = io.TextIOWrapper(io.BytesIO(), "cp437", "backslashreplace")
    console = Console(file=written, width=60)
    console.print(render(WaitProgress(2, 1, 2, {"готово": 1}), pending, {IDS[0]: download}, 2))
    written.flush()
    assert isinstance(written.buffer, io.BytesIO)
    lines = written.buffer.getvalue().decode("cp437").splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 60 for line in lines)
    assert lines[1].startswith("47f")
    assert r"\u0433" in lines[2]


@pytest.mark.parametrize("live", [False, True])
def test_log_output_restores_the_loggers(live: bool) -> None:  # noqa: FBT001 - a parameter of the test
    loggers = [logging.getLogger(name) for name in (POLLS, TASKS)]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    with Display(Console(file=io.StringIO()), live=live).log_output():
        assert loggers[0].level == logging.INFO
    assert [(logger.level, list(logger.handlers)) for logger in loggers] == before
