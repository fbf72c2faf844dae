"""Spans and metrics of OpenTelemetry: one span for each call, one for each request, and no secrets in them."""

from __future__ import annotations

import contextvars
import gc
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from meshapi_video import (
    AsyncVideoClient,
    CreateUncertain,
    DownloadError,
    MeshVideoError,
    NotFoundError,
    RequestRejectedError,
    TaskFailed,
    Telemetry,
    VideoClient,
    VideoTaskResponse,
    WaitProgress,
    WaitStopped,
    WaitTimeout,
)
from meshapi_video._telemetry.client import ClientTelemetry
from meshapi_video._transport.operations import CREATE as CREATE_OPERATION
from support.clients import KEY, Caller, Kind
from support.http_library import httpx
from support.many_tasks import (
    QUICK,
    TASK_IDS,
    RealClock,
    collect,
    eventually_async,
    finished_after,
    never_finished,
    respond_by_id,
)
from support.server import TASK_ID, Server, close, finished, raw, reset, response, task
from support.telemetry import Recorded, attributes, ids_of

MODEL: Final = "byteplus/dreamina-seedance-2-0"
PROMPT: Final = "a lake at sunrise"
CREATED: Final = response(200, {"id": "task-1"})
VIDEO: Final = b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 100
FILE: Final = raw(b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: %d\r\n\r\n" % len(VIDEO) + VIDEO)
POLL: Final = "GET /v1/video/generations/{task_id}"
CREATE: Final = "POST /v1/video/generations"


@pytest.fixture
def recorded(client: Caller) -> Recorded:
    recorded = Recorded()
    client.settings["telemetry"] = recorded.telemetry()
    return recorded


def generate(client: Caller, **arguments: Any) -> None:  # noqa: ANN401 - the arguments of `generate`
    async def body(each: AsyncVideoClient) -> None:
        await each.generate(MODEL, PROMPT, **arguments)

    client.run(body)


def test_a_wait_is_a_span_with_the_tasks_id_its_status_and_its_polls(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    server.script(task("queued"), response(503, {}), task("running"), finished())
    client.wait()
    assert recorded.names == ["meshapi.video.wait", POLL, POLL, POLL, POLL]
    wait, *polls = recorded.spans
    assert attributes(wait) == {
        "meshapi.video.task_id": TASK_ID,
        "meshapi.video.status": "succeeded",
        "meshapi.video.polls": 4,
        "meshapi.video.failures": 1,
    }
    assert wait.status.status_code is StatusCode.UNSET
    assert {recorded.parent(poll) for poll in polls} == {"meshapi.video.wait"}


def test_a_poll_is_a_client_span_by_the_conventions_for_http(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    server.script(response(503, {}), response(429, {}), task("running"), finished())
    client.wait()
    _, first, second, third, fourth = recorded.spans
    expected = {
        "http.request.method": "GET",
        "url.template": "/v1/video/generations/{task_id}",
        "server.address": "127.0.0.1",
        "server.port": int(server.base_url.rpartition(":")[2]),
    }
    assert attributes(first) == {**expected, "http.response.status_code": 503, "error.type": "503"}
    limited = {"http.response.status_code": 429, "error.type": "429", "http.request.resend_count": 1}
    assert attributes(second) == {**expected, **limited}
    assert attributes(third) == {**expected, "http.response.status_code": 200, "http.request.resend_count": 2}
    assert attributes(fourth) == {**expected, "http.response.status_code": 200}
    assert {poll.kind for poll in (first, second, third, fourth)} == {SpanKind.CLIENT}
    statuses = [poll.status.status_code for poll in (first, second, third, fourth)]
    assert statuses == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET, StatusCode.UNSET]


def test_the_span_of_a_request_to_a_base_url_with_a_path_has_it_in_its_template(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    client.base_url += "/mesh"
    server.script(finished())
    client.wait()
    assert recorded.names[1] == "GET /mesh/v1/video/generations/{task_id}"
    assert server.requests[0].target == f"/mesh/v1/video/generations/{TASK_ID}"


def test_a_request_without_a_response_has_the_type_of_its_error(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    server.script(reset, response(200, b"{"), finished())
    client.wait()
    types = [attributes(span).get("error.type") for span in recorded.spans]
    assert types == [None, "ConnectionFailed", "InvalidResponse", None]
    assert "http.response.status_code" not in attributes(recorded.spans[1])


def test_generate_is_one_trace_with_a_span_for_each_part(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path
) -> None:
    server.script(CREATED, response(503, {}), finished(url=f"{server.base_url}/v.mp4?sig=hush"), close, FILE)
    generate(client, to=tmp_path / "lake.mp4")
    assert [(span.name, recorded.parent(span)) for span in recorded.spans] == [
        ("meshapi.video.generate", None),
        ("meshapi.video.create", "meshapi.video.generate"),
        (CREATE, "meshapi.video.create"),
        ("meshapi.video.wait", "meshapi.video.generate"),
        (POLL, "meshapi.video.wait"),
        (POLL, "meshapi.video.wait"),
        ("meshapi.video.download", "meshapi.video.generate"),
        ("GET", "meshapi.video.download"),
        ("GET", "meshapi.video.download"),
    ]
    assert len({ids_of(span)[0] for span in recorded.spans}) == 1
    request_id = server.requests[0].headers["x-request-id"]
    assert attributes(recorded.one("meshapi.video.generate")) == {
        "meshapi.video.task_id": TASK_ID,
        "meshapi.video.request_id": request_id,
        "meshapi.video.status": "succeeded",
        "meshapi.video.polls": 2,
        "meshapi.video.failures": 2,
        "meshapi.video.file_size": len(VIDEO),
    }
    assert attributes(recorded.one("meshapi.video.create")) == {
        "meshapi.video.task_id": TASK_ID,
        "meshapi.video.request_id": request_id,
        "meshapi.video.failures": 0,
    }
    assert attributes(recorded.one("meshapi.video.download")) == {
        "meshapi.video.task_id": TASK_ID,
        "meshapi.video.failures": 1,
        "meshapi.video.file_size": len(VIDEO),
    }


def test_the_span_of_a_download_request_has_the_host_and_the_status(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path
) -> None:
    server.script(finished(url=f"{server.base_url}/v.mp4?sig=hush"), response(503, {}), FILE)
    client.run(lambda each: each.download(TASK_ID, tmp_path / "lake.mp4"))
    assert recorded.names == ["meshapi.video.download", POLL, "GET", "GET"]
    expected = {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": int(server.base_url.rpartition(":")[2]),
    }
    refused, received = recorded.spans[2:]
    assert attributes(refused) == {**expected, "http.response.status_code": 503, "error.type": "503"}
    assert refused.status.status_code is StatusCode.ERROR
    assert attributes(received) == {**expected, "http.response.status_code": 200, "http.request.resend_count": 1}


def test_a_page_of_a_list_is_a_client_span(client: Caller, server: Server, recorded: Recorded) -> None:
    page = response(200, {"data": [], "total": 0, "has_more": False, "limit": 50, "offset": 0})
    server.script(response(503, {}), page)
    client.run(lambda each: collect(each.list(model="byteplus/secret-model")))
    assert recorded.names == ["GET /v1/video/generations"] * 2
    assert attributes(recorded.spans[1])["http.request.resend_count"] == 1


def test_get_and_step_and_updates_have_a_client_span_for_each_poll_in_the_callers_span(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    server.script(response(503, {}), finished())
    tracer = recorded.tracer_provider.get_tracer("of the caller")

    async def body(each: AsyncVideoClient) -> None:
        with tracer.start_as_current_span("of the caller"):
            await each.get(TASK_ID)
            await each.step(TASK_ID)
            await collect(each.updates(TASK_ID))

    client.run(body)
    assert recorded.names == ["of the caller", *[POLL] * 4]
    assert {recorded.parent(span) for span in recorded.spans[1:]} == {"of the caller"}
    assert [attributes(span).get("http.request.resend_count") for span in recorded.spans[1:]] == [None, 1, None, None]


FAILED: Final = task("failed", error={"code": "OutputVideoSensitive", "message": f"about {PROMPT}"})
BAD: Final = response(422, {"detail": [{"loc": ["body", "prompt"], "msg": PROMPT, "type": "value_error"}]})


@pytest.mark.parametrize(
    ("responses", "error", "expected"),
    [
        ([FAILED], TaskFailed, {"error.type": "TaskFailed", "meshapi.video.error_code": "OutputVideoSensitive"}),
        ([task("failed", error={"code": PROMPT, "message": "no"})], TaskFailed, {"meshapi.video.error_code": "_OTHER"}),
        ([task("running")], WaitTimeout, {"error.type": "WaitTimeout", "meshapi.video.status": "running"}),
        ([task(PROMPT)], WaitTimeout, {"meshapi.video.status": "_OTHER"}),
        ([response(404, {})], NotFoundError, {"error.type": "404"}),
        ([BAD], RequestRejectedError, {"error.type": "422"}),
    ],
)
def test_the_span_of_a_wait_without_a_video_says_how_it_ended(
    client: Caller,
    server: Server,
    recorded: Recorded,
    responses: list[Any],
    error: type[MeshVideoError],
    expected: dict[str, str],
) -> None:
    server.script(*responses)
    with pytest.raises(error):
        client.wait(timeout=60)
    wait = recorded.one("meshapi.video.wait")
    assert expected.items() <= attributes(wait).items()
    assert wait.status.status_code is StatusCode.ERROR
    assert wait.events == ()


def test_a_create_that_fails_says_how(client: Caller, server: Server, recorded: Recorded) -> None:
    server.script(reset)
    with pytest.raises(CreateUncertain) as caught:
        generate(client)
    generated = recorded.one("meshapi.video.generate")
    assert attributes(generated) == {
        "meshapi.video.request_id": caught.value.request_id,
        "meshapi.video.polls": 0,
        "meshapi.video.failures": 1,
        "error.type": "CreateUncertain",
    }


def test_an_exception_of_a_callback_ends_the_span_with_its_type(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    server.script(task("running"))

    def on_update(_task: object) -> None:
        raise ZeroDivisionError(KEY)

    with pytest.raises(ZeroDivisionError):
        client.wait(on_update=on_update)
    assert attributes(recorded.one("meshapi.video.wait"))["error.type"] == "ZeroDivisionError"


# The caller's own code


def polling(each: AsyncVideoClient, kind: Kind, method: str = "get", task_id: str = TASK_ID) -> Callable[..., Any]:
    """A callback that polls a task."""

    def blocking(*_: object) -> None:
        getattr(vars(each)["_client"], method)(task_id)

    async def awaited(*_: object) -> None:
        await getattr(each, method)(task_id)

    return blocking if kind == "sync" else awaited


@pytest.mark.parametrize("task_id", [TASK_ID, "another"])
def test_polls_that_a_callback_of_wait_sends_are_not_counted(
    client: Caller, server: Server, recorded: Recorded, kind: Kind, task_id: str
) -> None:
    server.script(task("running"), response(503, {}), task("running", task_id), finished(), task("failed", task_id))

    async def body(each: AsyncVideoClient) -> None:
        await each.wait(TASK_ID, on_update=polling(each, kind, task_id=task_id))

    client.run(body)
    waited = attributes(recorded.one("meshapi.video.wait"))
    assert (waited["meshapi.video.polls"], waited["meshapi.video.failures"]) == (2, 0)
    assert waited["meshapi.video.status"] == "succeeded"
    assert recorded.names.count(POLL) == 5
    # The callback runs during the wait.
    assert {recorded.parent(span) for span in recorded.spans[1:]} == {"meshapi.video.wait"}


def test_a_wait_in_a_callback_of_generate_is_not_counted_and_is_a_span_of_its_own(
    client: Caller, server: Server, recorded: Recorded, kind: Kind
) -> None:
    failed_poll = response(503, {})
    server.script(CREATED, task("queued", "another"), failed_poll, finished("another"), finished())

    async def body(each: AsyncVideoClient) -> None:
        await each.generate(MODEL, PROMPT, on_created=polling(each, kind, "wait", "another"))

    client.run(body)
    generated = attributes(recorded.one("meshapi.video.generate"))
    assert generated["meshapi.video.task_id"] == TASK_ID
    assert (generated["meshapi.video.polls"], generated["meshapi.video.failures"]) == (1, 0)
    waits = [span for span in recorded.spans if span.name == "meshapi.video.wait"]
    assert [attributes(span)["meshapi.video.polls"] for span in waits] == [3, 1]
    assert {recorded.parent(span) for span in waits} == {"meshapi.video.generate"}


def test_polls_that_a_callback_of_download_sends_are_not_counted(
    client: Caller, server: Server, recorded: Recorded, kind: Kind, tmp_path: Path
) -> None:
    video = finished(url=f"{server.base_url}/v.mp4?sig=hush")
    server.script(video, FILE, response(503, {}), video)

    async def body(each: AsyncVideoClient) -> None:
        await each.download(TASK_ID, tmp_path / "lake.mp4", on_progress=polling(each, kind))

    client.run(body)
    assert attributes(recorded.one("meshapi.video.download"))["meshapi.video.failures"] == 0
    assert recorded.names.count(POLL) > 2


def test_polls_that_a_hook_of_the_callers_http_client_sends_are_not_counted(
    client: Caller, server: Server, recorded: Recorded, kind: Kind
) -> None:
    respond_by_id(server, finished_after(1))
    clients = list[AsyncVideoClient]()

    def hook(request: httpx.Request) -> None:
        if not request.url.path.endswith("/another"):
            polling(clients[0], kind, task_id="another")()

    async def hook_async(request: httpx.Request) -> None:
        if not request.url.path.endswith("/another"):
            await polling(clients[0], kind, task_id="another")()

    async def body(each: AsyncVideoClient) -> None:
        clients.append(each)
        await each.wait(TASK_ID)

    client.user_client = {"event_hooks": {"request": [hook if kind == "sync" else hook_async]}}
    client.run(body)
    assert attributes(recorded.one("meshapi.video.wait"))["meshapi.video.polls"] == 1
    assert recorded.names == ["meshapi.video.wait", POLL, POLL]


@pytest.mark.parametrize("of", ["iterable", "on_progress"])
def test_polls_that_the_callers_code_sends_during_wait_many_are_not_counted_and_are_in_the_callers_span(
    client: Caller, server: Server, recorded: Recorded, kind: Kind, of: str
) -> None:
    server_polls = respond_by_id(server, finished_after(1))
    ids = TASK_IDS[:3]

    async def body(each: AsyncVideoClient) -> None:
        poll = polling(each, kind, task_id="another")

        def blocking() -> Generator[str]:
            for task_id in ids:
                poll()
                yield task_id

        async def awaited() -> AsyncGenerator[str]:
            for task_id in ids:
                await poll()
                yield task_id

        tracer = recorded.tracer_provider.get_tracer("of the caller")
        with tracer.start_as_current_span("of the caller"):
            if of == "on_progress":
                await collect(each.wait_many(ids, poll=QUICK, on_progress=poll))
            else:
                await collect(each.wait_many(blocking() if kind == "sync" else awaited(), poll=QUICK))
        await eventually_async(lambda: {"of the caller", "meshapi.video.wait_many"} <= set(recorded.names))

    client.clock = RealClock()
    client.run(body)
    polls = [span for span in recorded.spans if span.name == POLL]
    assert len(polls) == server_polls["another"] > 0
    assert {recorded.parent(span) for span in polls} == {"of the caller"}
    assert attributes(recorded.one("meshapi.video.wait_many"))["meshapi.video.polls"] == len(ids)


# wait_many


def many(client: Caller, recorded: Recorded, **arguments: Any) -> list[Any]:  # noqa: ANN401 - the arguments of `wait_many`
    async def body(each: AsyncVideoClient) -> list[Any]:
        tracer = recorded.tracer_provider.get_tracer("of the caller")
        with tracer.start_as_current_span("of the caller"):
            results = await collect(each.wait_many(TASK_IDS, poll=QUICK, **arguments))
        await eventually_async(lambda: len(recorded.spans) > 1)
        return results

    client.clock = RealClock()
    return client.run(body)


def test_wait_many_is_one_span_in_the_callers_trace(client: Caller, server: Server, recorded: Recorded) -> None:
    server_polls = respond_by_id(
        server,
        lambda task_id, poll: task("failed", task_id) if task_id == "t3" else finished_after(2)(task_id, poll),
    )
    many(client, recorded)
    assert recorded.names == ["of the caller", "meshapi.video.wait_many"]
    waits = recorded.one("meshapi.video.wait_many")
    assert recorded.parent(waits) == "of the caller"
    assert attributes(waits) == {
        "meshapi.video.tasks": len(TASK_IDS),
        "meshapi.video.tasks_ended": len(TASK_IDS),
        "meshapi.video.tasks_succeeded": len(TASK_IDS) - 1,
        "meshapi.video.polls": server_polls.total(),
        "meshapi.video.failures": 0,
    }


def test_with_request_spans_the_polls_of_wait_many_are_in_one_trace(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    client.settings["telemetry"] = recorded.telemetry(request_spans_in_wait_many=True)
    respond_by_id(server, finished_after(2))
    many(client, recorded)
    polls = [span for span in recorded.spans if span.name == POLL]
    assert len(polls) == 2 * len(TASK_IDS)
    assert {recorded.parent(span) for span in polls} == {"meshapi.video.wait_many"}
    assert len({ids_of(span)[0] for span in recorded.spans}) == 1


def test_without_request_spans_a_wait_is_one_span(client: Caller, server: Server, recorded: Recorded) -> None:
    client.settings["telemetry"] = recorded.telemetry(request_spans=False)
    server.script(task("running"), finished())
    client.wait()
    assert recorded.names == ["meshapi.video.wait"]


@pytest.mark.parametrize("leave", ["break", "forget", "close", "close the client"])
def test_an_iterator_that_is_left_early_leaves_no_span_open(
    client: Caller, server: Server, recorded: Recorded, leave: str
) -> None:
    respond_by_id(
        server, lambda task_id, poll: (finished_after(1) if task_id == "t0" else never_finished)(task_id, poll)
    )
    client.clock = RealClock()

    async def loop(each: AsyncVideoClient) -> None:
        results = each.wait_many(TASK_IDS, poll=QUICK)
        if leave == "break":
            async for _ in results:
                break
        else:
            await anext(results)
        if leave == "close":
            await results.close()
        if leave == "close the client":
            await each.close()

    async def body(each: AsyncVideoClient) -> None:
        await loop(each)
        gc.collect()
        await eventually_async(lambda: recorded.names == ["meshapi.video.wait_many"])

    client.run(body)
    waits = recorded.one("meshapi.video.wait_many")
    assert attributes(waits)["meshapi.video.tasks_succeeded"] == 1
    assert waits.status.status_code is StatusCode.UNSET
    assert recorded.metrics()["meshapi.video.active_waits"] == {(): 0}


def test_an_iterator_that_was_never_asked_has_no_span(client: Caller, recorded: Recorded) -> None:
    async def body(each: AsyncVideoClient) -> None:
        await each.wait_many(TASK_IDS).close()

    client.run(body)
    assert recorded.names == []


# Ends of every kind


def test_a_cancelled_wait_ends_its_spans(backend: Kind, server: Server) -> None:
    recorded = Recorded()
    server.script(server.stall())

    async def main() -> None:
        async with AsyncVideoClient(KEY, base_url=server.base_url, telemetry=recorded.telemetry()) as client:
            with anyio.move_on_after(0.1):
                await client.wait(TASK_ID)

    anyio.run(main, backend=backend)
    assert recorded.names == ["meshapi.video.wait", POLL]
    assert {attributes(span)["error.type"] for span in recorded.spans} <= {"CancelledError", "Cancelled"}
    # A cancellation is no failure.
    assert {span.status.status_code for span in recorded.spans} == {StatusCode.UNSET}
    assert recorded.metrics()["meshapi.video.active_waits"] == {(): 0}


def test_a_coroutine_that_is_never_awaited_to_its_end_ends_its_spans_and_logs_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recorded = Recorded()
    telemetry = ClientTelemetry(recorded.telemetry(), "http://127.0.0.1")

    class Never:
        def __await__(self) -> Generator[None]:
            yield

    async def call() -> None:
        with telemetry.call("create"), telemetry.request(CREATE_OPERATION, 0):
            await Never()

    coroutine = call()
    contextvars.copy_context().run(coroutine.send, None)
    # The garbage collector calls this in any context.
    coroutine.close()
    assert recorded.names == ["meshapi.video.create", CREATE]
    assert {attributes(span)["error.type"] for span in recorded.spans} == {"GeneratorExit"}
    assert caplog.text == ""


def test_a_wait_that_stop_ends_has_an_ended_span(server: Server) -> None:
    recorded, stop = Recorded(), threading.Event()
    server.script(task("running"))
    with VideoClient(KEY, base_url=server.base_url, telemetry=recorded.telemetry()) as client:
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(WaitStopped):
            client.wait(TASK_ID, stop=stop)
    assert attributes(recorded.one("meshapi.video.wait"))["error.type"] == "WaitStopped"


def test_ctrl_c_ends_the_spans(server: Server) -> None:
    recorded = Recorded()
    server.script(task("running"))

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with VideoClient(KEY, base_url=server.base_url, telemetry=recorded.telemetry()) as client:
        client._sleep = interrupt
        with pytest.raises(KeyboardInterrupt):
            client.wait(TASK_ID)
    assert recorded.names == ["meshapi.video.wait", POLL]
    assert attributes(recorded.spans[0])["error.type"] == "KeyboardInterrupt"


# Metrics


def test_polls_are_counted_by_their_outcome(client: Caller, server: Server, recorded: Recorded) -> None:
    server.script(reset, task("queued"), response(503, {}), task(PROMPT), finished())
    client.wait()
    assert recorded.metrics()["meshapi.video.polls"] == {
        (("meshapi.video.status", "queued"),): 1,
        (("error.type", "503"),): 1,
        (("error.type", "ConnectionFailed"),): 1,
        (("meshapi.video.status", "_OTHER"),): 1,
        (("meshapi.video.status", "succeeded"),): 1,
    }


def test_the_duration_of_a_wait_is_recorded_with_the_type_of_its_error(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    server.script(task("running"), finished())
    client.wait()
    server.script(task("running"))
    with pytest.raises(WaitTimeout):
        client.wait(timeout=60)
    durations = recorded.metrics()["meshapi.video.wait.duration"]
    assert durations.keys() == {(), (("error.type", "WaitTimeout"),)}
    count, seconds = durations[()]
    assert (count, 5 < seconds < 15) == (1, True)
    count, seconds = durations[("error.type", "WaitTimeout"),]
    assert (count, seconds) == (1, pytest.approx(60))


def test_each_wait_of_wait_many_has_a_duration_and_is_in_flight_until_it_ends(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    respond_by_id(
        server, lambda task_id, poll: task("expired", task_id) if task_id == "t3" else finished_after(2)(task_id, poll)
    )
    in_flight = list[int]()

    def on_progress(_progress: WaitProgress) -> None:
        in_flight.append(recorded.metrics()["meshapi.video.active_waits"][()])

    many(client, recorded, on_progress=on_progress)
    assert max(in_flight) > 1
    metrics = recorded.metrics()
    assert metrics["meshapi.video.active_waits"] == {(): 0}
    durations = metrics["meshapi.video.wait.duration"]
    assert durations[()][0] == len(TASK_IDS) - 1
    assert durations[("error.type", "TaskExpired"),][0] == 1
    assert metrics["meshapi.video.polls"][("meshapi.video.status", "succeeded"),] == len(TASK_IDS) - 1


def test_a_wait_is_in_flight_while_it_runs(client: Caller, server: Server, recorded: Recorded) -> None:
    server.script(task("running"), finished())
    in_flight = list[object]()

    def on_update(_task: VideoTaskResponse) -> None:
        in_flight.append(recorded.metrics()["meshapi.video.active_waits"])

    client.wait(on_update=on_update)
    assert in_flight == [{(): 1}, {(): 1}]
    assert recorded.metrics()["meshapi.video.active_waits"] == {(): 0}


# traceparent


def requests_of_generate(client: Caller, server: Server, folder: Path) -> list[str | None]:
    server.script(CREATED, finished(url=f"{server.base_url}/v.mp4?sig=hush"), FILE)
    generate(client, to=folder / "lake.mp4")
    return [request.headers.get("traceparent") for request in server.requests]


def test_no_request_has_a_traceparent_unless_that_is_asked_for(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path
) -> None:
    assert requests_of_generate(client, server, tmp_path) == [None] * 3
    assert len(recorded.spans) == 7


def test_with_propagate_the_requests_to_the_api_have_the_traceparent_of_their_span(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path
) -> None:
    client.settings["telemetry"] = recorded.telemetry(propagate=True)
    created, polled, downloaded = requests_of_generate(client, server, tmp_path)
    for header, name in ((created, CREATE), (polled, POLL)):
        trace_id, span_id = ids_of(recorded.one(name))
        assert header is not None
        assert header.startswith(f"00-{trace_id:032x}-{span_id:016x}-")
    # The file server is another company's.
    assert downloaded is None
    # The create sends its own header, too.
    assert "x-request-id" in server.requests[0].headers


def test_with_propagate_the_polls_of_wait_many_have_its_traceparent(
    client: Caller, server: Server, recorded: Recorded
) -> None:
    client.settings["telemetry"] = recorded.telemetry(propagate=True)
    respond_by_id(server, finished_after(1))
    many(client, recorded)
    trace_id, span_id = ids_of(recorded.one("meshapi.video.wait_many"))
    sent = {request.headers["traceparent"].rpartition("-")[0] for request in server.requests}
    assert sent == {f"00-{trace_id:032x}-{span_id:016x}"}


# What they never contain


def test_no_span_and_no_metric_contains_the_key_a_prompt_a_message_or_a_signed_url(
    client: Caller, server: Server, recorded: Recorded, tmp_path: Path
) -> None:
    secrets = [KEY, PROMPT, "hush-hush", "the-message-of-the-server", "sig="]
    message = f"the-message-of-the-server about {PROMPT}"
    bad = response(422, {"error": {"code": PROMPT, "message": message}, "request_id": PROMPT})
    signed = f"{server.base_url}/v.mp4?sig=hush-hush"
    client.settings["telemetry"] = recorded.telemetry(propagate=True, request_spans_in_wait_many=True)

    async def body(each: AsyncVideoClient) -> None:
        server.script(CREATED, response(503, {"message": message}), task(PROMPT), finished(url=signed), close, FILE)
        await each.generate(MODEL, PROMPT, to=tmp_path / "lake.mp4")
        for script in ([bad], [FAILED], [task("failed", error={"code": PROMPT, "message": PROMPT})]):
            server.requests.clear()
            server.script(*script)
            with pytest.raises(MeshVideoError):
                await each.wait(TASK_ID)
        server.requests.clear()
        server.script(bad)
        with pytest.raises(MeshVideoError):
            await each.create(MODEL, PROMPT)
        server.requests.clear()
        server.script(finished(url=signed), bad)
        with pytest.raises(DownloadError):
            await each.download(TASK_ID, tmp_path / "two.mp4")
        await collect(each.wait_many(["a", "b"]))

    client.run(body)
    assert len(recorded.spans) > 20
    exported = "\n".join(span.to_json() for span in recorded.spans) + repr(recorded.metrics())
    assert [secret for secret in secrets if secret in exported] == []
    assert [span.name for span in recorded.spans if span.events] == []


# Without harm


class FailsAtTheEnd(SpanProcessor):
    """The part of a program that exports spans, and raises."""

    def on_end(self, span: object) -> None:  # noqa: ARG002 - of the class
        raise ZeroDivisionError(KEY)


class FailsAtTheStart(FailsAtTheEnd):
    def on_start(self, span: object, parent_context: object = None) -> None:  # noqa: ARG002 - of the class
        raise ZeroDivisionError(KEY)


@pytest.mark.parametrize("processor", [FailsAtTheStart, FailsAtTheEnd])
def test_an_exporter_that_raises_loses_no_task_that_was_paid_for(
    client: Caller, server: Server, recorded: Recorded, caplog: pytest.LogCaptureFixture, processor: Callable[[], Any]
) -> None:
    recorded.tracer_provider.add_span_processor(processor())
    server.script(CREATED, finished())
    generate(client)
    assert "could not be recorded: ZeroDivisionError" in caplog.text


def test_without_telemetry_nothing_is_recorded(client: Caller, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: recorded.tracer_provider)
    client.settings["telemetry"] = None
    server.script(finished())
    client.wait()
    assert recorded.spans == []


def test_by_default_the_providers_of_the_program_are_used_as_soon_as_they_are_set(
    client: Caller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = Recorded()
    server.script(finished())

    async def body(each: AsyncVideoClient) -> None:
        await each.wait(TASK_ID)
        monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: recorded.tracer_provider)
        monkeypatch.setattr("opentelemetry.metrics.get_meter_provider", lambda: recorded.meter_provider)
        await each.wait(TASK_ID)

    client.run(body)
    assert recorded.names == ["meshapi.video.wait", POLL]
    assert recorded.metrics()["meshapi.video.polls"] == {(("meshapi.video.status", "succeeded"),): 1}


@pytest.mark.parametrize("which", ["tracer_provider", "meter_provider"])
def test_one_provider_alone_is_enough(client: Caller, server: Server, which: str) -> None:
    recorded = Recorded()
    client.settings["telemetry"] = Telemetry(**{which: getattr(recorded, which)})
    respond_by_id(server, finished_after(1))
    client.clock = RealClock()

    async def body(each: AsyncVideoClient) -> None:
        await each.wait("t0")
        await collect(each.wait_many(TASK_IDS))
        await eventually_async(lambda: which == "meter_provider" or len(recorded.spans) == 3)

    client.run(body)
    assert bool(recorded.spans) == (which == "tracer_provider")
    assert bool(recorded.metrics()) == (which == "meter_provider")


@pytest.mark.parametrize("which", ["tracer_provider", "meter_provider"])
def test_a_provider_that_is_none_and_the_class_of_one_are_refused(which: str) -> None:
    with pytest.raises(TypeError, match=f"^{which} should be a provider of OpenTelemetry, which has the method get_"):
        Telemetry(**{which: "a tracer"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a wrong value
    with pytest.raises(TypeError, match=f"^{which} should be a provider of OpenTelemetry, not its class Recorded$"):
        Telemetry(**{which: Recorded})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a wrong value


@pytest.mark.parametrize("make", [VideoClient, AsyncVideoClient])
def test_a_client_refuses_a_provider_in_place_of_its_telemetry(make: type[VideoClient | AsyncVideoClient]) -> None:
    with pytest.raises(TypeError, match=r"not Recorded; for .* pass telemetry=Telemetry\(tracer_provider=...\)"):
        make(KEY, telemetry=Recorded())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - a wrong value
