"""The journal: a file that says, even after a kill, which creates were begun and how each ended.

It is JSON lines, and only grows. A line `sending` is written and synced before each attempt to send the request, and
one of `created`, `refused` and `uncertain` after the last one. A `sending` without an end is a create that was
interrupted: its task may exist. A second `sending` replaces the first, because an attempt that is followed by another
one made no task.

Each line is one write at the end of the file, so that several processes may share it. A write that a kill or a full
disk cut leaves the beginning of a line. The next writer begins a new line after it, and a reader skips it: the create
of a broken `sending` was never sent, and a broken end counts as no end.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec
from attrs import evolve, frozen

from meshapi_video._create.candidates import RequestFacts
from meshapi_video._errors import CreateUncertain, MeshVideoError
from meshapi_video._text import one_line

End: TypeAlias = Literal["interrupted", "created", "refused", "uncertain"]

_START: Final = b'{"event":"'
"""The beginning of each line. It is nowhere else in a line, because JSON escapes a quote within a text."""


class JournalNotWritten(OSError):
    """A task was created and has been paid for, but the journal could not be told its id."""

    task_id: str
    """The id of the task. Keep it: the journal shows its create as interrupted."""
    request_id: str
    """The id of the request that created it."""


class _Line(msgspec.Struct, omit_defaults=True):
    """What every line has, and the fields of an end."""

    event: Literal["sending", "created", "refused", "uncertain"]
    request_id: str
    key: str | None = None
    body_sha256: str = ""
    account: str = ""
    task_id: str | None = None
    reason: str = ""


# Made here, and not at the first use: see `_transport.contract`.
_line_decoder: Final = msgspec.json.Decoder(_Line)
_facts_decoder: Final = msgspec.json.Decoder(RequestFacts)


@frozen(kw_only=True)
class JournalRecord:
    """One create in a journal, and its end."""

    request_id: str
    """The id of the request, which Mesh can find in its logs."""
    key: str | None
    """The name that the caller gave this create."""
    time: float
    """When its newest attempt began, in seconds since 1970."""
    facts: RequestFacts
    """What is known of the request, to compare tasks with."""
    body_sha256: str
    """The SHA-256 of the request's body, as hexadecimal digits."""
    account: str = ""
    """A name for the server and the key, which reveals neither: only the list of the same key has the task."""
    event: End = "interrupted"
    """How it ended. After `interrupted` and `uncertain`, a task may exist; after `refused`, none was made."""
    task_id: str | None = None
    """The id of the created task."""
    reason: str = ""
    """Why the create has no id."""


class JournalEntry:
    """One create in a journal.

    Args:
        path: The file. It is made if it does not exist; its folder has to exist.
        request_id: The id of the request.
        facts: The facts of the request.
        body_sha256: The SHA-256 of the request's body, as hexadecimal digits.
        account: The name for the server and the key.
        key: The caller's name for this create, such as the place of a video in a batch.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        request_id: str,
        facts: RequestFacts,
        body_sha256: str,
        account: str = "",
        key: str | None = None,
    ) -> None:
        self._path = Path(path)
        self._request_id = request_id
        self._facts = facts
        self._body_sha256 = body_sha256
        self._account = account
        self._key = key

    def begin(self, sent_at: float) -> None:
        """Writes that an attempt is about to be sent. Raises `OSError` if that is not safely on the disk."""
        line = _Line("sending", self._request_id, key=self._key, body_sha256=self._body_sha256, account=self._account)
        facts = msgspec.structs.replace(self._facts, sent_at=sent_at)
        try:
            _append(self._path, {**msgspec.to_builtins(line), **msgspec.to_builtins(facts)})
        except OSError as error:
            # `OSError` makes the same subclass of the same number.
            text = f"{error.strerror}: the journal could not be written, so that nothing was sent"
            raise OSError(error.errno, text, os.fspath(self._path)) from error

    def end(self, task_id: str | None, error: MeshVideoError | None) -> None:
        """Writes how the create ended: with the id of a task, or with an error.

        Raises:
            JournalNotWritten: The journal could not be written, and the task exists. If there is no task,
                `error` gets a note instead.
        """
        reason = "" if error is None else str(error)
        if task_id is not None:
            line = _Line("created", self._request_id, task_id=task_id)
        elif error is None or isinstance(error, CreateUncertain):
            line = _Line("uncertain", self._request_id, reason=reason)
        else:
            line = _Line("refused", self._request_id, reason=reason)
        try:
            _append(self._path, msgspec.to_builtins(line))
        except OSError as failure:
            if task_id is not None:
                raise self._not_written(task_id, failure) from failure
            if error is None:
                raise
            error.add_note(
                f"The journal {self._path} could not be written: {failure}. It shows the create as interrupted."
            )

    def _not_written(self, task_id: str, failure: OSError) -> JournalNotWritten:
        error = JournalNotWritten(
            failure.errno,
            f"{failure.strerror}: the journal could not be written, but the task {task_id} was created and has been "
            "paid for. Keep this id, and wait on it",
            os.fspath(self._path),
        )
        error.task_id, error.request_id = task_id, self._request_id
        return error


def resolve(path: str | os.PathLike[str], request_id: str, task_id: str | None) -> None:
    """Writes the end of a create that had none: its task, or None if it made none. Raises `OSError`."""
    if task_id is None:
        line = _Line("refused", request_id, reason="no task was made, as the list of tasks shows")
    else:
        line = _Line("created", request_id, task_id=task_id)
    _append(Path(path), msgspec.to_builtins(line))


def read_journal(path: str | os.PathLike[str]) -> list[JournalRecord]:
    """The creates in a journal, in their order, each with its last event.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is no line of a journal. The message has its number.
    """
    file = Path(path)
    _check_is_file(file.stat(), file)
    records: dict[str, JournalRecord] = {}
    # An editor on Windows begins a file with this mark.
    for number, text in _pieces(file.read_bytes().removeprefix(codecs.BOM_UTF8)):
        try:
            if not _is_broken(text):
                _add(records, text)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ValueError(
                f"line {number} of the journal {file} is damaged: {one_line(str(error))}. Look in the list for the "
                "task of this create, then delete the line"
            ) from None
    return [*records.values()]


def _add(records: dict[str, JournalRecord], text: bytes) -> None:
    line = _line_decoder.decode(text)
    begun = records.get(line.request_id)
    # A created task exists, whatever a later line says: another process may have judged a create in flight.
    is_created = begun is not None and begun.event == "created"
    if line.event == "sending":
        facts = _facts_decoder.decode(text)
        sending = JournalRecord(
            request_id=line.request_id,
            key=line.key,
            time=facts.sent_at,
            facts=facts,
            body_sha256=line.body_sha256,
            account=line.account,
        )
        records[line.request_id] = begun if begun is not None and is_created else sending
    elif begun is None:
        raise ValueError(f"it ends the create {line.request_id}, which no line before it begins")
    elif (line.event == "created") != bool(line.task_id):
        raise ValueError(f"its event is {line.event!r}, and its task_id is {line.task_id!r}")
    elif not is_created:
        records[line.request_id] = evolve(begun, event=line.event, task_id=line.task_id, reason=line.reason)


def _pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, with their numbers. A line that was written after a broken one stands alone."""
    for number, text in enumerate(content.split(b"\n"), 1):
        # A loss of power can leave zeros at the end of a file.
        first, *others = text.strip(b"\0 \r").split(_START)
        yield from ((number, piece) for piece in (first, *(_START + other for other in others)) if piece)


def _is_broken(text: bytes) -> bool:
    """Whether `text` is the beginning of a line that was not written to its end."""
    if not text.startswith(_START):
        return _START.startswith(text)
    try:
        # A number that was cut is invalid, but the text before it was only cut.
        msgspec.json.decode(text.rstrip(b"0123456789+-.eE"))
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    return False


def _append(path: Path, line: dict[str, object]) -> None:
    """Adds a line to the file, and returns when it is on the disk."""
    text = msgspec.json.encode(line) + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        found = os.fstat(descriptor)
        _check_is_file(found, path)
        if found.st_size == 0:
            # Before the first line, so that a file with lines is always in its folder after a loss of power.
            _sync_folder(path)
        else:
            _check_is_journal(os.read(descriptor, 64), path)
            os.lseek(descriptor, -1, os.SEEK_END)
            if os.read(descriptor, 1) != b"\n":
                text = b"\n" + text
        if os.write(descriptor, text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    if sys.platform == "win32":
        # Windows cannot sync a folder.
        return
    descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_is_journal(beginning: bytes, path: Path) -> None:
    """Raises `OSError` for another file, such as a video whose path was given by mistake."""
    text = beginning.removeprefix(codecs.BOM_UTF8).lstrip(b"\0 \r\n")
    # A person may have edited a line.
    if not (re.match(rb'\{\s*"event"\s*:', text) or _START.startswith(text)):
        raise OSError(errno.EINVAL, "this file is no journal", os.fspath(path))


def _check_is_file(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "the journal should be a regular file", os.fspath(path))
