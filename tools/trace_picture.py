"""Draws docs/assets/trace.svg: the trace of a `generate` that really ran, as OpenTelemetry's exporter got it.

Run by `nox -s trace`. With `--check`, it only compares the picture's spans with those of another run.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from attrs import frozen
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from meshapi_video import PollPolicy, Telemetry, VideoClient
from meshapi_video_sandbox import running_sandbox

PICTURE: Final = Path(__file__).parents[1] / "docs" / "assets" / "trace.svg"
MODEL: Final = "byteplus/dreamina-seedance-2-0"
SHOWN: Final = {
    "http.response.status_code": "{}",
    "http.request.resend_count": "resend {}",
    "error.type": "{}",
    "meshapi.video.status": "{}",
    "meshapi.video.polls": "{} polls",
    "meshapi.video.failures": "{} failed",
    "meshapi.video.file_size": "{:,} bytes",
}
"""The attributes in the picture, and their texts. An id differs in each run."""
WIDTH, LEFT, ROW, TOP, TEXT = 960, 300, 26, 40, 300
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: #777 }
.axis { stroke: #888; stroke-opacity: .35; fill: none }
.call { fill: #3b7dd8 }
.request { fill: #2a9d5c }
.error { fill: #d0453b }
"""


@frozen
class Row:
    """A span in the picture."""

    name: str
    depth: int
    kind: str
    facts: str
    start: float
    """Seconds since the start of the trace."""
    end: float

    @property
    def indent(self) -> int:
        """Where the name begins, by its place in the tree."""
        return 8 + 16 * self.depth


def main() -> None:
    """Draws the picture, or checks it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the picture with a new run, and write nothing")
    rows = rows_of(record())
    if parser.parse_args().check:
        check(rows, PICTURE.read_text(encoding="utf-8"))
    else:
        PICTURE.write_text(svg(rows), encoding="utf-8")


def record() -> Sequence[ReadableSpan]:
    """The spans of a `generate` with a download, one of whose polls fails."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    quick = PollPolicy(initial_delay=0.4, multiplier=1.0, max_delay=0.4, jitter=0.0)
    with running_sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        sandbox.plan_creates(queued_for=0.2, running_for=0.8, faults=[{"polls": [2], "status": 503}])
        telemetry = Telemetry(tracer_provider=provider)
        with VideoClient(sandbox.api_key, base_url=sandbox.base_url, telemetry=telemetry) as client:
            client.generate(MODEL, "a lake at sunrise", to=Path(folder, "lake.mp4"), poll=quick)
    return exporter.get_finished_spans()


def rows_of(spans: Iterable[ReadableSpan]) -> list[Row]:
    """The rows of the picture, each below its parent."""
    started = sorted(spans, key=lambda span: span.start_time or 0)
    begin, depths, rows = started[0].start_time or 0, dict[int, int](), list[Row]()
    for span in started:
        depth = depths[span.parent.span_id] + 1 if span.parent else 0
        context = span.get_span_context()
        assert context is not None
        depths[context.span_id] = depth
        attributes = dict(span.attributes or {})
        # The type of an error may be the status, which is shown once.
        facts = dict.fromkeys(text.format(attributes[name]) for name, text in SHOWN.items() if attributes.get(name))
        kind = "error" if "error.type" in attributes else "request" if "http.request.method" in attributes else "call"
        times = ((span.start_time or 0) - begin) / 1e9, ((span.end_time or 0) - begin) / 1e9
        rows.append(Row(span.name, depth, kind, ", ".join(facts), *times))
    return rows


def svg(rows: Sequence[Row]) -> str:
    """The picture: readable on light and on dark pages."""
    scale = (WIDTH - LEFT - TEXT) / rows[0].end
    height = TOP + ROW * len(rows) + 8
    parts = list[str]()
    for second in range(int(rows[0].end) + 1):
        x = LEFT + second * scale
        parts.append(f'<path class="axis" d="M{x:.1f} {TOP - 12}V{height}"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 18}" text-anchor="middle">{second} s</text>')
    for number, row in enumerate(rows):
        y = TOP + ROW * number
        x, width = LEFT + row.start * scale, max((row.end - row.start) * scale, 2)
        parts.append(f'<text class="name" x="{row.indent}" y="{y + 13}">{escape(row.name)}</text>')
        parts.append(f'<rect class="{row.kind}" x="{x:.1f}" y="{y + 2}" width="{width:.1f}" height="14" rx="2"/>')
        if row.facts:
            parts.append(f'<text class="facts" x="{x + width + 6:.1f}" y="{y + 13}">{escape(row.facts)}</text>')
    label = "The trace of one generate: a create, a wait with its polls, and a download"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def check(rows: Sequence[Row], picture: str) -> None:
    """Raises `AssertionError` unless the picture has these spans in this order. Times and numbers of polls differ."""
    drawn = re.findall(r'class="name" x="(\d+)"[^>]*>([^<]*)</text>\n<rect class="(\w+)"', picture)
    expected = [(str(row.indent), escape(row.name), row.kind) for row in rows]
    assert without_repeats(drawn) == without_repeats(expected), "the picture is out of date: nox -s trace"


def without_repeats(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The rows without those that are the same as the row before: a slow machine polls once more."""
    return [row for before, row in zip([None, *rows], rows, strict=False) if row != before]


if __name__ == "__main__":
    main()
