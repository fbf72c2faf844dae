"""A wait for a server that cannot be reached says so at once, and then is quiet."""

from __future__ import annotations

import logging

import pytest

from meshapi_video import ConnectionFailed, PollPolicy, WaitTimeout
from meshapi_video._logging import WARNING_INTERVAL
from support.clients import Caller, Kind
from support.many_tasks import QUICK, WaitManyCaller
from support.server import Server, close, finished, response, serving, task_json

# The client keeps no connection, so that each failure is that of a new one.
RUNNING = response(200, task_json("running"), connection="close")
STEADY = PollPolicy(initial_delay=2, multiplier=1, jitter=0)
MODEL = "byteplus/dreamina-seedance-2-0"


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


@pytest.fixture(autouse=True)
def every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "meshapi_video")


def test_only_the_first_poll_that_is_refused_is_logged_as_a_warning(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(down=True) as server, pytest.raises(WaitTimeout):
        Caller(kind, server.base_url).wait(timeout=900)
    (warning,) = lines(caplog, logging.WARNING)
    assert warning.startswith("poll 1 of task task-1 failed after 0.")
    assert f"no complete response from {server.base_url}: " in warning
    assert "; next poll in " in warning
    assert lines(caplog, logging.INFO) == []
    # Each other failure of the fifteen minutes is there for `--debug`.
    assert len([line for line in lines(caplog, logging.DEBUG) if " failed after " in line]) > 20


def test_the_end_of_an_outage_is_logged_once(client: Caller, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.script(close, close, RUNNING, RUNNING, finished())
    client.wait(poll=STEADY)
    assert len(lines(caplog, logging.WARNING)) == 1
    assert [line for line in lines(caplog, logging.INFO) if "responds" in line] == [f"{server.base_url} responds again"]


def test_a_connection_that_fails_now_and_then_warns_at_most_once_a_minute(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    polls = round(3 * WARNING_INTERVAL / 2)
    server.script(*[close, RUNNING] * (polls // 2), finished())
    client.wait(poll=STEADY)
    assert len(lines(caplog, logging.WARNING)) == 3
    assert len([line for line in lines(caplog, logging.INFO) if "responds" in line]) == 3


def test_a_program_that_logs_only_warnings_gets_the_same_warnings(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def logs_warnings(_logger: logging.Logger, level: int) -> bool:
        return level >= logging.WARNING

    polls = round(3 * WARNING_INTERVAL / 2)
    unknown = response(200, task_json("dreaming"), connection="close")
    server.script(RUNNING, *[close, RUNNING] * (polls // 2), unknown, finished())
    # Undone before the fixture that searches the log undoes its own change of the same method.
    with monkeypatch.context() as patch:
        patch.setattr(logging.Logger, "isEnabledFor", logs_warnings)
        client.wait(poll=STEADY)
    failed = [line for line in lines(caplog, logging.WARNING) if " failed after " in line]
    assert len(failed) == 3
    assert lines(caplog, logging.WARNING)[-1] == "task task-1 has the unknown status 'dreaming': treated as not ended"
    assert len(caplog.records) == len(failed) + 1


def test_a_response_of_any_status_ends_an_outage(
    client: Caller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(close, response(503, connection="close"), finished())
    client.wait(poll=STEADY)
    assert len(lines(caplog, logging.WARNING)) == 1
    assert [line.partition(" after ")[0] for line in lines(caplog, logging.INFO)] == [
        f"{server.base_url} responds again",
        "poll 2 of task task-1 failed",
        "task task-1 has the status succeeded",
    ]


def test_the_tasks_of_a_client_warn_together_once(
    wait_many: WaitManyCaller, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(close)
    assert len(wait_many(["a", "b", "c"], poll=QUICK, timeout=0.1)) == 3
    assert len(lines(caplog, logging.WARNING)) == 1
    assert lines(caplog, logging.INFO)[0] == f"{server.base_url} responds again"


def test_a_create_that_is_refused_warns_once(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    with serving(down=True) as server, pytest.raises(ConnectionFailed):
        Caller(kind, server.base_url).run(lambda client: client.create(MODEL, "a lake"))
    (warning,) = lines(caplog, logging.WARNING)
    assert warning.startswith("attempt 1 of create ")
    assert "made no task: no complete response" in warning


def test_a_get_that_is_refused_raises_its_error_and_does_not_warn(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    with serving(down=True) as server, pytest.raises(ConnectionFailed):
        Caller(kind, server.base_url).get()
    assert lines(caplog, logging.WARNING) == []
    assert len(lines(caplog, logging.INFO)) == 2
