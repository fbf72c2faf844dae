"""Each log record has the fields `task_id`, `status`, `polls` and `request_id`, for structured logs."""

from __future__ import annotations

import importlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import meshapi_video
from meshapi_video import AsyncVideoClient, CreateUncertain
from meshapi_video._logging import FIELDS, POLLS
from support.clients import KEY, Caller
from support.server import Server, close, finished, raw, reset, response, task

MODEL: Final = "byteplus/dreamina-seedance-2-0"
PROMPT: Final = "a lake at sunrise"
CREATED: Final = response(200, {"id": "task-1"})
VIDEO: Final = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100
FILE: Final = raw(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: %d\r\n\r\n" % len(VIDEO) + VIDEO)
ERROR: Final = {"error": {"code": "oops", "message": "no"}}


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """Every record of the loggers below `meshapi_video`."""
    records = list[logging.LogRecord]()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    logger, handler = logging.getLogger("meshapi_video"), Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield records
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: vars(record)[name] for name in FIELDS}


def whole_life(client: Caller, server: Server, folder: Path) -> None:
    """Every kind of log line: creates, polls, outages, unknown statuses and downloads, and their failures."""
    video = finished(url=f"{server.base_url}/v.mp4")
    server.script(
        *(response(429, ERROR), CREATED),
        *(task("queued"), response(503, ERROR), reset, reset, task("dreaming"), task("running"), video),
        *(close, FILE),
        *(response(503, ERROR), response(404, ERROR)),
        reset,
    )

    async def body(each: AsyncVideoClient) -> None:
        await each.generate(MODEL, PROMPT, to=folder / "lake.mp4")
        # The last server error ends the second wait.
        with pytest.raises(Exception, match="404"):
            await each.wait("task-2")
        with pytest.raises(CreateUncertain):
            await each.create(MODEL, PROMPT)

    client.run(body)


def test_each_record_about_a_task_has_its_id_its_status_and_the_number_of_polls(
    client: Caller, server: Server, tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    whole_life(client, server, tmp_path)
    assert {record.name for record in records} == {f"meshapi_video.{name}" for name in ("tasks", "polls", "downloads")}
    assert len(records) > 15
    for record in records:
        found, text = fields(record), record.getMessage()
        for task_id in ("task-1", "task-2"):
            assert (task_id in text) <= (found["task_id"] == task_id)
        if status := re.search(r"status '?(\w+)", text):
            assert found["status"] == status[1]
        if polls := re.match(r"poll (\d+) ", text):
            assert found["polls"] == int(polls[1])
        if request := re.search(r"(?:create|request id|\(request) (\w{8}-[\w-]+)", text):
            assert found["request_id"] == request[1]
    assert all(PROMPT not in str(vars(record)) and KEY not in str(vars(record)) for record in records)


def test_the_record_of_a_failed_poll_has_the_request_id_that_the_server_named_and_the_status_before(
    client: Caller, server: Server, records: list[logging.LogRecord]
) -> None:
    server.script(task("queued"), response(503, ERROR, x_request_id="req-of-the-server"), finished())
    client.wait()
    (failed,) = [record for record in records if "failed" in record.getMessage()]
    assert fields(failed) == {
        "task_id": "task-1",
        "status": "queued",
        "polls": 2,
        "request_id": "req-of-the-server",
    }


def test_the_record_of_a_create_has_the_request_id_that_was_sent(
    client: Caller, server: Server, records: list[logging.LogRecord]
) -> None:
    server.script(CREATED)
    client.run(lambda each: each.create(MODEL, PROMPT))
    (created,) = records
    sent = server.requests[0].headers["x-request-id"]
    assert fields(created) == {"task_id": "task-1", "status": None, "polls": None, "request_id": sent}


def test_a_field_is_one_printable_line_whatever_a_server_sent(
    client: Caller, server: Server, records: list[logging.LogRecord]
) -> None:
    server.script(task("dreaming\n2026 ERROR \x1b[31mforged"), finished())
    client.wait()
    statuses = {str(vars(record)["status"]) for record in records}
    assert any("forged" in status for status in statuses)
    assert all(status.isprintable() for status in statuses)


def test_a_format_with_the_fields_works_for_every_record(
    client: Caller, server: Server, tmp_path: Path, records: list[logging.LogRecord]
) -> None:
    whole_life(client, server, tmp_path)
    names = ", ".join(f'"{name}": "%({name})s"' for name in FIELDS)
    formatter = logging.Formatter(f"{{{names}}}")
    lines = [json.loads(formatter.format(record)) for record in records]
    assert {line["task_id"] for line in lines} == {"task-1", "task-2", "None"}


def test_no_field_has_the_name_of_an_attribute_of_a_record() -> None:
    assert not {*FIELDS} & {*vars(logging.makeLogRecord({})), "message", "asctime"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_the_programs_own_record_factory_stays_and_ends_no_wait(
    client: Caller, server: Server, monkeypatch: pytest.MonkeyPatch, records: list[logging.LogRecord], name: str
) -> None:
    # Python's `extra=` would raise a KeyError for this.
    made = logging.getLogRecordFactory()

    # The arguments of a record, passed on as they are.
    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401
        record = made(*args, **kwargs)
        setattr(record, name, "of the program")
        return record

    before: Callable[..., logging.LogRecord] = made
    monkeypatch.setattr("logging._logRecordFactory", before)
    logging.setLogRecordFactory(factory)
    server.script(task("queued"), finished())
    assert client.wait().id == "task-1"
    assert {vars(record)[name] for record in records} == {"of the program"}
    other = next(each for each in FIELDS if each != name)
    assert all(hasattr(record, other) for record in records)


def test_each_logger_of_the_package_gives_its_records_the_fields(records: list[logging.LogRecord]) -> None:
    overlay = Path(meshapi_video.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in overlay.rglob("*.py")]
    logger = re.compile(r'(?:getLogger|task_logger)\("(meshapi_video\.\w+)"\)')
    names = {POLLS, *(name for text in texts for name in logger.findall(text))}
    assert {name.partition(".")[2] for name in names} == {"tasks", "polls", "downloads", "celery", "telemetry"}
    importlib.import_module("meshapi_video._celery.run")
    for name in names:
        logging.getLogger(name).info("about nothing")
    assert [fields(record) for record in records] == [dict.fromkeys(FIELDS)] * len(names)
