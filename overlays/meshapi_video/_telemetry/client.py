"""The telemetry of one client: its calls, its requests and its polls, if the program has set a provider.

No program can set a provider of OpenTelemetry without importing its API. So the SDK never imports it first: a program
without it pays for two look-ups in a dict.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from meshapi_video._errors import MeshVideoError
from meshapi_video._logging import task_logger
from meshapi_video._polling.state import GiveUp
from meshapi_video._tasks import outcome
from meshapi_video._telemetry.call import Call, Name, current, error_type, plain_id, works_for
from meshapi_video._telemetry.settings import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from meshapi_video._create.attempts import CreateState
    from meshapi_video._download.state import TransferState
    from meshapi_video._polling.scheduler import Scheduler
    from meshapi_video._polling.state import PollState
    from meshapi_video._telemetry.metrics import Metrics
    from meshapi_video._telemetry.settings import MeterProvider, TracerProvider
    from meshapi_video._telemetry.tracing import ActiveSpan, Tracing
    from meshapi_video._transport.operations import Operation

T = TypeVar("T")

_log: Final = task_logger("meshapi_video.telemetry")


class Sent:
    """A request that is in flight or was sent."""

    # Not by attrs: every program imports this, and attrs takes a millisecond to make a class.
    __slots__ = ("status_code",)

    def __init__(self) -> None:
        self.status_code: int | None = None
        """The status of its response."""


_NOT_RECORDED: Final = nullcontext(Sent())
"""The context of each request without a span. Nobody reads the status there."""


class ClientTelemetry:
    """The telemetry of one client. Any number of threads may use it."""

    def __init__(self, settings: Telemetry | None, base_url: str) -> None:
        if settings is not None and not isinstance(settings, Telemetry):  # pyright: ignore[reportUnnecessaryIsInstance] - the user may pass anything
            raise TypeError(
                f"telemetry should be a Telemetry or None, not {type(settings).__name__}; for a provider of your own, "
                "pass telemetry=Telemetry(tracer_provider=...)"
            )
        self._settings = settings
        self._base_url = base_url
        self._tracing: Tracing | None = None
        self._metrics: Metrics | None = None
        self._broken = set[str]()
        """The modules of OpenTelemetry whose provider raised an error. Asked at each poll, it would flood the log."""

    def call(self, name: Name, task_id: str | None = None) -> AbstractContextManager[object]:
        """The context of one call of a method."""
        tracing = self._find_tracing()
        return nullcontext() if tracing is None else _recorded(Call(name, task_id, current.get()), tracing)

    def wait(self, state: PollState, clock: Callable[[], float]) -> AbstractContextManager[object]:
        """The context of a wait that begins with this state."""
        tracing, metrics = self._find_tracing(), self._find_metrics()
        if tracing is None and metrics is None:
            return nullcontext()
        return _recorded_wait(Call("wait", state.task_id, current.get()), tracing, metrics, state.started, clock)

    def wait_many(self, scheduler: Scheduler, clock: Callable[[], float]) -> AbstractContextManager[object]:
        """The context of the polls of a `wait_many`. Observes the waits of its scheduler from now on."""
        tracing, metrics = self._find_tracing(), self._find_metrics()
        if tracing is None and metrics is None:
            return nullcontext()
        call = Call("wait_many", None)

        def observe(state: PollState, is_new: bool) -> None:  # noqa: FBT001 - the scheduler calls it
            error, ended = _error_of(state), state.end is not None
            is_counted = call.wait_changed(begun=is_new, ended=ended, succeeded=ended and error is None)
            if is_counted and metrics is not None:
                with _log_telemetry_errors:
                    metrics.waits_changed(is_new - ended)
                    if ended:
                        metrics.wait_ended(clock() - state.started, None if error is None else error_type(error))

        scheduler.observe = observe
        return _recorded_wait_many(call, tracing, metrics)

    def request(self, operation: Operation[..., Any], resends: int) -> AbstractContextManager[Sent]:
        """The context of one request to the API. `resends` is the number of failed ones just before it."""
        tracing = self._find_tracing()
        if tracing is None or not tracing.has_request_span(current.get()):
            return _NOT_RECORDED
        start = partial(tracing.start_request, *operation.route, resends=resends)
        return _recorded_request(start, operation.expected.status)

    def download_request(self, url: str, resends: int) -> AbstractContextManager[Sent]:
        """The context of one request to a file server. `url` is signed: the span has its host only."""
        tracing = self._find_tracing()
        if tracing is None or not tracing.has_request_span(current.get()):
            return _NOT_RECORDED
        # Not a `partial`, whose repr would show the URL in a traceback with local variables.
        return _recorded_request(lambda: tracing.start_request("GET", url=url, resends=resends))

    def polled(self, before: PollState, after: PollState) -> None:
        """Records a poll."""
        if (call := current.get()) is not None:
            call.polled(before, after)
        if (metrics := self._find_metrics()) is not None and after.polls > before.polls:
            with _log_telemetry_errors:
                metrics.polled(after)

    def attempted(self, state: CreateState) -> None:
        """Records an attempt to create a task."""
        if (call := current.get()) is not None:
            call.task_id, call.request_id, call.failures = state.task_id, plain_id(state.request_id), state.failures

    def transferred(self, transfer: TransferState) -> None:
        """Records a request of a download."""
        if (call := current.get()) is not None:
            call.failures += bool(transfer.last_failure)
            call.size = transfer.kept

    def headers(self) -> Mapping[str, str]:
        """The headers that send the current trace to the API, if the program wants that."""
        if self._settings is None or not self._settings.propagate or (tracing := self._find_tracing()) is None:
            return {}
        return tracing.headers()

    def _find_tracing(self) -> Tracing | None:
        if self._tracing is None and (settings := self._settings) is not None:
            make = partial(_new_tracing, settings, self._base_url)
            self._tracing = self._made("opentelemetry.trace", "get_tracer_provider", settings.tracer_provider, make)
        return self._tracing

    def _find_metrics(self) -> Metrics | None:
        if self._metrics is None and (settings := self._settings) is not None:
            provider = settings.meter_provider
            self._metrics = self._made("opentelemetry.metrics", "get_meter_provider", provider, _new_metrics)
        return self._metrics

    # Any: a provider of OpenTelemetry.
    def _made(self, module: str, function: str, provider: Any, make: Callable[[Any], T]) -> T | None:  # noqa: ANN401
        """What `make` makes with the client's provider, or else with the one that the program has set, if it has."""
        if module in self._broken or (provider is None and module not in sys.modules):
            return None
        made: T | None = None
        is_broken = True
        # The environment may name a provider that cannot be loaded.
        with _log_telemetry_errors:
            if (provider := provider or _provider_of_program(module, function)) is not None:
                made = make(provider)
            is_broken = False
        if is_broken:
            self._broken.add(module)
        return made


# Both imported only in a program that has a provider.
def _new_tracing(settings: Telemetry, base_url: str, provider: TracerProvider) -> Tracing:
    from meshapi_video._telemetry.tracing import Tracing  # noqa: PLC0415

    return Tracing(provider, settings, base_url)


def _new_metrics(provider: MeterProvider) -> Metrics:
    from meshapi_video._telemetry.metrics import Metrics  # noqa: PLC0415

    return Metrics(provider)


# Any: a provider of OpenTelemetry.
def _provider_of_program(module: str, function: str) -> Any:  # noqa: ANN401
    """The provider that the program has set, or None."""
    # Another thread may be importing the module, which has no function yet.
    get = getattr(sys.modules.get(module), function, None)
    provider = None if get is None else get()
    # Each stands for a provider that is not set yet. Only the class for spans has a public name.
    return None if type(provider).__name__ in {"ProxyTracerProvider", "_ProxyMeterProvider"} else provider


@contextmanager
def _recorded(call: Call, tracing: Tracing | None) -> Generator[None]:
    """The context of a call, with a span."""
    span, raised = None, None
    if tracing is not None:
        with _log_telemetry_errors:
            span = tracing.start_call(call)
    try:
        with works_for(call):
            yield
    except BaseException as error:
        raised = error
        call.raised(error)
        raise
    finally:
        call.end()
        if span is not None:
            with _log_telemetry_errors:
                span.end_call(call, raised)
        # Otherwise the exception would hold this frame, which holds the exception.
        del raised


@contextmanager
def _recorded_wait(
    call: Call, tracing: Tracing | None, metrics: Metrics | None, started: float, clock: Callable[[], float]
) -> Generator[None]:
    """The same for a wait, with metrics."""
    if metrics is not None:
        with _log_telemetry_errors:
            metrics.waits_changed(1)
    try:
        with _recorded(call, tracing):
            yield
    finally:
        if metrics is not None:
            with _log_telemetry_errors:
                metrics.waits_changed(-1)
                metrics.wait_ended(clock() - started, call.error_type)


@contextmanager
def _recorded_wait_many(call: Call, tracing: Tracing | None, metrics: Metrics | None) -> Generator[None]:
    """The same for a `wait_many`, whose waits may be left when it ends."""
    try:
        with _recorded(call, tracing):
            yield
    finally:
        if metrics is not None:
            with _log_telemetry_errors:
                metrics.waits_changed(call.ended - call.begun)


@contextmanager
def _recorded_request(start: Callable[[], ActiveSpan], expected: int | None = None) -> Generator[Sent]:
    """The span of a request. Without an exception, its response has the `expected` status."""
    sent, raised = Sent(), None
    span: ActiveSpan | None = None
    with _log_telemetry_errors:
        span = start()
    try:
        yield sent
    except BaseException as error:
        raised, expected = error, None
        raise
    finally:
        with _log_telemetry_errors:
            if span is not None:
                span.end_request(expected or sent.status_code, raised)
        del raised


def _error_of(state: PollState) -> MeshVideoError | None:
    """The error of a wait that has ended without a video."""
    if state.end is None:
        return None
    ended = state.end.error if isinstance(state.end, GiveUp) else outcome(state.end.task)
    return ended if isinstance(ended, MeshVideoError) else None


class _LogTelemetryErrors:
    """Logs an exception of OpenTelemetry, such as one of the program's own exporter.

    It must not end a wait, and not hide the id of a task that was paid for.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, Exception):
            _warn(error)
        return isinstance(error, Exception)


_log_telemetry_errors: Final = _LogTelemetryErrors()


def _warn(error: Exception) -> None:
    # Without the text of the error, and without its frames, whose local variables may hold anything.
    _log.warning("a span or a metric could not be recorded: %s", type(error).__qualname__)
