"""The picture of a trace shows the spans that a `generate` has today."""

from __future__ import annotations

import pytest

from tools.trace_picture import PICTURE, Row, check, record, rows_of, svg


def test_the_picture_has_the_spans_of_a_generate_that_runs_now() -> None:
    check(rows_of(record()), PICTURE.read_text(encoding="utf-8"))


def test_a_picture_without_one_of_the_spans_is_out_of_date() -> None:
    rows = [Row("generate", 0, "call", "", 0.0, 2.0), Row("wait", 1, "error", "503", 0.5, 1.0)]
    check(rows, svg(rows))
    with pytest.raises(AssertionError, match="nox -s trace"):
        check(rows, svg(rows[:1]))
