"""The journal says of every create, even after a kill or on a full disk, whether a task of it may exist."""

from __future__ import annotations

import errno
import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from meshapi_video import ConnectionFailed, CreateUncertain, MeshVideoError, RateLimitedError, VideoGenerationRequest
from meshapi_video._create.candidates import RequestFacts
from meshapi_video._create.journal import JournalEntry, JournalNotWritten, read_journal, resolve

SENT_AT = 1_800_000_000.25
FACTS = RequestFacts.of(VideoGenerationRequest.from_dict({"model": "m", "content": [], "seed": 7, "ratio": "1:1"}), 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "creates.jsonl"


def entry(path: Path, request_id: str = "r-1", key: str | None = None) -> JournalEntry:
    return JournalEntry(path, request_id=request_id, facts=FACTS, body_sha256="abc", key=key)


def uncertain() -> CreateUncertain:
    return CreateUncertain(ConnectionFailed("reset"), request_id="r-1", sent_at=SENT_AT)


def events(path: Path) -> list[tuple[str, str]]:
    return [(record.request_id, record.event) for record in read_journal(path)]


def test_a_create_that_has_no_end_was_interrupted(path: Path) -> None:
    entry(path, key="videos/cat").begin(SENT_AT)
    (record,) = read_journal(path)
    assert (record.request_id, record.key, record.time, record.event) == ("r-1", "videos/cat", SENT_AT, "interrupted")
    assert (record.task_id, record.reason, record.body_sha256) == (None, "", "abc")
    assert record.facts == RequestFacts(model="m", sent_at=SENT_AT, seed=7, ratio="1:1")


def test_the_first_line_has_all_that_is_known_before_the_request(path: Path) -> None:
    entry(path, key="k").begin(SENT_AT)
    entry(path, "r-2").begin(SENT_AT)
    first, second = map(json.loads, path.read_text().splitlines())
    assert first == {
        "event": "sending",
        "request_id": "r-1",
        "key": "k",
        "body_sha256": "abc",
        "model": "m",
        "time": SENT_AT,
        "seed": 7,
        "ratio": "1:1",
    }
    assert "key" not in second


def test_a_created_task_is_recorded_with_its_id(path: Path) -> None:
    one = entry(path)
    one.begin(SENT_AT)
    one.end("cgt-1", None)
    (record,) = read_journal(path)
    assert (record.event, record.task_id, record.time) == ("created", "cgt-1", SENT_AT)
    assert json.loads(path.read_text().splitlines()[1]) == {
        "event": "created",
        "request_id": "r-1",
        "task_id": "cgt-1",
    }


@pytest.mark.parametrize(
    ("error", "event", "reason"),
    [
        (RateLimitedError(status_code=429, message="slow down"), "refused", "slow down"),
        (ConnectionFailed("no connection"), "refused", "no connection"),
        (uncertain(), "uncertain", "no clear response"),
        (None, "uncertain", ""),
    ],
)
def test_an_end_without_a_task_is_recorded_with_its_reason(
    path: Path, error: MeshVideoError | None, event: str, reason: str
) -> None:
    one = entry(path)
    one.begin(SENT_AT)
    one.end(None, error)
    (record,) = read_journal(path)
    assert (record.event, record.task_id) == (event, None)
    assert reason in record.reason


def test_creates_are_in_their_order_each_with_its_last_event(path: Path) -> None:
    one, two, three = (entry(path, f"r-{n}") for n in (1, 2, 3))
    for begun in (one, two, three):
        begun.begin(SENT_AT)
    two.end(None, uncertain())
    one.end("cgt-1", None)
    two.end("cgt-2", None)
    assert events(path) == [("r-1", "created"), ("r-2", "created"), ("r-3", "interrupted")]


def test_a_create_without_an_end_can_be_resolved_later(path: Path) -> None:
    entry(path).begin(SENT_AT)
    entry(path, "r-2").begin(SENT_AT)
    resolve(path, "r-1", "cgt-1")
    resolve(path, "r-2", None)
    one, two = read_journal(path)
    assert (one.event, one.task_id) == ("created", "cgt-1")
    assert (two.event, two.task_id, two.reason) == (
        "refused",
        None,
        "no task was made, as the list of tasks shows",
    )


def test_a_created_task_stays_created_whatever_another_process_writes_later(path: Path) -> None:
    one = entry(path)
    one.begin(SENT_AT)
    one.end("cgt-1", None)
    resolve(path, "r-1", None)
    (record,) = read_journal(path)
    assert (record.event, record.task_id) == ("created", "cgt-1")


def test_a_create_has_the_time_of_its_newest_attempt_and_no_end_while_it_is_sent_again(path: Path) -> None:
    one = entry(path)
    one.begin(SENT_AT)
    # Another process judged it too early.
    resolve(path, "r-1", None)
    one.begin(SENT_AT + 500)
    (record,) = read_journal(path)
    assert (record.event, record.time, record.facts.sent_at) == ("interrupted", SENT_AT + 500, SENT_AT + 500)


def test_a_created_task_stays_created_after_another_attempt(path: Path) -> None:
    one = entry(path)
    one.begin(SENT_AT)
    one.end("cgt-1", None)
    one.begin(SENT_AT + 500)
    (record,) = read_journal(path)
    assert (record.event, record.task_id, record.time) == ("created", "cgt-1", SENT_AT)


def test_a_missing_journal_is_an_error_of_the_reader(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_journal(path)


def test_an_empty_journal_has_no_creates(path: Path) -> None:
    path.touch()
    assert read_journal(path) == []


# What is on the disk, and when.


def calls_of(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records the writes and syncs from now on."""
    calls = list[str]()

    def record(name: str) -> None:
        original = getattr(os, name)

        def recorded(descriptor: int, *args: object) -> object:
            kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
            calls.append(f"{name} {kind}")
            return original(descriptor, *args)

        monkeypatch.setattr(os, name, recorded)

    record("write")
    record("fsync")
    return calls


def test_each_line_is_one_write_and_is_synced_and_the_folder_is_synced_before_the_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = calls_of(monkeypatch)
    one = entry(path)
    one.begin(SENT_AT)
    assert calls == ["fsync folder", "write file", "fsync file"]
    one.end("cgt-1", None)
    assert calls[3:] == ["write file", "fsync file"]


def lowest_free_descriptor() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_no_descriptor_is_left_open(path: Path) -> None:
    before = lowest_free_descriptor()
    entry(path).begin(SENT_AT)
    with pytest.raises(OSError, match="regular file"):
        entry(Path(os.devnull)).begin(SENT_AT)
    assert lowest_free_descriptor() == before


def test_windows_cannot_sync_a_folder_and_does_not_try(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = calls_of(monkeypatch)
    monkeypatch.setattr(sys, "platform", "win32")
    entry(path).begin(SENT_AT)
    assert calls == ["write file", "fsync file"]


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_begin_that_is_not_on_the_disk_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    def fail(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, fail)
    said = "No space left on device: the journal could not be written, so that nothing was sent"
    with pytest.raises(OSError, match=said) as raised:
        entry(path).begin(SENT_AT)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, os.fspath(path))


def test_a_begin_in_a_missing_folder_or_on_no_regular_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        entry(tmp_path / "no" / "creates.jsonl").begin(SENT_AT)
    with pytest.raises(IsADirectoryError):
        entry(tmp_path).begin(SENT_AT)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="the journal should be a regular file"):
        entry(tmp_path / "fifo").begin(SENT_AT)
    with pytest.raises(OSError, match="the journal should be a regular file"):
        read_journal(tmp_path / "fifo")


def test_an_end_that_cannot_be_written_does_not_lose_the_id(path: Path) -> None:
    one = entry(path)
    one.begin(SENT_AT)
    path.unlink()
    path.mkdir()
    with pytest.raises(JournalNotWritten, match="the task cgt-1 was created and has been paid for") as caught:
        one.end("cgt-1", None)
    assert isinstance(caught.value, OSError)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):  # noqa: S301 - of this test
        assert (error.task_id, error.request_id, error.errno) == ("cgt-1", "r-1", errno.EISDIR)
        assert error.filename == str(path)


def test_an_end_without_a_task_that_cannot_be_written_is_a_note_of_the_error(path: Path) -> None:
    path.mkdir()
    error = uncertain()
    entry(path).end(None, error)
    assert "could not be written" in error.__notes__[0]
    assert "interrupted" in error.__notes__[0]
    with pytest.raises(IsADirectoryError):
        entry(path).end(None, None)


# Broken lines: a kill or a full disk in the middle of a write.


def lines_of_one_create(path: Path) -> tuple[bytes, bytes]:
    one = entry(path, key='{"event":"é\n')
    one.begin(SENT_AT)
    one.end("cgt-1", None)
    first, second = path.read_bytes().splitlines(keepends=True)
    return first, second


def test_a_line_that_was_cut_anywhere_is_recognized_and_the_next_line_is_whole(path: Path) -> None:
    first, second = lines_of_one_create(path)
    for cut in range(1, len(first)):
        path.write_bytes(first[:cut])
        # Only the newline was cut off, so the line is whole.
        expected = [("r-1", "interrupted")] if cut == len(first) - 1 else []
        assert events(path) == expected
        entry(path, "r-2").begin(SENT_AT)
        assert events(path) == [*expected, ("r-2", "interrupted")]
    for cut in range(1, len(second)):
        path.write_bytes(first + second[:cut])
        event = "created" if cut == len(second) - 1 else "interrupted"
        assert events(path) == [("r-1", event)]


def test_the_line_after_a_broken_one_stands_alone(path: Path) -> None:
    first, second = lines_of_one_create(path)
    path.write_bytes(first[:20])
    one = entry(path, key='{"event":"é\n')
    one.begin(SENT_AT)
    one.end("cgt-1", None)
    assert path.read_bytes() == first[:20] + b"\n" + first + second


def test_a_line_that_another_process_wrote_directly_after_a_broken_one_is_read(path: Path) -> None:
    first, second = lines_of_one_create(path)
    for cut in range(1, len(first) - 1):
        path.write_bytes(first[:cut] + first + second)
        assert events(path) == [("r-1", "created")]


def test_two_processes_may_repair_the_same_line(path: Path) -> None:
    first, second = lines_of_one_create(path)
    path.write_bytes(first[:9] + b"\n" + first + b"\n" + second)
    assert events(path) == [("r-1", "created")]


def test_zeros_that_a_loss_of_power_left_are_no_line(path: Path) -> None:
    first, second = lines_of_one_create(path)
    path.write_bytes(first + bytes(100) + b"\n" + second + bytes(100))
    assert events(path) == [("r-1", "created")]


def test_a_short_write_is_an_error_and_its_line_is_repaired(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def write_20_bytes(descriptor: int, text: bytes) -> int:
        return write(descriptor, text[:20])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_20_bytes)
        with pytest.raises(OSError, match="No space left on device"):
            entry(path).begin(SENT_AT)
    assert events(path) == []
    entry(path, "r-2").begin(SENT_AT)
    assert events(path) == [("r-2", "interrupted")]


def test_a_file_that_cannot_grow_is_an_error_before_anything_is_sent(path: Path) -> None:
    program = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_create_journal import *
resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))
try:
    entry(Path({str(path)!r})).begin(SENT_AT)
except OSError:
    print("OSError")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "OSError\n"
    assert path.stat().st_size == 50
    assert events(path) == []


@pytest.mark.parametrize(
    ("garbage", "problem"),
    [
        (b"hello", "malformed"),
        (b"[]", "Expected `object`"),
        (b'{"request_id":"r-1"}', "missing required field `event`"),
        (b'{"event":"paid","request_id":"r-1"}', "Invalid enum value 'paid'"),
        (b'{"event":"sending","request_id":"r-1"}', "missing required field `model`"),
        (b'{"event":"sending","request_id":1}', "Expected `str`"),
        (b'{"event":"created","request_id":"r-1"} x', "trailing characters"),
        (b'{"event":"created","request_id":"r-1"}1', "trailing characters"),
        (b'{"event":"created","request_id":"r-1"}', "its event is 'created', and its task_id is None"),
        (b'{"event":"refused","request_id":"r-1","task_id":"t"}', "its event is 'refused', and its task_id is 't'"),
        (b'{"event":"created","request_id":"r-9","task_id":"t"}', "it ends the create r-9, which no line before"),
        (b'{"event":"created",}', "malformed"),
        (b'{"event":"\xff"}', "invalid start byte"),
    ],
)
def test_any_other_damage_is_an_error_with_the_number_of_the_line(path: Path, garbage: bytes, problem: str) -> None:
    first, second = lines_of_one_create(path)
    path.write_bytes(first + b"\n" + garbage + b"\n" + second)
    with pytest.raises(ValueError, match=f"line 3 of the journal {path} is damaged: ") as caught:
        read_journal(path)
    assert problem in str(caught.value)
    assert "Look in the list for the task of this create" in str(caught.value)


def test_fields_of_a_later_release_are_no_damage(path: Path) -> None:
    first, second = lines_of_one_create(path)
    path.write_bytes(first.replace(b"}\n", b',"new":[1]}\n') + second.replace(b"}\n", b',"new":{"a":1}}\n'))
    assert events(path) == [("r-1", "created")]


def test_a_line_that_another_process_writes_at_the_same_moment_is_not_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(path).begin(SENT_AT)
    write = os.write

    def write_after_another(descriptor: int, text: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        entry(path, "r-2").begin(SENT_AT)
        return write(descriptor, text)

    monkeypatch.setattr(os, "write", write_after_another)
    entry(path).end("cgt-1", None)
    assert events(path) == [("r-1", "created"), ("r-2", "interrupted")]


PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from test_create_journal import *
for number in range(50):
    one = entry(Path(sys.argv[2]), f"{sys.argv[3]}-{number}", key="x" * number * 100)
    one.begin(SENT_AT)
    one.end(f"cgt-{sys.argv[3]}-{number}", None)
"""


@pytest.mark.parametrize("content", [b"\0\0\0\x18ftypmp42", b"abc", b'{"events": 1}\n'])
def test_a_file_that_is_no_journal_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes(content)
    with pytest.raises(OSError, match="this file is no journal"):
        entry(path).begin(SENT_AT)
    assert path.read_bytes() == content


def test_several_processes_may_write_at_once(path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", PROCESS, str(Path(__file__).parent), str(path), name])
        for name in ("a", "b", "c")
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    records = read_journal(path)
    assert len(records) == 150
    assert all(record.task_id == f"cgt-{record.request_id}" for record in records)
