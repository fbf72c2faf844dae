"""What a client records with OpenTelemetry, and where: `Telemetry`."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import Attribute, field, frozen


class TracerProvider(Protocol):
    """The part of OpenTelemetry's `TracerProvider` that the SDK uses."""

    # The types of OpenTelemetry need not be installed.
    def get_tracer(self, name: str, version: str | None = None, /) -> Any:  # noqa: ANN401
        """A tracer for the spans of this package."""
        ...


class MeterProvider(Protocol):
    """The part of OpenTelemetry's `MeterProvider` that the SDK uses."""

    def get_meter(self, name: str, version: str | None = None, /) -> Any:  # noqa: ANN401 - see above
        """A meter for the metrics of this package."""
        ...


# attrs passes the field without its type.
def _check_provider(_telemetry: Telemetry, attribute: Attribute[Any], value: object) -> None:
    method = "get_tracer" if attribute.name == "tracer_provider" else "get_meter"
    if isinstance(value, type):
        raise TypeError(f"{attribute.name} should be a provider of OpenTelemetry, not its class {value.__name__}")
    if value is not None and not callable(getattr(value, method, None)):
        raise TypeError(
            f"{attribute.name} should be a provider of OpenTelemetry, which has the method {method}; this is "
            f"{type(value).__name__}"
        )


@frozen(kw_only=True)
class Telemetry:
    """What a client records with OpenTelemetry. By default: spans and metrics, if the program has set a provider.

    No span and no metric contains the API key, a prompt, a message of a server or the query of a URL.

    Raises:
        TypeError: A provider lacks `get_tracer` or `get_meter`.
    """

    request_spans: bool = True
    """Whether each request has a span of its own: each poll, each attempt to create a task, each request of a
    download and each page of a list."""
    request_spans_in_wait_many: bool = False
    """The same for the polls of `wait_many`, which may be very many."""
    propagate: bool = False
    """Whether requests to the API send the current trace, in the header `traceparent`. Downloads never do."""
    tracer_provider: TracerProvider | None = field(default=None, validator=_check_provider)
    """Makes the spans. By default, the provider of the program."""
    meter_provider: MeterProvider | None = field(default=None, validator=_check_provider)
    """Makes the metrics. By default, the provider of the program."""
