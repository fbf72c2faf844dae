"""Spans and metrics of OpenTelemetry. Only `tracing` and `metrics` import it, and only in a program that uses it."""
