"""Metrics. Imported only in a program that has a provider of OpenTelemetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meshapi_video._telemetry.call import error_type, known_status
from meshapi_video._version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

    from meshapi_video._polling.state import PollState
    from meshapi_video._telemetry.settings import MeterProvider

_BOUNDARIES: Final = (5.0, 10.0, 20.0, 30.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
"""Seconds. A video takes minutes."""


class Metrics:
    """The instruments of one client. No attribute has the id of a task: there would be a time series for each."""

    def __init__(self, provider: MeterProvider) -> None:
        meter: Meter = provider.get_meter("meshapi_video", __version__)
        self._polls = meter.create_counter("meshapi.video.polls", "{poll}", "Polls, by their outcome.")
        self._durations = meter.create_histogram(
            "meshapi.video.wait.duration",
            "s",
            "The time from the start of a wait to its end.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._waits = meter.create_up_down_counter("meshapi.video.active_waits", "{wait}", "Waits that have not ended.")

    def polled(self, after: PollState) -> None:
        """Counts a poll, by the status that it received, or by its error."""
        failed = {} if after.error is None else {"error.type": error_type(after.error)}
        received = {} if after.task is None else {"meshapi.video.status": known_status(after.task.status)}
        self._polls.add(1, failed or received)

    def waits_changed(self, by: int) -> None:
        """Counts waits that begin, or a negative number of waits that end."""
        if by:
            self._waits.add(by)

    def wait_ended(self, seconds: float, error: str | None) -> None:
        """Records the duration of a wait, with the type of its error."""
        self._durations.record(seconds, {} if error is None else {"error.type": error})
