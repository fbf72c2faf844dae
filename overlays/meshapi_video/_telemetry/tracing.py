"""Spans. Imported only in a program that has a provider of OpenTelemetry.

The names of HTTP follow OpenTelemetry's conventions for client spans. All others begin with `meshapi.video.`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from meshapi_video._errors import APIError
from meshapi_video._telemetry.call import error_type, plain_id
from meshapi_video._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from meshapi_video._telemetry.call import Call
    from meshapi_video._telemetry.settings import Telemetry, TracerProvider

_PORTS: Final = {"http": 80, "https": 443}
# Not the propagators of the program: these may send its baggage, which is no business of a server outside.
_propagator: Final = TraceContextTextMapPropagator()


class ActiveSpan:
    """A span that has started, and is the parent of the spans that start in its context."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span))

    def end_call(self, call: Call, error: BaseException | None) -> None:
        """Ends the span of a call with its facts."""
        attributes: dict[str, str | int | None] = {
            "meshapi.video.task_id": call.task_id,
            "meshapi.video.request_id": call.request_id,
            "meshapi.video.failures": call.failures,
            "error.type": call.error_type,
            "meshapi.video.error_code": call.error_code,
        }
        if call.name in {"wait", "generate", "wait_many"}:
            attributes["meshapi.video.polls"] = call.polls
        if call.name in {"wait", "generate"}:
            attributes["meshapi.video.status"] = call.status
        if call.name in {"download", "generate"}:
            attributes["meshapi.video.file_size"] = call.size
        if call.name == "wait_many":
            attributes["meshapi.video.tasks"] = call.begun
            attributes["meshapi.video.tasks_ended"] = call.ended
            attributes["meshapi.video.tasks_succeeded"] = call.succeeded
        self._end(attributes, error)

    def end_request(self, status_code: int | None, error: BaseException | None) -> None:
        """Ends the span of a request."""
        status = error.status_code if isinstance(error, APIError) else status_code
        is_refused = error is None and status is not None and status >= 400
        failed = str(status) if is_refused else None
        attributes: dict[str, str | int | None] = {
            "http.response.status_code": status,
            "error.type": failed if error is None else error_type(error),
            "meshapi.video.request_id": plain_id(getattr(error, "request_id", None)),
        }
        if is_refused:
            self._span.set_status(StatusCode.ERROR)
        self._end(attributes, error)

    def _end(self, attributes: Mapping[str, str | int | None], error: BaseException | None) -> None:
        # A coroutine that is never awaited again ends in another context. `context.detach` would log an error there.
        with suppress(ValueError):
            self._token.var.reset(self._token)
        self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})
        # A cancellation and ctrl-C are no errors. No message and no stack trace: they may quote the prompt.
        if isinstance(error, Exception):
            self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Tracing:
    """Starts the spans of one client."""

    def __init__(self, provider: TracerProvider, settings: Telemetry, base_url: str) -> None:
        self._tracer: trace.Tracer = provider.get_tracer("meshapi_video", __version__)
        self._settings = settings
        self._base_url = base_url
        self._base_path = urlsplit(base_url).path

    def has_request_span(self, call: Call | None) -> bool:
        """Whether a request of this call has a span of its own."""
        is_of_many = call is not None and call.name == "wait_many"
        return self._settings.request_spans_in_wait_many if is_of_many else self._settings.request_spans

    def start_call(self, call: Call) -> ActiveSpan:
        """Starts the span of a call."""
        attributes = {} if call.task_id is None else {"meshapi.video.task_id": call.task_id}
        return ActiveSpan(self._tracer.start_span(f"meshapi.video.{call.name}", attributes=attributes))

    def start_request(self, method: str, path: str | None = None, *, url: str = "", resends: int) -> ActiveSpan:
        """Starts the span of a request to a `url`, or else to a `path` of the API with names for its parts."""
        server = urlsplit(url or self._base_url)
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "server.address": server.hostname or "",
            "server.port": server.port or _PORTS.get(server.scheme, 0),
        }
        name = method
        if path is not None:
            attributes["url.template"] = template = self._base_path + path
            name = f"{method} {template}"
        if resends:
            attributes["http.request.resend_count"] = resends
        return ActiveSpan(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))

    def headers(self) -> Mapping[str, str]:
        """The headers `traceparent` and `tracestate` for the current span."""
        headers = dict[str, str]()
        _propagator.inject(headers)
        return headers
