"""Spans and metrics of OpenTelemetry, kept in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from meshapi_video import Telemetry


class Recorded:
    """Providers for one test, and what they have recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader])

    # The other arguments of `Telemetry`, passed on as they are.
    def telemetry(self, **arguments: Any) -> Telemetry:  # noqa: ANN401
        return Telemetry(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider, **arguments)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they started."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def one(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def parent(self, span: ReadableSpan) -> str | None:
        """The name of a span's parent."""
        if span.parent is None:
            return None
        (found,) = [each for each in self.spans if ids_of(each)[1] == span.parent.span_id]
        return found.name

    def clear(self) -> None:
        self._exporter.clear()

    def metrics(self) -> dict[str, dict[tuple[tuple[str, object], ...], Any]]:
        """For each metric and its attributes: the sum, or of a histogram the count and the sum."""
        found = dict[str, dict[tuple[tuple[str, object], ...], Any]]()
        data = self._reader.get_metrics_data()
        for metric in [m for r in (data.resource_metrics if data else ()) for s in r.scope_metrics for m in s.metrics]:
            data_points: Any = metric.data.data_points
            points: list[Any] = list(data_points)
            found[metric.name] = {key_of(point.attributes): value_of(point) for point in points}
        return found


def key_of(attributes: Mapping[str, object] | None) -> tuple[tuple[str, object], ...]:
    return tuple(sorted((attributes or {}).items()))


# A point of any kind.
def value_of(point: Any) -> object:  # noqa: ANN401
    return (point.count, point.sum) if hasattr(point, "count") else point.value


def ids_of(span: ReadableSpan) -> tuple[int, int]:
    """The id of its trace, and its own."""
    context = span.get_span_context()
    assert context is not None
    return context.trace_id, context.span_id


def attributes(span: ReadableSpan) -> Mapping[str, object]:
    return dict(span.attributes or {})
